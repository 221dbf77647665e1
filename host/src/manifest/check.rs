//! The rules of a manifest, for each value alone; where it came from does not matter.

use std::ops::RangeInclusive;
use std::time::Duration;

use syft_protocol::address::AppName;
use syft_protocol::grant::PathPattern;

use super::Files;
use crate::plain::{is_plain, plain_excerpt};
use crate::quantity::{parse_size, parse_time};

pub(super) const TIME: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(600);
pub(super) const MEMORY_BYTES: RangeInclusive<usize> = 1 << 20..=4 << 30;
pub(super) const CONCURRENCY: RangeInclusive<usize> = 1..=1_000;
/// Patterns of one list.
pub(super) const MAX_PATTERNS: usize = 64;
/// The most characters of the texts.
pub(super) const MAX_VERSION: usize = 64;
pub(super) const MAX_DESCRIPTION: usize = 500;
pub(super) const MAX_AUTHOR: usize = 254;

/// What is wrong with a value, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// A list of patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Read,
    Write,
    OnBehalfOfSender,
}

impl List {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::OnBehalfOfSender => "on-behalf-of-sender",
        }
    }
}

pub(super) fn name(text: &str) -> Result<AppName, Problem> {
    AppName::parse(text).map_err(|error| {
        let help = "the name is that of the app's folder, such as `leaderboard`";
        Problem::new(error.to_string(), help)
    })
}

pub(super) fn version(text: &str) -> Result<semver::Version, Problem> {
    let shown = plain_excerpt(text, MAX_VERSION);
    let help = "a version has three numbers, as in `1.2.0` or `1.2.0-beta.1`";
    if text.len() > MAX_VERSION {
        let message = format!("a version has at most {MAX_VERSION} characters");
        return Err(Problem::new(message, help));
    }
    semver::Version::parse(text)
        .map_err(|error| Problem::new(format!("`{shown}` is no version: {error}"), help))
}

pub(super) fn description(text: &str) -> Result<String, Problem> {
    let help = "say in one line what the app does; the rest belongs into its documentation";
    one_line(text, "a description", MAX_DESCRIPTION, help)
}

pub(super) fn author(text: &str) -> Result<String, Problem> {
    let help = "the author is a name or an email, such as `alice@example.org`";
    one_line(text, "an author", MAX_AUTHOR, help)
}

fn one_line(text: &str, what: &str, max_chars: usize, help: &str) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(format!("{what} is not empty"), help));
    }
    if text.chars().count() > max_chars {
        let message = format!("{what} has at most {max_chars} characters");
        return Err(Problem::new(message, help));
    }
    if !text.chars().all(is_plain) {
        let message =
            format!("{what} is one line without control characters or ones that reorder text");
        return Err(Problem::new(message, help));
    }
    Ok(text.to_owned())
}

/// Reads and checks a time such as `5s`.
pub(super) fn time(text: &str) -> Result<Duration, Problem> {
    let time = parse_time(text).ok_or_else(|| {
        let message = format!("`{}` is no time", plain_excerpt(text, 40));
        Problem::new(message, "write a number and its unit, as in `500ms`, `5s` or `2m`")
    })?;
    time_in_bounds(time)
}

pub(super) fn time_in_bounds(time: Duration) -> Result<Duration, Problem> {
    match TIME.contains(&time) {
        true => Ok(time),
        false => Err(Problem::new(
            "a call may take from 1ms to 10m",
            "without `time` it is the host's own limit, 10s",
        )),
    }
}

/// Reads and checks a size such as `128MiB`.
pub(super) fn memory(text: &str) -> Result<usize, Problem> {
    let bytes = parse_size(text).ok_or_else(|| {
        let message = format!("`{}` is no size", plain_excerpt(text, 40));
        Problem::new(message, "write a number and its unit, as in `64MiB` or `1GiB`")
    })?;
    memory_in_bounds(bytes)
}

pub(super) fn memory_in_bounds(bytes: usize) -> Result<usize, Problem> {
    match MEMORY_BYTES.contains(&bytes) {
        true => Ok(bytes),
        false => Err(Problem::new(
            "a call may use from 1MiB to 4GiB of memory",
            "without `memory` it is the host's own limit, 128MiB",
        )),
    }
}

