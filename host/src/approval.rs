//! What an owner approves of what an app asks for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use syft_manifest::sanitize::quoted;
use syft_manifest::{
    AccessGrants, Files, Grants, Http, HttpGrants, HttpOrigin, Manifest, MessageGrants, Messages,
    VariableName, WantedRules, WantedSecret,
};
use syft_protocol::grant::PathPattern;
use syft_system::private;

use crate::error::CommandError;
use crate::layout::one_line;
use crate::ui::Ui;

/// What the owner says on the command line.
#[derive(Debug, Clone, Default)]
pub struct ApprovalFlags {
    /// Approve all that the app asks for.
    pub allow_all_requested: bool,
    /// Approve reading these.
    pub allow_read: Vec<PathPattern>,
    /// Approve writing these.
    pub allow_write: Vec<PathPattern>,
    /// Approve requests to these.
    pub allow_http: Vec<HttpOrigin>,
    /// Approve messages to these endpoints.
    pub allow_send: Vec<PathPattern>,
    /// Approve these secrets, in the way in which the app asks for them.
    pub allow_secret: Vec<VariableName>,
    /// Approve the access rules of these files in the app's own folder.
    pub allow_access: Vec<String>,
    /// Deny these, whatever is approved.
    pub deny: Vec<PathPattern>,
}

impl ApprovalFlags {
    fn is_about_files(&self) -> bool {
        !self.allow_read.is_empty() || !self.allow_write.is_empty()
    }

    fn is_about_parts(&self) -> bool {
        self.is_about_files()
            || !self.allow_http.is_empty()
            || !self.allow_send.is_empty()
            || !self.allow_secret.is_empty()
            || !self.allow_access.is_empty()
    }

    /// Returns what these approve by name.
    fn parts(&self, manifest: &Manifest) -> Parts {
        let files = Files {
            read: self.allow_read.clone(),
            write: self.allow_write.clone(),
            on_behalf_of_sender: self.allow_read.clone(),
            own_folder: false,
            immediate_writes: false,
        };
        let http = Http {
            allow: self.allow_http.clone(),
            methods: Vec::new(),
        };
        let messages = Messages {
            send: self.allow_send.clone(),
        };
        let is_allowed = |secret: &&WantedSecret| self.allow_secret.contains(&secret.name);
        let secrets = manifest
            .secrets
            .iter()
            .filter(is_allowed)
            .cloned()
            .collect();
        let is_allowed = |rules: &&WantedRules| {
            let mut allowed = self.allow_access.iter();
            allowed.any(|path| path == rules.path())
        };
        let access = manifest.access.iter().filter(is_allowed).cloned().collect();
        Parts {
            files,
            http,
            messages,
            secrets,
            access,
        }
    }
}

/// What is approved of a manifest.
struct Parts {
    files: Files,
    http: Http,
    messages: Messages,
    secrets: Vec<WantedSecret>,
    access: Vec<WantedRules>,
}

impl Parts {
    fn all_of(manifest: &Manifest) -> Self {
        Self {
            files: manifest.files.clone(),
            http: manifest.http.clone(),
            messages: manifest.messages.clone(),
            secrets: manifest.secrets.clone(),
            access: manifest.access.clone(),
        }
    }
}

/// Approvals that were given for good, by the digest of the component: they are
/// for these bytes and no others.
#[derive(Debug)]
pub struct Approvals {
    folder: PathBuf,
}

impl Approvals {
    /// Returns the approvals in a private folder of the host.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn contain(&self, digest: &str) -> bool {
        self.folder.join(digest).is_file()
    }

    fn add(&self, digest: &str, name: &str) -> io::Result<()> {
        private::make_folders(&self.folder)?;
        fs::write(self.folder.join(digest), name)
    }
}

/// What the owner decided.
#[derive(Debug, Clone)]
pub struct Approved {
    /// What the app gets.
    pub grants: Grants,
    /// The owner approved all that the app asks for, its limits too.
    pub is_all: bool,
}

/// Finds out what the owner approves: by what they said on the command line, what
/// they approved for good before, or by asking.
///
/// # Errors
/// The owner says no, or is not there to be asked.
pub fn approve(
    ui: Ui,
    name: &str,
    manifest: &Manifest,
    digest: &str,
    flags: &ApprovalFlags,
    approvals: &Approvals,
) -> Result<Approved, CommandError> {
    let wants_files = manifest.files.need_approval();
    let wants_http = !manifest.http.allow.is_empty();
    if !wants_files && flags.is_about_files() {
        ui.status("note: the app asks for no files, so there is nothing to allow");
    }
    if !wants_http && !flags.allow_http.is_empty() {
        ui.status("note: the app asks for no HTTP requests, so there is nothing to allow");
    }
    if manifest.messages.send.is_empty() && !flags.allow_send.is_empty() {
        ui.status("note: the app asks to send no messages, so there is nothing to allow");
    }
    if manifest.secrets.is_empty() && !flags.allow_secret.is_empty() {
        ui.status("note: the app asks for no secrets, so there is nothing to allow");
    }
    if manifest.access.is_empty() && !flags.allow_access.is_empty() {
        ui.status("note: the app asks for no access rules, so there is nothing to allow");
    }
    let wants_any = !wishes(manifest).is_empty();
    let is_all = flags.allow_all_requested
        || (wants_any && !flags.is_about_parts() && {
            approvals.contain(digest) || ask(ui, name, manifest, digest, approvals)?
        });
    let approved = if is_all {
        Parts::all_of(manifest)
    } else {
        flags.parts(manifest)
    };
    tell_refused(ui, manifest, &approved);
    let grants = Grants {
        requested: manifest.files.clone(),
        approved: approved.files,
        denied: flags.deny.clone(),
        http: HttpGrants {
            requested: manifest.http.clone(),
            approved: approved.http,
            denied: Vec::new(),
        },
        messages: MessageGrants {
            requested: manifest.messages.clone(),
            approved: approved.messages,
        },
        secrets: approved.secrets,
        access: AccessGrants {
            requested: manifest.access.clone(),
            approved: approved.access,
        },
    };
    Ok(Approved { grants, is_all })
}

