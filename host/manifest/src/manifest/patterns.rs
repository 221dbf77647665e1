//! The patterns that an app asks for: what nobody could grant, and what an owner
//! should think about first.

use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;

use super::Files;
use super::check::Problem;

/// The most patterns of one list.
pub(super) const MAX_PATTERNS: usize = 64;

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

pub(super) fn check_number(list: List, count: usize) -> Result<(), Problem> {
    if count <= MAX_PATTERNS {
        Ok(())
    } else {
        Err(Problem::new(
            format!(
                "`{}` has {count} patterns; at most {MAX_PATTERNS} are allowed",
                list.key()
            ),
            "name a folder with `**` instead of each file in it",
        ))
    }
}

/// Checks a pattern for what no owner could grant.
pub(super) fn check(list: List, text: &str) -> Result<PathPattern, Problem> {
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

/// Tells whether two patterns are the same but for their spelling.
pub(super) fn is_same(one: &PathPattern, other: &PathPattern) -> bool {
    Asked::of(one).names == Asked::of(other).names
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
    let wider = |patterns: &[PathPattern]| {
        let mut wider = patterns.iter().filter(|wide| covers(wide, pattern));
        wider.next().map(ToString::to_string)
    };
    match list {
        List::Read => wider(&files.write).map(|wide| {
            Problem::new(
                format!("`write` has `{wide}`, and what an app may write it may also read"),
                "leave this out of `read`",
            )
        }),
        List::Write => None,
        List::OnBehalfOfSender => {
            let wide = wider(&files.read).or_else(|| wider(&files.write))?;
            Some(Problem::new(
                format!(
                    "the app asks for `{wide}` whoever calls it, so no rule about the sender counts here"
                ),
                format!("leave `{wide}` out of `read` and `write`, or this out"),
            ))
        }
    }
}

/// Tells whether a pattern stands for all that another does.
fn covers(wide: &PathPattern, narrow: &PathPattern) -> bool {
    let owner = Datasite::parse("owner@example.org").expect("this is an email");
    let app = AppName::parse("app").expect("this is a name");
    let narrow = Asked::of(narrow);
    let names = narrow.names.iter().flat_map(|name| match *name {
        OWN => vec![owner.as_str()],
        "{app}" => vec![app.as_str()],
        // More than one name, so that `*` does not stand for them.
        "**" => vec!["**", "**"],
        name => vec![name],
    });
    wide.resolve(&owner, &app)
        .matches(&names.collect::<Vec<_>>())
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
        self.names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(what))
    }

    /// Returns the names from one on, without those in front that say nothing.
    fn rest(&self, from: usize) -> String {
        let names = self.names.iter().skip(from);
        let rest: Vec<&str> = names.copied().skip_while(|name| is_wild(name)).collect();
        if rest.is_empty() {
            "**".to_owned()
        } else {
            rest.join("/")
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
            if whose.contains('@') {
                format!("{instead}; the owner's own datasite is `{{datasite}}`")
            } else {
                instead
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
        let message = if self.is_own() {
            "this asks to write outside the app's own folder"
        } else {
            "this asks to write in datasites of others"
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
        let pattern = check(list, text).expect("can be granted");
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
            (
                Read,
                "**/scores.json",
                "all over every datasite",
                "*/public/**/scores.json",
            ),
            (
                OnBehalfOfSender,
                "**/*",
                "all over every datasite",
                "*/public/**",
            ),
            (
                Read,
                "{datasite}/**",
                "all files of the owner",
                "{datasite}/public/**",
            ),
            (
                Read,
                "{datasite}/*/**",
                "all files of the owner",
                "{app_data}/**",
            ),
            (
                Read,
                "{datasite}/app_data/**",
                "other apps",
                "{app_data}/**",
            ),
            (
                Read,
                "{datasite}/app_data/*/x",
                "other apps",
                "{app_data}/x",
            ),
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
            (
                Write,
                "{datasite}/public/x",
                "own folder",
                "{app_data}/public/x",
            ),
            (
                Write,
                "{datasite}/app_data/me/x",
                "own folder",
                "{app_data}/x",
            ),
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
                assert!(
                    is_placeholder || warn(List::Read, proposed).is_none(),
                    "{proposed}"
                );
            }
        }
    }

    #[test]
    fn knows_what_covers_what() {
        let parse = |text| PathPattern::parse(text).expect("a pattern");
        for (wide, narrow, expected) in [
            ("a/**", "a/**", true),
            ("a/**", "a/b/*", true),
            ("a/*", "a/*", true),
            ("a/*", "a/**", false),
            ("a/b", "a/*", false),
            ("**", "{app_data}/x", true),
            ("{datasite}/**", "{app_data}/**", true),
            ("{email}/app_data/*/x", "{app_data}/x", true),
            ("{app_data}/**", "{datasite}/**", false),
        ] {
            assert_eq!(
                covers(&parse(wide), &parse(narrow)),
                expected,
                "{wide} {narrow}"
            );
        }
        assert!(is_same(&parse("{email}/x"), &parse("{datasite}/x")));
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
            assert_eq!(check(list, text).is_ok(), ok, "{text}");
        }
    }
}
