//! What is known about an app, for people and for scripts.

use std::path::Path;

use serde_json::{Map, Value, json};
use syft_manifest::sanitize::{plain, plain_excerpt, quoted};
use syft_manifest::{
    Limits, Manifest, Problem, SecretHeader, VariableName, WantedRules, WantedSecret,
};
use syft_package::PublicKey;
use syft_protocol::grant::PathPattern;
use syft_protocol::schedule::Schedule;

use super::imports::Imports;
use super::limits::describe;
use crate::error::CommandError;
use crate::layout::one_line;
use crate::prepared_app::AppInterface;

/// The most that is shown of why an app cannot run.
const MAX_WHY_CHARS: usize = 500;

/// What is known about an app. Its own texts were checked; what was not is made
/// plain here.
pub(super) struct Report<'a> {
    pub(super) path: &'a Path,
    pub(super) bytes: usize,
    pub(super) sha256: String,
    pub(super) signed: Signed,
    pub(super) has_manifest: bool,
    pub(super) manifest: Manifest,
    pub(super) warnings: Vec<Problem>,
    pub(super) imports: Imports,
    /// Or why it cannot run.
    pub(super) serves: Result<AppInterface, CommandError>,
    /// With what the app asks for.
    pub(super) limits: Limits,
}

/// Who has signed an app.
pub(super) enum Signed {
    /// Nobody.
    No,
    /// The owners of these keys, whoever they are.
    By(Vec<PublicKey>),
    /// The owner of this key, whose it was when the app was installed.
    Known {
        /// The fingerprint.
        key: String,
        /// Whose app it is.
        author: String,
    },
    /// It has signatures that do not count, for this reason.
    Invalid(String),
}