/// Says which secrets and access rules the app does not get, and what would allow them.
fn tell_refused(ui: Ui, manifest: &Manifest, allowed: &Parts) {
    let refused = (manifest.access.iter()).filter(|rules| !allowed.access.contains(rules));
    for path in refused.map(WantedRules::path) {
        ui.status(&format!(
            "note: the app asks for access rules in {path} and does not get them"
        ));
        ui.status(&format!(
            "hint: to allow them, run the app with: --allow-access {path}"
        ));
    }
    let refused = (manifest.secrets.iter()).filter(|secret| !allowed.secrets.contains(secret));
    for WantedSecret { name, .. } in refused {
        ui.status(&format!(
            "note: the app asks for the secret {name} and does not get it"
        ));
        ui.status(&format!(
            "hint: to allow it, run the app with: --allow-secret {name}"
        ));
    }
}

fn ask(
    ui: Ui,
    name: &str,
    manifest: &Manifest,
    digest: &str,
    approvals: &Approvals,
) -> Result<bool, CommandError> {
    let wishes = wishes(manifest);
    if !ui.can_ask() {
        let what = asked_for(manifest);
        let message = format!("the app `{name}` asks for {what}, and nobody said what it may have");
        let mut error = CommandError::new(message).hint("allow all of it: --allow-all-requested");
        for wish in wishes {
            error = error.hint(format!(
                "allow a part of it: {} '{}'",
                wish.option, wish.what
            ));
        }
        return Err(error);
    }
    for warning in manifest.warnings() {
        ui.status(&one_line(&format!("  careful: {}", warning.message)));
    }
    ui.status(&format!("The app `{name}` asks to"));
    for wish in &wishes {
        ui.status(&quoted(&format!("{} {}", wish.words, wish.what)));
    }
    loop {
        match ui
            .ask("Allow this? [y]es, [n]o, [a]lways for this very file:")?
            .as_str()
        {
            "y" | "yes" => return Ok(true),
            "n" | "no" | "" => return Err(CommandError::declined("Not allowed, so not run.")),
            "a" | "always" => {
                approvals.add(digest, name)?;
                return Ok(true);
            }
            _ => ui.status("Please answer y, n or a."),
        }
    }
}

/// Returns in words what kind of things an app asks for.
fn asked_for(manifest: &Manifest) -> String {
    let kinds = [
        ("files", manifest.files.need_approval()),
        ("HTTP requests", !manifest.http.allow.is_empty()),
        ("messages to other apps", !manifest.messages.send.is_empty()),
        ("secrets", !manifest.secrets.is_empty()),
        ("access rules", !manifest.access.is_empty()),
    ];
    let kinds = kinds.into_iter().filter(|(_, is_wanted)| *is_wanted);
    let kinds: Vec<&str> = kinds.map(|(kind, _)| kind).collect();
    match kinds.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

struct Wish {
    words: String,
    option: &'static str,
    what: String,
}

fn wishes(manifest: &Manifest) -> Vec<Wish> {
    let files = &manifest.files;
    let mut wishes = Vec::new();
    for (words, option, patterns) in [
        ("read", "--allow-read", &files.read),
        ("read and write", "--allow-write", &files.write),
        (
            "read for a caller what that caller may read, in",
            "--allow-read",
            &files.on_behalf_of_sender,
        ),
    ] {
        wishes.extend(patterns.iter().map(|pattern| Wish {
            words: words.to_owned(),
            option,
            what: pattern.to_string(),
        }));
    }
    let words = manifest.http.in_words();
    wishes.extend(manifest.http.allow.iter().map(|origin| Wish {
        words: words.clone(),
        option: "--allow-http",
        what: origin.to_string(),
    }));
    wishes.extend(manifest.messages.send.iter().map(|pattern| Wish {
        words: Messages::WORDS.to_owned(),
        option: "--allow-send",
        what: pattern.to_string(),
    }));
    wishes.extend(manifest.secrets.iter().map(|secret| Wish {
        words: secret.words(),
        option: "--allow-secret",
        what: secret.name.to_string(),
    }));
    wishes.extend(manifest.access.iter().map(|rules| Wish {
        words: rules.words(),
        option: "--allow-access",
        what: rules.path().to_owned(),
    }));
    wishes
}