pub(super) fn concurrency(count: Option<usize>) -> Result<usize, Problem> {
    count
        .filter(|count| CONCURRENCY.contains(count))
        .ok_or_else(|| {
            Problem::new(
                "from 1 to 1000 calls may run at the same time",
                "without `concurrency` it is the host's own limit, 64",
            )
        })
}

pub(super) fn number_of_patterns(list: List, count: usize) -> Result<(), Problem> {
    match count <= MAX_PATTERNS {
        true => Ok(()),
        false => Err(Problem::new(
            format!("`{}` has {count} patterns; at most {MAX_PATTERNS} are allowed", list.key()),
            "name a folder with `**` instead of each file in it",
        )),
    }
}

/// Checks a pattern for what no owner could grant.
pub(super) fn pattern(list: List, text: &str) -> Result<PathPattern, Problem> {
    let pattern = PathPattern::parse(text).map_err(|error| {
        let help = "patterns look like `*/public/scores.json` or `{app_data}/results/**`";
        Problem::new(error.to_string(), help)
    })?;
    let asked = Asked::of(&pattern);
    if asked.is_rpc() {
        return Err(Problem::new(
            "the `rpc` folders of apps are the host's: no app can have them",
            "requests come to the app's handlers by themselves; keep files beside `rpc`, \
             as in `{app_data}/data/**`",
        ));
    }
    let is_write = list == List::Write;
    if is_write && asked.names("syft.pub.yaml") {
        return Err(Problem::new(
            "no app can write a `syft.pub.yaml`: it says who may read and write",
            "the owner writes the rules of a folder; leave this out, and say in the app's \
             documentation which rules it wants",
        ));
    }
    if is_write && asked.names("did.json") {
        return Err(Problem::new(
            "no app can write a `did.json`: it holds the keys of a datasite",
            "leave this out; SyftBox itself writes it",
        ));
    }
    Ok(pattern)
}

pub(super) fn twice(list: List) -> Problem {
    Problem::new(
        format!("this is twice in `{}`", list.key()),
        "leave one of them out",
    )
}

/// Returns what an owner should know before granting a pattern of a list.
pub(super) fn warnings(list: List, pattern: &PathPattern, files: &Files) -> Vec<Problem> {
    let asked = Asked::of(pattern);
    let breadth = asked.folder_alone().or_else(|| match list {
        List::Read => asked.reads_too_much(),
        List::Write => asked.writes_elsewhere(),
        List::OnBehalfOfSender => asked.spans_all_datasites(),
    });
    breadth
        .into_iter()
        .chain(overlap(list, pattern, files))
        .collect()
}

/// Warns where another list makes a pattern needless, or worse, void.
fn overlap(list: List, pattern: &PathPattern, files: &Files) -> Option<Problem> {
    let is_in = |patterns: &[PathPattern]| patterns.contains(pattern);
    match list {
        List::Read if is_in(&files.write) => Some(Problem::new(
            "this is in `write` too, and what an app may write it may also read",
            "leave it out of `read`",
        )),
        List::OnBehalfOfSender if is_in(&files.read) || is_in(&files.write) => Some(Problem::new(
            "the app asks to read this whoever calls it, so that the sender's rights are not asked",
            "leave it out of `read` and `write`, or out of `on-behalf-of-sender`",
        )),
        _ => None,
    }
}

/// A pattern as names, with `{app_data}` spelled out.
struct Asked<'a> {
    text: &'a str,
    names: Vec<&'a str>,
}

const OWN: &str = "{datasite}";

impl<'a> Asked<'a> {
    fn of(pattern: &'a PathPattern) -> Self {
        let text = pattern.as_str();
        let names = text.split('/').flat_map(|name| match name {
            "{app_data}" => vec![OWN, "app_data", "{app}"],
            "{email}" => vec![OWN],
            name => vec![name],
        });
        Self {
            text,
            names: names.collect(),
        }
    }