impl Report<'_> {
    /// Returns the report for people.
    pub(super) fn to_lines(&self) -> Vec<String> {
        let mut lines = self.about();
        lines.extend(self.signed.in_words());
        match &self.serves {
            Ok(AppInterface {
                endpoints,
                watches,
                schedules,
                ..
            }) => {
                theirs(&mut lines, "Answers:", endpoints.iter().cloned());
                let watches = watches.iter().map(|(words, _)| words.clone());
                theirs(&mut lines, "Watches:", watches);
                let schedules = schedules.iter().map(Schedule::words);
                theirs(&mut lines, "Acts by the clock:", schedules);
            }
            Err(_) => theirs(&mut lines, "Does not run:", self.why_not().into_iter()),
        }
        block(&mut lines, "Imports:", self.imports());
        self.asked_for(&mut lines);
        let limits = describe(&self.limits, &self.manifest.limits);
        let limits = limits.into_iter().map(|limit| {
            let whose = if limit.is_asked_for {
                "  (as the app asks)"
            } else {
                ""
            };
            format!("{:<45}{}{whose}", limit.what, limit.words)
        });
        block(&mut lines, "May use at most:", limits);
        let warnings = self.warnings.iter();
        let warnings =
            warnings.map(|warning| one_line(&format!("{}; {}", warning.message, warning.help)));
        block(&mut lines, "Warnings:", warnings);
        let description = self.manifest.description.iter();
        theirs(&mut lines, "Says of itself:", description.cloned());
        lines
    }

    /// Returns why it cannot run, which may quote its author.
    fn why_not(&self) -> Option<String> {
        let error = self.serves.as_ref().err()?;
        Some(plain_excerpt(&error.to_string(), MAX_WHY_CHARS))
    }

    fn about(&self) -> Vec<String> {
        let Manifest {
            name,
            version,
            sequence,
            author,
            ..
        } = &self.manifest;
        let no_author = || "(not said)".to_owned();
        let about = [
            ("Name", name.as_ref().map(ToString::to_string)),
            ("Version", version.as_ref().map(ToString::to_string)),
            ("Sequence", sequence.map(|sequence| sequence.to_string())),
            // Nobody vouches for it.
            (
                "Author",
                Some(
                    author
                        .as_ref()
                        .map_or_else(no_author, |author| format!("{author} (so it says)")),
                ),
            ),
            ("File", Some(self.path.display().to_string())),
            ("Size", Some(format!("{} bytes", self.bytes))),
            ("SHA-256", Some(self.sha256.clone())),
        ];
        let known = about
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        known
            .map(|(key, value)| format!("{key:<13}{}", plain(&value)))
            .collect()
    }

    fn imports(&self) -> impl Iterator<Item = String> {
        let known = self.imports.in_words();
        let unknown = self.imports.unknown.iter();
        let more = (self.imports.n_hidden > 0).then_some(self.imports.n_hidden);
        known
            .map(|(package, words)| format!("{package:<17}{words}"))
            .chain(unknown.map(|name| format!("{name}  unknown: no app can have it")))
            .chain(more.map(|count| format!("and {count} more that no app can have")))
    }

    fn asked_for(&self, lines: &mut Vec<String>) {
        let (files, http) = (&self.manifest.files, &self.manifest.http);
        let lists = [
            ("Reads:", &files.read),
            ("Writes, and reads:", &files.write),
            (
                "Reads for its caller what the caller may read:",
                &files.on_behalf_of_sender,
            ),
        ];
        if files.own_folder {
            let own = ["all of it, without being asked for your approval".to_owned()];
            block(lines, "Writes and reads its own folder:", own.into_iter());
        } else if !files.need_approval() {
            let why = if self.has_manifest {
                "none"
            } else {
                "none: it carries no manifest"
            };
            block(lines, "Asks for files:", [why.to_owned()].into_iter());
        }
        if files.immediate_writes {
            let all = ["also those of a call that fails".to_owned()];
            block(
                lines,
                "Shows others at once what it writes:",
                all.into_iter(),
            );
        }
        for (title, patterns) in lists {
            theirs(
                lines,
                title,
                patterns.iter().map(|pattern| pattern.as_str().to_owned()),
            );
        }
        let methods = strings(&http.methods);
        let title = match methods.as_slice() {
            [] => "Sends HTTP requests to:".to_owned(),
            methods => format!("Sends HTTP requests ({}) to:", methods.join(", ")),
        };
        theirs(lines, &title, strings(&http.allow).into_iter());
        let send = strings(&self.manifest.messages.send);
        theirs(
            lines,
            "Sends requests to other apps as its owner:",
            send.into_iter(),
        );
        let secrets = self.manifest.secrets.iter().map(in_words);
        theirs(lines, "Uses secrets of its owner:", secrets);
        let rules = self.manifest.access.iter();
        let rules = rules.flat_map(|rules| {
            let words = rules.in_words().into_iter();
            words.map(move |words| format!("{}: {words}", rules.path()))
        });
        theirs(lines, "Lets others into its own folder:", rules);
        if self.manifest.worker.is_some() {
            let needs = [self.manifest.worker.in_words()].into_iter();
            block(lines, "Wants of the machine that runs its calls:", needs);
        }
        let args = self.manifest.args.iter().cloned();
        theirs(lines, "Is called with the arguments:", args);
        let variable = |(name, value): (&VariableName, &String)| format!("{name}={value}");
        theirs(
            lines,
            "Has the environment variables:",
            self.manifest.env.iter().map(variable),
        );
    }

    /// Returns the report for scripts.
    pub(super) fn to_json(&self) -> Value {
        let limits = describe(&self.limits, &self.manifest.limits);
        let limits: Map<String, Value> = limits
            .into_iter()
            .map(|limit| (limit.key.to_owned(), limit.value))
            .collect();
        let Manifest {
            name,
            version,
            sequence,
            description,
            author,
            args,
            env,
            files,
            http,
            messages,
            secrets,
            access,
            worker,
            ..
        } = &self.manifest;
        let env: Map<String, Value> = env
            .iter()
            .map(|(name, value)| (name.to_string(), json!(value)))
            .collect();
        let secrets: Vec<Value> = secrets.iter().map(to_json).collect();
        let warnings = self.warnings.iter();
        let warnings: Vec<Value> = warnings
            .map(|warning| {
                let (message, help) = (plain(&warning.message), plain(&warning.help));
                json!({"message": message, "help": help})
            })
            .collect();
        let imports: Map<String, Value> = self
            .imports
            .known
            .iter()
            .map(|(package, names)| ((*package).to_owned(), json!(names)))
            .collect();
        let serves = self.serves.as_ref().ok();
        let watches = serves.map_or(&[][..], |served| &served.watches).iter();
        let watches: Vec<&Value> = watches.map(|(_, json)| json).collect();
        json!({
            "name": name.as_ref().map(ToString::to_string),
            "version": version.as_ref().map(ToString::to_string),
            "sequence": sequence,
            "description": description,
            "author": author,
            "path": self.path,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "signed": self.signed.to_json(),
            "has_manifest": self.has_manifest,
            "runs": serves.is_some(),
            "why_not": self.why_not(),
            "endpoints": serves.map_or(&[][..], |served| &served.endpoints),
            "watches": watches,
            "schedules": serves.map(AppInterface::schedules_json).unwrap_or_default(),
            "imports": imports,
            "unknown_imports": self.imports.unknown,
            "files": {
                "read": texts(&files.read),
                "write": texts(&files.write),
                "on-behalf-of-sender": texts(&files.on_behalf_of_sender),
                "own-folder": files.own_folder,
                "immediate-writes": files.immediate_writes,
            },
            "http": {
                "allow": strings(&http.allow),
                "methods": strings(&http.methods),
            },
            "messages": { "send": texts(&messages.send) },
            "secrets": secrets,
            "access": access.iter().map(rules_to_json).collect::<Vec<_>>(),
            "worker": {
                "cpu": worker.cpu,
                "memory_bytes": worker.memory_bytes,
                "labels": strings(&worker.labels),
            },
            "args": args,
            "env": env,
            "limits": limits,
            "warnings": warnings,
        })
    }
}

