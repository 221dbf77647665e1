//! What of others SyftBox's client syncs, as `<data_dir>/.data/syft.sub.yaml` says.
//!
//! Newer clients sync only what is in there, and remove the rest: requests to others as
//! well. Without the file they sync nothing of others. Older ones have no such file and sync
//! all, so that its absence says nothing by itself.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};
use syft_protocol::acl::matches_glob;
use syft_protocol::address::Datasite;

/// The most bytes of the file.
const MAX_BYTES: u64 = 1 << 20;

/// What only newer clients make beside the file.
const OF_NEWER_CLIENTS: &str = "upload-sessions";

/// What the client syncs, as far as it is known.
#[derive(Debug)]
pub struct Subscriptions {
    path: PathBuf,
    owner: String,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    /// There is no file. Whether that means all or nothing is known of newer clients only.
    Absent {
        is_newer_client: bool,
    },
    Unreadable(String),
    Rules(Document),
}

#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    rules: Option<Vec<Rule>>,
}

#[derive(Debug, Default, Deserialize)]
struct Defaults {
    #[serde(default)]
    action: Option<Action>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    #[serde(default)]
    action: Option<Action>,
    #[serde(default)]
    datasite: Option<String>,
    #[serde(default)]
    path: Option<String>,
}

/// What the client does with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Allow,
    /// It stays as it is.
    Pause,
    /// It is removed.
    Block,
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim().to_lowercase().as_str() {
            "allow" => Ok(Self::Allow),
            "pause" => Ok(Self::Pause),
            "block" | "deny" | "" => Ok(Self::Block),
            _ => Err(de::Error::custom("an action is allow, pause or block")),
        }
    }
}

impl Subscriptions {
    /// Finds out what the client of the owner syncs. The folder of all datasites lies in
    /// the client's.
    pub fn find(datasites: &Path, owner: &Datasite) -> Self {
        let data = datasites.parent().unwrap_or(datasites).join(".data");
        let path = data.join("syft.sub.yaml");
        let kept = match read(&path) {
            Ok(Some(text)) => parse(&text),
            Ok(None) => Kept::Absent {
                is_newer_client: fs::symlink_metadata(data.join(OF_NEWER_CLIENTS)).is_ok(),
            },
            Err(error) => Kept::Unreadable(error.to_string()),
        };
        Self {
            path,
            owner: owner.as_str().to_owned(),
            kept,
        }
    }

    /// Says why the client does not sync a file, given by its names below the folder of all
    /// datasites, and which line is missing; nothing where it does, or may. The line allows
    /// what `pattern` means within the datasite.
    pub fn missing(&self, names: &[&str], pattern: &str) -> Option<String> {
        let (datasite, _) = names.split_first()?;
        let said = match self.action(names)? {
            Action::Allow => return None,
            Action::Pause => "it says `pause`",
            Action::Block => "nothing in it allows that",
        };
        Some(self.why(said, datasite, pattern))
    }

    /// As [`Subscriptions::missing`], for files of nobody in particular: where the client
    /// syncs nothing at all of others.
    pub fn missing_of_others(&self, pattern: &str) -> Option<String> {
        let is_allow = |action: &Option<Action>| *action == Some(Action::Allow);
        let allows_some = match &self.kept {
            Kept::Absent { is_newer_client } => !is_newer_client,
            Kept::Unreadable(_) => false,
            Kept::Rules(document) => {
                let mut rules = document.rules.iter().flatten();
                is_allow(&document.defaults.action) || rules.any(|rule| is_allow(&rule.action))
            }
        };
        (!allows_some).then(|| self.why("nothing in it allows that", "*", pattern))
    }

    fn why(&self, said: &str, datasite: &str, pattern: &str) -> String {
        let why = match &self.kept {
            Kept::Absent { .. } => "there is no such file".to_owned(),
            Kept::Unreadable(error) => format!("it cannot be read: {error}"),
            Kept::Rules(_) => said.to_owned(),
        };
        format!("{why}; {}", self.advice(datasite, pattern))
    }

    /// Says which line allows the client to sync what a pattern means within a datasite.
    pub fn advice(&self, datasite: &str, pattern: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        format!(
            "as the last of `rules:` in {} add `- {{action: allow, datasite: {}, path: {}}}`",
            self.path.display(),
            quoted(datasite),
            quoted(pattern),
        )
    }

    /// Returns what the client does with a file, where that is known. The last rule that
    /// fits decides.
    fn action(&self, names: &[&str]) -> Option<Action> {
        let (datasite, within) = names.split_first()?;
        if datasite.eq_ignore_ascii_case(&self.owner) || names.last() == Some(&"syft.pub.yaml") {
            return Some(Action::Allow);
        }
        let document = match &self.kept {
            Kept::Absent { is_newer_client } => return is_newer_client.then_some(Action::Block),
            Kept::Unreadable(_) => return Some(Action::Block),
            Kept::Rules(document) => document,
        };
        let (within, whole) = (within.join("/"), names.join("/"));
        let rules = document.rules.iter().flatten().rev();
        let mut fitting = rules.filter(|rule| rule.fits(datasite, &within, &whole));
        let decided = fitting.find_map(|rule| rule.action);
        Some(
            decided
                .or(document.defaults.action)
                .unwrap_or(Action::Block),
        )
    }
}

impl Rule {
    fn fits(&self, datasite: &str, within: &str, whole: &str) -> bool {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        match (given(&self.datasite), given(&self.path)) {
            (_, None) => false,
            (Some(of), Some(path)) => fits(&of, datasite) && fits(&path, within),
            (None, Some(path)) => fits(&path, whole),
        }
    }
}