    fn name(&self, index: usize) -> &'a str {
        self.names.get(index).copied().unwrap_or_default()
    }

    fn is_own(&self) -> bool {
        self.name(0) == OWN
    }

    fn is_in_app_data(&self) -> bool {
        self.text.split('/').next() == Some("{app_data}")
    }

    /// Some file systems do not tell `RPC` from `rpc`.
    fn is_rpc(&self) -> bool {
        self.name(1).eq_ignore_ascii_case("app_data") && self.name(3).eq_ignore_ascii_case("rpc")
    }

    fn names(&self, what: &str) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case(what))
    }

    /// Returns the names from one on, without those in front that say nothing.
    fn rest(&self, from: usize) -> String {
        let names = self.names.iter().skip(from);
        let rest: Vec<&str> = names.copied().skip_while(|name| is_wild(name)).collect();
        match rest.is_empty() {
            true => "**".to_owned(),
            false => rest.join("/"),
        }
    }

    /// `{app_data}` without anything behind it.
    fn folder_alone(&self) -> Option<Problem> {
        let is_folder = ["{datasite}", "{email}", "{app_data}"].contains(&self.text);
        is_folder.then(|| {
            Problem::new(
                format!("`{}` is the folder alone, and nothing in it", self.text),
                format!("all that is in it is `{}/**`", self.text),
            )
        })
    }

    fn spans_all_datasites(&self) -> Option<Problem> {
        let is_all = self.name(0) == "**" || self.names.iter().all(|name| is_wild(name));
        is_all.then(|| {
            let rest = match self.rest(0).as_str() {
                "**" => "**".to_owned(),
                rest => format!("**/{rest}"),
            };
            Problem::new(
                "this asks for files all over every datasite, private ones too",
                format!(
                    "name the folder: `*/public/{rest}` of everybody, or \
                     `{{datasite}}/public/{rest}` of the owner"
                ),
            )
        })
    }

    fn reads_too_much(&self) -> Option<Problem> {
        if let Some(problem) = self.spans_all_datasites() {
            return Some(problem);
        }
        if !self.is_own() {
            return self.reads_private_of_others();
        }
        if self.names.iter().skip(1).all(|name| is_wild(name)) && self.names("**") {
            return Some(Problem::new(
                "this asks for all files of the owner, private ones and other apps' too",
                "name the folder: `{datasite}/public/**`, or `{app_data}/**` for the app's own",
            ));
        }
        let is_other_app = !self.is_in_app_data() && self.name(1) == "app_data";
        (is_other_app && (self.names.len() < 3 || self.name(2).contains(['*', '?']))).then(|| {
            Problem::new(
                "this asks for files of the owner's other apps",
                format!("the app's own are `{{app_data}}/{}`", self.rest(2)),
            )
        })
    }

    fn reads_private_of_others(&self) -> Option<Problem> {
        let (whose, second) = (self.name(0), self.name(1));
        if second == "public" {
            return None;
        }
        let rest = match self.names.len() {
            1 => "**".to_owned(),
            2 => self.rest(1),
            _ if second == "**" => format!("**/{}", self.rest(1)),
            _ => self.rest(2),
        };
        let instead = format!("write `{whose}/public/{rest}` for what they publish");
        Some(Problem::new(
            "this asks for what somebody else does not publish",
            match whose.contains('@') {
                true => format!("{instead}; the owner's own datasite is `{{datasite}}`"),
                false => instead,
            },
        ))
    }

    fn writes_elsewhere(&self) -> Option<Problem> {
        if self.is_in_app_data() {
            return None;
        }
        let from = match self.name(1) {
            "app_data" => 3,
            _ => 1,
        };
        let message = match self.is_own() {
            true => "this asks to write outside the app's own folder",
            false => "this asks to write in datasites of others",
        };
        let instead = format!("write `{{app_data}}/{}`", self.rest(from));
        Some(Problem::new(message, instead))
    }
}

