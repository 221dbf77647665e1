//! What an app says of itself and asks for.
//!
//! Its author writes `syft-app.toml`; `syft-host build` embeds it in the component
//! as the custom section `syft:manifest`. Asking is not getting: the owner grants
//! as much of it as they like, and a component without a manifest answers requests
//! and nothing else.

mod access_rules;
mod check;
mod diagnostic;
pub mod findings;
mod http;
mod json;
mod messages;
mod parse;
mod patterns;
mod schedules;
mod schema;
mod secrets;
pub mod section;
mod worker;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Limits;
use crate::origin::{HttpMethod, HttpOrigin};
use crate::variable::VariableName;
use syft_protocol::address::{AddressError, AppName};
use syft_protocol::grant::PathPattern;

pub use access_rules::WantedRules;
pub use check::Problem;
pub use check::{SEQUENCE, parse_version};
pub use check::{memory as memory_limit, quota as quota_limit, time as time_limit};
pub use diagnostic::Diagnostic;
pub use json::ManifestError;
pub use schedules::{MAX_SCHEDULES, WantedSchedule};
pub use schema::schema;
pub use secrets::{SecretHeader, WantedSecret, may_carry_secrets};
pub use worker::{WorkerLabel, WorkerLabelError, WorkerNeeds};

use patterns::List;

/// The name of the file in a guest's folder.
pub const FILE_NAME: &str = "syft-app.toml";

/// What an app says of itself and asks for. All of it was checked, none of it is
/// granted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// The name of the app, which is its folder below `app_data`.
    pub name: Option<AppName>,
    /// Its version.
    pub version: Option<semver::Version>,
    /// Its number among the releases of the app, which grows with each.
    pub sequence: Option<u64>,
    /// What it does, in one line.
    pub description: Option<String>,
    /// Who wrote it, in their own words: nobody vouches for it.
    pub author: Option<String>,
    /// The arguments of its program.
    pub args: Vec<String>,
    /// The environment variables of its program, which are no secrets.
    pub env: BTreeMap<VariableName, String>,
    /// The files it asks for.
    pub files: Files,
    /// The HTTP requests that it asks to send.
    pub http: Http,
    /// The messages to other apps that it asks to send.
    pub messages: Messages,
    /// The secrets that it asks for.
    pub secrets: Vec<WantedSecret>,
    /// What it says of its schedules, in the order of their names.
    pub schedules: Vec<WantedSchedule>,
    /// The access rules that it asks for, for its own folder, in the order of their paths.
    pub access: Vec<WantedRules>,
    /// What it wants of its memory between calls: the SDKs of some languages keep it.
    pub memory: Option<ProgramMemory>,
    /// What it needs of the machine that runs its calls.
    pub worker: WorkerNeeds,
    /// What it says it needs.
    pub limits: ManifestLimits,
}

/// What a call finds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramMemory {
    /// What the calls before it left.
    Kept,
    /// What the start of the program left.
    Fresh,
}

impl ProgramMemory {
    /// Returns the word for it in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Fresh => "fresh",
        }
    }
}

/// The files that an app asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// To read.
    pub read: Vec<PathPattern>,
    /// To write, make, rename and delete. What an app may write it may also read.
    pub write: Vec<PathPattern>,
    /// To read while it answers a request, as far as `syft.pub.yaml` lets the
    /// sender of that request read.
    pub on_behalf_of_sender: Vec<PathPattern>,
    /// All of the app's own folder, to write and to read, which needs no approval.
    pub own_folder: bool,
    /// Others see at once what a call writes, also of one that fails.
    pub immediate_writes: bool,
}

/// The HTTP requests that an app asks to send.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Http {
    /// Where to.
    pub allow: Vec<HttpOrigin>,
    /// By which methods; where there is none, by all that there are.
    pub methods: Vec<HttpMethod>,
}

/// The messages to other apps that an app asks to send.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Messages {
    /// To which endpoints: `*/app_data/pingpong/rpc/**`.
    pub send: Vec<PathPattern>,
}

impl Messages {
    /// What the app does with them, in words.
    pub const WORDS: &'static str = "send requests as you to";
}

/// The limits that an app asks for, where they differ from the host's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManifestLimits {
    /// Wall-clock time of a call; whole milliseconds.
    pub time: Option<Duration>,
    /// Sum of the sizes of all linear memories of a call.
    pub memory_bytes: Option<usize>,
    /// Calls that run at the same time.
    pub concurrency: Option<usize>,
    /// Bytes of all keys and values that the app keeps: `quota` of `[state]`.
    pub state_bytes: Option<u64>,
}

impl Manifest {
    /// Returns the manifest that an author wrote, with warnings about it.
    ///
    /// `path_for_messages` is where diagnostics say it lies.
    ///
    /// # Errors
    /// Everything that is wrong with it, or the first hundred errors, warnings
    /// included, in the order of the text.
    pub fn from_toml(
        path_for_messages: &str,
        text: &str,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        parse::parse(path_for_messages, text)
    }

    /// Returns the manifest in the JSON of a custom section.
    ///
    /// # Errors
    /// It is too large, not JSON of this shape, or asks for what nobody can have.
    pub fn from_section(json: &[u8]) -> Result<Self, ManifestError> {
        json::read(json)
    }

    /// Returns the canonical JSON for a custom section: keys in a fixed order,
    /// absent ones left out, no white space.
    pub fn to_section(&self) -> Vec<u8> {
        json::write(self)
    }

    /// Returns the manifest that a component carries, if it carries one.
    ///
    /// # Errors
    /// The bytes are not a component, or its manifest is invalid.
    pub fn from_component(component: &[u8]) -> Result<Option<Self>, ManifestError> {
        let json = section::read(component)?;
        json.map(|json| Self::from_section(&json)).transpose()
    }

