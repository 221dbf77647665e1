//! The access rules that an app asks its owner to put into its own folder.
//!
//! Why: docs/decisions/62-access-rules-of-apps-are-asked-for.md

use syft_protocol::acl::{AclError, RuleSet};
use syft_protocol::permissions::{PERMISSION_FILE, asked_rules};

use super::check::{self, Problem};
use crate::sanitize::{is_plain, plain_excerpt};

/// The most files of a manifest, the deepest of them, and the most bytes of one and of its path.
pub(super) const MAX_FILES: usize = 8;
const MAX_NAMES: usize = 8;
pub(super) const MAX_BYTES: usize = 4_096;
const MAX_PATH: usize = 255;

const HELP: &str =
    "name a file in the app's own folder, as in `\"public/syft.pub.yaml\" = '''…'''`";

/// Access rules that an app asks for: whom they let into the app's own folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRules {
    path: String,
    text: String,
}

impl WantedRules {
    /// Returns rules for a `syft.pub.yaml` at a path in the app's own folder.
    ///
    /// # Errors
    /// The path is none of that kind, or the text holds no rules that the server would read.
    pub fn new(path: &str, text: &str) -> Result<Self, Problem> {
        check_path(path)?;
        check_text(text)?;
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
        })
    }

    /// Returns the path of the file in the app's own folder.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the names of the folders that lead to the file.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let names = self.path.split('/');
        names.take(self.path.matches('/').count())
    }

    /// Returns the rules as the app has written them.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn parsed(&self) -> Result<RuleSet, AclError> {
        RuleSet::parse(asked_rules(&self.text).as_bytes())
    }

    /// Returns whom the rules let do what, a line for each of them.
    pub fn in_words(&self) -> Vec<String> {
        self.parsed()
            .map_or_else(|error| vec![error.to_string()], |rules| rules.in_words())
    }

    /// Returns in words what the app does with them; their path is to follow.
    pub fn words(&self) -> String {
        let rules = self.in_words().join(" · ");
        format!("let others into its own folder ({rules}) by")
    }
}

fn check_path(path: &str) -> Result<(), Problem> {
    let shown = plain_excerpt(path, 80);
    let wrong = |why: &str| Err(Problem::new(format!("`{shown}` {why}"), HELP));
    let names: Vec<&str> = path.split('/').collect();
    if names.last() != Some(&PERMISSION_FILE) {
        return wrong("is no `syft.pub.yaml`, and no other file has access rules");
    }
    // In the name of a folder they keep rules from being found.
    let confuses = |char: char| !is_plain(char) || "*?[]{}\\".contains(char);
    let is_name =
        |name: &&str| !name.is_empty() && !name.starts_with('.') && !name.contains(confuses);
    if !names.iter().all(is_name) {
        return wrong("leads out of the app's own folder, or has a name that folders cannot have");
    }
    if names.len() > MAX_NAMES || path.len() > MAX_PATH {
        return wrong("is too deep or too long");
    }
    if names[0].eq_ignore_ascii_case("rpc") {
        return wrong("is the host's: it lets callers write to the endpoints");
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), Problem> {
    let help = "how rules are written: docs/files.md";
    if text.len() > MAX_BYTES {
        let message = format!("access rules have at most {MAX_BYTES} bytes");
        return Err(Problem::new(message, help));
    }
    if text.trim().is_empty() {
        return Err(Problem::new("there are no rules in this", help));
    }
    match RuleSet::parse(asked_rules(text).as_bytes()) {
        Ok(_) => Ok(()),
        Err(error) => {
            let error = plain_excerpt(&error.to_string(), 200);
            Err(Problem::new(
                format!("these are no access rules: {error}"),
                help,
            ))
        }
    }
}

pub(super) fn check_number(count: usize) -> Result<(), Problem> {
    check::number("access", count, MAX_FILES)
}

/// Returns what an owner should know before granting the rules.
pub(super) fn warning(rules: &WantedRules) -> Option<Problem> {
    let opened = rules.parsed().ok()?.first_for_all()?;
    Some(Problem::new(
        format!(
            "whoever uses SyftBox gets in: {}",
            plain_excerpt(&opened, 200)
        ),
        "name the users in the rules, if not all are meant",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "rules:\n- pattern: '**'\n  access: {read: ['*']}\n";

    #[test]
    fn paths_stay_in_the_own_folder() {
        for (path, is_fine) in [
            ("syft.pub.yaml", true),
            ("public/syft.pub.yaml", true),
            ("a/b/c/d/e/f/g/syft.pub.yaml", true),
            ("a/b/c/d/e/f/g/h/syft.pub.yaml", false),
            ("", false),
            ("public", false),
            ("public/", false),
            ("Syft.pub.yaml", false),
            ("syftperm.yaml", false),
            ("/syft.pub.yaml", false),
            ("../syft.pub.yaml", false),
            ("a/../syft.pub.yaml", false),
            ("a//syft.pub.yaml", false),
            ("./syft.pub.yaml", false),
            (".hidden/syft.pub.yaml", false),
            ("a*/syft.pub.yaml", false),
            ("a\\b/syft.pub.yaml", false),
            ("a\n/syft.pub.yaml", false),
            ("rpc/syft.pub.yaml", false),
            ("RPC/x/syft.pub.yaml", false),
            ("x/rpc/syft.pub.yaml", true),
        ] {
            assert_eq!(WantedRules::new(path, RULES).is_ok(), is_fine, "{path}");
        }
        let rules = WantedRules::new("a/b/syft.pub.yaml", RULES).expect("rules");
        assert_eq!(rules.folders().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn texts_are_rules() {
        for (text, is_fine) in [
            (RULES, true),
            ("terminal: true\n", true),
            ("", false),
            (" \n", false),
            ("rules: 1", false),
            ("rules: [", false),
            ("rules:\n- pattern: '**'\n", false),
            (&"# x\n".repeat(2_000), false),
        ] {
            assert_eq!(
                WantedRules::new(PERMISSION_FILE, text).is_ok(),
                is_fine,
                "{text:.40}"
            );
        }
    }

    #[test]
    fn rules_for_all_are_warned_of() {
        let warning_of = |text: &str| {
            let rules = WantedRules::new(PERMISSION_FILE, text).expect("rules");
            warning(&rules).map(|problem| problem.message)
        };
        let expected = "whoever uses SyftBox gets in: **: everybody may read";
        assert_eq!(warning_of(RULES).as_deref(), Some(expected));
        assert_eq!(warning_of(&RULES.replace('*', "x")), None);
    }
}