impl Signed {
    fn in_words(&self) -> Vec<String> {
        match self {
            Self::No => vec!["Signed by    nobody".to_owned()],
            Self::By(keys) => {
                let line = |key| format!("Signed by    {key} (nothing here says whose key it is)");
                keys.iter().map(line).collect()
            }
            Self::Known { key, author } => {
                vec![format!(
                    "Signed by    {key}, the key of {author} as you know it"
                )]
            }
            Self::Invalid(why) => vec![format!("Signature    not valid: {why}")],
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::No => Value::Null,
            Self::By(keys) => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                json!({"valid": true, "signers": keys})
            }
            Self::Known { key, .. } => json!({"valid": true, "signers": [key]}),
            Self::Invalid(why) => json!({"valid": false, "why_not": why}),
        }
    }
}

/// Returns a secret for people: how the app asks for it, and never what it is.
fn in_words(secret: &WantedSecret) -> String {
    match &secret.sent {
        None => format!("{}: it reads it", secret.name),
        Some(SecretHeader { to, header, format }) => format!(
            "{}: the host adds it to requests to {to}, as `{header}: {format}`",
            secret.name
        ),
    }
}

fn to_json(secret: &WantedSecret) -> Value {
    let sent = secret.sent.as_ref();
    json!({
        "name": secret.name.as_str(),
        "send-to": sent.map(|sent| sent.to.to_string()),
        "header": sent.map(|sent| &sent.header),
        "format": sent.map(|sent| &sent.format),
    })
}

fn rules_to_json(rules: &WantedRules) -> Value {
    json!({"path": rules.path(), "rules": rules.text(), "words": rules.in_words()})
}

fn strings(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn texts(patterns: &[PathPattern]) -> Vec<&str> {
    patterns.iter().map(PathPattern::as_str).collect()
}

/// Adds a title and below it what the app says, if that is anything.
fn theirs(lines: &mut Vec<String>, title: &str, texts: impl Iterator<Item = String>) {
    let quoted = texts.map(|text| quoted(&text).trim_start().to_owned());
    block(lines, title, quoted);
}

/// Adds a title and its lines, if there are any.
pub(super) fn block(lines: &mut Vec<String>, title: &str, content: impl Iterator<Item = String>) {
    let mut content = content.peekable();
    if content.peek().is_none() {
        return;
    }
    lines.push(String::new());
    lines.push(title.to_owned());
    lines.extend(content.map(|line| format!("  {line}")));
}