    /// Returns the manifest with name, version and description of a crate where it
    /// has none. A description that is not fit for a manifest is left out.
    ///
    /// # Errors
    /// The crate's name cannot name an app.
    pub fn or_of_crate(
        mut self,
        name: &str,
        version: &semver::Version,
        description: Option<&str>,
    ) -> Result<Self, AddressError> {
        self.version.get_or_insert_with(|| version.clone());
        self.or_of_program(name, description)
    }

    /// Returns the manifest with name and description of a program where it has none. A
    /// description that is not fit for a manifest is left out.
    ///
    /// # Errors
    /// The name cannot name an app.
    pub fn or_of_program(
        mut self,
        name: &str,
        description: Option<&str>,
    ) -> Result<Self, AddressError> {
        if self.name.is_none() {
            self.name = Some(AppName::parse(name)?);
        }
        // Those of crates are often broken into lines.
        let words = description.unwrap_or_default().split_whitespace();
        let description = check::description(&words.collect::<Vec<_>>().join(" "));
        self.description = self.description.or(description.ok());
        Ok(self)
    }

    /// Returns the manifest with other arguments, if there are any.
    ///
    /// # Errors
    /// One of them is not fit for a manifest, or there are too many.
    pub fn with_args(mut self, args: &[String]) -> Result<Self, Problem> {
        check::number("args", args.len(), check::MAX_ARGS)?;
        let checked: Vec<String> =
            (args.iter().map(|text| check::arg(text))).collect::<Result<_, _>>()?;
        if !checked.is_empty() {
            self.args = checked;
        }
        Ok(self)
    }

    /// Returns what an owner should know before granting all of it.
    pub fn warnings(&self) -> Vec<Problem> {
        let lists = self.files.lists();
        let asked = lists
            .into_iter()
            .flat_map(|(list, patterns)| patterns.iter().map(move |pattern| (list, pattern)));
        let of_files =
            asked.flat_map(|(list, pattern)| patterns::warnings(list, pattern, &self.files));
        let of_http = self.http.allow.iter().filter_map(http::warning);
        let of_messages = self.messages.send.iter().filter_map(messages::warning);
        let of_secrets = self.secrets.iter().filter_map(secrets::warning);
        let of_access = self.access.iter().filter_map(access_rules::warning);
        let of_others = of_secrets.chain(of_access);
        let of_requests = of_http.chain(of_messages);
        of_files.chain(of_requests).chain(of_others).collect()
    }
}

impl Files {
    /// Tells whether something is asked for beside the app's own folder, which needs no approval.
    pub fn need_approval(&self) -> bool {
        let lists = self.lists().into_iter();
        lists.map(|(_, patterns)| patterns.len()).sum::<usize>() > 0
    }

    fn lists(&self) -> [(List, &[PathPattern]); 3] {
        [
            (List::Read, &self.read),
            (List::Write, &self.write),
            (List::OnBehalfOfSender, &self.on_behalf_of_sender),
        ]
    }
}

impl Http {
    /// Tells whether requests by a method are among these.
    pub fn has_method(&self, method: HttpMethod) -> bool {
        self.methods.is_empty() || self.methods.contains(&method)
    }

    /// Tells whether requests to an origin are among these.
    pub fn has_origin(&self, origin: &HttpOrigin) -> bool {
        self.allow.iter().any(|wide| wide.covers(origin))
    }

    /// Returns in words what the app does with an origin: `send requests (GET) to`.
    pub fn in_words(&self) -> String {
        let methods: Vec<&str> = self.methods.iter().map(|method| method.as_str()).collect();
        match methods.as_slice() {
            [] => "send requests to".to_owned(),
            methods => format!("send requests ({}) to", methods.join(", ")),
        }
    }
}

impl ManifestLimits {
    /// Returns these limits with what the app asks for in their place.
    pub fn over(&self, limits: Limits) -> Limits {
        Limits {
            time: self.time.unwrap_or(limits.time),
            memory_bytes: self.memory_bytes.unwrap_or(limits.memory_bytes),
            concurrency: self.concurrency.unwrap_or(limits.concurrency),
            state_bytes: self.state_bytes.unwrap_or(limits.state_bytes),
            ..limits
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_says_what_the_manifest_does_not() {
        let version = semver::Version::new(0, 1, 0);
        let of_crate = |toml: &str, description| {
            let (manifest, _) = Manifest::from_toml("x", toml).expect("a manifest");
            let filled = manifest.or_of_crate("crate", &version, description);
            filled.map(|manifest| String::from_utf8(manifest.to_section()).expect("JSON"))
        };
        let text = "[app]\nname = \"app\"\nversion = \"2.0.0\"\ndescription = \"Own\"\n";
        for (toml, description, expected) in [
            ("", None, r#"{"app":{"name":"crate","version":"0.1.0"}}"#),
            (
                "",
                Some("Two\n  lines\n"),
                r#"{"app":{"name":"crate","version":"0.1.0","description":"Two lines"}}"#,
            ),
            (
                "",
                Some(" \u{202e}"),
                r#"{"app":{"name":"crate","version":"0.1.0"}}"#,
            ),
            (
                text,
                Some("Other"),
                r#"{"app":{"name":"app","version":"2.0.0","description":"Own"}}"#,
            ),
        ] {
            assert_eq!(of_crate(toml, description).as_deref(), Ok(expected));
        }
        assert!(
            Manifest::default()
                .or_of_crate("logs", &version, None)
                .is_err()
        );
    }
}