fn is_wild(name: &str) -> bool {
    matches!(name, "*" | "**")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the warnings about a pattern as message and help.
    fn warn(list: List, text: &str) -> Option<(String, String)> {
        let pattern = pattern(list, text).expect("can be granted");
        let mut found = warnings(list, &pattern, &Files::default()).into_iter();
        let first = found.next().map(|problem| (problem.message, problem.help));
        assert_eq!(found.next(), None, "{text}");
        first
    }

    #[test]
    fn what_is_narrow_enough_is_fine() {
        for text in [
            "*/public/scores.json",
            "*/public/**",
            "a@b.co/public/x",
            "?@b.co/public/x",
            "{datasite}/private/models/**",
            "{email}/public/*",
            "{datasite}/*",
            "{datasite}/app_data/other/x",
            "{app_data}/**",
        ] {
            assert_eq!(warn(List::Read, text), None, "{text}");
        }
        for text in ["{app_data}/**", "{app_data}/a/syft.pub.yml"] {
            assert_eq!(warn(List::Write, text), None, "{text}");
        }
        for text in ["{datasite}/**", "*/shared/**", "a@b.co/private/x"] {
            assert_eq!(warn(List::OnBehalfOfSender, text), None, "{text}");
        }
    }

    #[test]
    fn says_what_to_write_instead() {
        use List::{OnBehalfOfSender, Read, Write};
        for (list, text, message, instead) in [
            (Read, "**", "all over every datasite", "*/public/**"),
            (Read, "*/**", "all over every datasite", "*/public/**"),
            (Read, "*", "all over every datasite", "*/public/**"),
            (Read, "**/scores.json", "all over every datasite", "*/public/**/scores.json"),
            (OnBehalfOfSender, "**/*", "all over every datasite", "*/public/**"),
            (Read, "{datasite}/**", "all files of the owner", "{datasite}/public/**"),
            (Read, "{datasite}/*/**", "all files of the owner", "{app_data}/**"),
            (Read, "{datasite}/app_data/**", "other apps", "{app_data}/**"),
            (Read, "{datasite}/app_data/*/x", "other apps", "{app_data}/x"),
            (Read, "{app_data}", "folder alone", "{app_data}/**"),
            (Read, "*/private/x", "somebody else", "*/public/x"),
            (Read, "*/x", "somebody else", "*/public/x"),
            (Read, "*/**/x", "somebody else", "*/public/**/x"),
            (Read, "a@b.co", "somebody else", "a@b.co/public/**"),
            (Read, "a@b.co/**", "somebody else", "a@b.co/public/**"),
            (Read, "a@b.co/private/**", "somebody else", "{datasite}"),
            (Read, "a@b.co/publi?/x", "somebody else", "a@b.co/public/x"),
            (Write, "**", "of others", "{app_data}/**"),
            (Write, "*/public/x", "of others", "{app_data}/public/x"),
            (Write, "{datasite}/public/x", "own folder", "{app_data}/public/x"),
            (Write, "{datasite}/app_data/me/x", "own folder", "{app_data}/x"),
            (Write, "{datasite}/**", "own folder", "{app_data}/**"),
        ] {
            let (said, help) = warn(list, text).unwrap_or_else(|| panic!("{text} is fine"));
            assert!(said.contains(message), "{text}: {said}");
            assert!(help.contains(&format!("`{instead}`")), "{text}: {help}");
        }
    }

    #[test]
    fn what_is_proposed_is_no_warning_itself() {
        for text in ["**", "*/**/x", "*/x", "a@b.co/**", "*/private/x", "**/x"] {
            let (_, help) = warn(List::Read, text).expect("a warning");
            for proposed in help.split('`').skip(1).step_by(2) {
                let is_placeholder = proposed == OWN;
                assert!(is_placeholder || warn(List::Read, proposed).is_none(), "{proposed}");
            }
        }
    }

    #[test]
    fn some_things_nobody_can_have() {
        use List::{OnBehalfOfSender, Read, Write};
        for (list, text, ok) in [
            (Write, "{app_data}/syft.pub.yaml", false),
            (Write, "{app_data}/a/SYFT.PUB.YAML", false),
            (Write, "{datasite}/did.json", false),
            (Read, "{datasite}/public/did.json", true),
            (Read, "{app_data}/syft.pub.yaml", true),
            (Write, "{app_data}/rpc/**", false),
            (Write, "{app_data}/rpc", false),
            (Read, "{app_data}/rpc/hello/**", false),
            (OnBehalfOfSender, "*/app_data/*/rpc/**", false),
            (Read, "a@b.co/app_data/x/Rpc/y", false),
            (Write, "{app_data}/models/rpc/x", true),
            (Write, "{app_data}/rpcs/x", true),
        ] {
            assert_eq!(pattern(list, text).is_ok(), ok, "{text}");
        }
    }
}