/// One that takes too long fits: nobody is warned where we cannot be sure.
fn fits(pattern: &str, name: &str) -> bool {
    matches_glob(&cleaned(pattern), name).unwrap_or(true)
}

/// Returns a pattern without what is no name in it, as Go's `path.Clean` does.
fn cleaned(pattern: &str) -> String {
    let pattern = pattern.replace('\\', "/");
    let mut names: Vec<&str> = Vec::new();
    for name in pattern.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => drop(names.pop()),
            name => names.push(name),
        }
    }
    if names.is_empty() {
        ".".to_owned()
    } else {
        names.join("/")
    }
}

fn parse(text: &str) -> Kept {
    // The client takes an empty one as one without rules.
    match serde_saphyr::from_str::<Option<Document>>(text) {
        Ok(document) => Kept::Rules(document.unwrap_or(Document {
            defaults: Defaults::default(),
            rules: None,
        })),
        Err(error) => Kept::Unreadable(first_line(&error.to_string())),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn read(path: &Path) -> std::io::Result<Option<String>> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(std::io::Error::other("it is no file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut text = String::new();
    File::open(path)?
        .take(MAX_BYTES)
        .read_to_string(&mut text)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriptions(text: Option<&str>, is_newer_client: bool) -> Subscriptions {
        let kept = text.map_or(Kept::Absent { is_newer_client }, parse);
        Subscriptions {
            path: PathBuf::from("/box/.data/syft.sub.yaml"),
            owner: "bob@example.com".to_owned(),
            kept,
        }
    }

    /// As the client of OpenMined/syftbox at a468428 decides.
    #[test]
    fn the_last_rule_that_fits_decides() {
        use Action::{Allow, Block, Pause};
        let rules =
            |rules: &str| format!("version: 1\ndefaults: {{action: block}}\nrules:\n{rules}");
        let alice = "alice@example.com/app_data/hello/rpc/hello/bob@example.com/x.request";
        for (text, path, expected) in [
            (String::new(), alice, Block),
            ("{}".to_owned(), alice, Block),
            ("defaults: {action: allow}".to_owned(), alice, Allow),
            ("defaults: {action: ALLOW }".to_owned(), alice, Allow),
            ("defaults: {action: pause}".to_owned(), alice, Pause),
            ("defaults:\nrules:".to_owned(), alice, Block),
            (
                rules("- {action: allow, datasite: alice@example.com, path: '**'}"),
                alice,
                Allow,
            ),
            (
                rules("- {action: allow, datasite: '*', path: 'app_data/*/rpc/**'}"),
                alice,
                Allow,
            ),
            (
                rules("- {action: allow, datasite: carol@example.com, path: '**'}"),
                alice,
                Block,
            ),
            (
                rules("- {action: allow, path: 'alice@example.com/**'}"),
                alice,
                Allow,
            ),
            (
                rules("- {action: allow, path: '/alice@example.com/./app_data//**'}"),
                alice,
                Allow,
            ),
            (
                rules("- {action: allow, path: 'app_data/**'}"),
                alice,
                Block,
            ),
            (
                rules("- {action: allow, datasite: alice@example.com}"),
                alice,
                Block,
            ),
            (rules("- {datasite: '*', path: '**'}"), alice, Block),
            (
                rules(
                    "- {action: allow, path: '**'}\n- {action: deny, datasite: 'a*', path: '**'}",
                ),
                alice,
                Block,
            ),
            (
                rules(
                    "- {action: block, path: '**'}\n- {action: allow, datasite: 'a*', path: '**'}",
                ),
                alice,
                Allow,
            ),
            (
                rules("- {action: block, path: '**'}"),
                "Bob@example.com/x",
                Allow,
            ),
            (
                rules("- {action: block, path: '**'}"),
                "alice@example.com/syft.pub.yaml",
                Allow,
            ),
            (rules("- {action: maybe, path: '**'}"), alice, Block),
            ("rules: [".to_owned(), alice, Block),
        ] {
            let names: Vec<&str> = path.split('/').collect();
            let found = subscriptions(Some(&text), false).action(&names);
            assert_eq!(found, Some(expected), "{text}\n{path}");
        }
    }

    #[test]
    fn says_which_line_is_missing_and_nothing_where_it_cannot_know() {
        let names = ["alice@example.com", "public", "x"];
        let missing = |text, is_newer| subscriptions(text, is_newer).missing(&names, "public/**");
        assert_eq!(missing(None, false), None, "an older client");
        let line = "as the last of `rules:` in /box/.data/syft.sub.yaml add \
                    `- {action: allow, datasite: \"alice@example.com\", path: \"public/**\"}`";
        for (text, is_newer, why) in [
            (None, true, "there is no such file"),
            (Some("version: 1"), false, "nothing in it allows that"),
            (Some("defaults: {action: pause}"), false, "it says `pause`"),
        ] {
            assert_eq!(missing(text, is_newer), Some(format!("{why}; {line}")));
        }
        let broken = missing(Some("rules: ["), false).expect("a reason");
        assert!(broken.starts_with("it cannot be read: "), "{broken}");
        let of_others = |text| subscriptions(Some(text), false).missing_of_others("public/**");
        assert_eq!(of_others("rules: [{action: allow, path: 'x/**'}]"), None);
        let line = of_others("rules: [{action: pause, path: '**'}]").expect("a line");
        assert!(line.contains("datasite: \"*\""), "{line}");
        // What it says to add is what was missing.
        let added =
            "rules:\n- {action: allow, datasite: \"alice@example.com\", path: \"public/**\"}";
        assert_eq!(missing(Some(added), false), None);
    }
}
