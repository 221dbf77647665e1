//! The name of an app.

use std::fmt;

use super::AddressError;
use super::ignored::is_ignored_by_sync;

/// The most parts of an app's name.
pub const MAX_PARTS: usize = 4;
/// The most characters of a part, and of a whole name.
const MAX_PART_CHARS: usize = 64;
const MAX_CHARS: usize = 128;

/// Stands for a slash where a name is that of one file. No part has it.
const SLASH_IN_FILE_NAMES: &str = "+";

/// An app's name, which is the path of its folder below `app_data/`.
///
/// Why: docs/decisions/61-app-names-are-paths.md
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppName(String);

impl AppName {
    /// Returns `text` as an app's name.
    ///
    /// That is 1 to 4 parts with slashes between them, 128 characters in all. A part has 1 to
    /// 64 letters, digits, dots, underscores and hyphens (ASCII), the first one a letter or
    /// digit, and is no name that sync ignores. Where there are several, none is `rpc` in any
    /// case: what follows that in a path is an endpoint.
    pub fn parse(text: &str) -> Result<AppName, AddressError> {
        match broken_rule(text) {
            Some(reason) => Err(AddressError::app_name(text, reason)),
            None => Ok(AppName(text.to_owned())),
        }
    }

    /// Returns the name that [`AppName::file_name`] gave; `None` where it gives none such.
    pub fn of_file_name(text: &str) -> Option<AppName> {
        let is_one_name = !text.contains('/');
        let name = text.replace(SLASH_IN_FILE_NAMES, "/");
        is_one_name.then(|| AppName::parse(&name).ok()).flatten()
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the names of the folders that lead to the app's own.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.split('/')
    }

    /// Returns the name as that of one file, another one for each app.
    pub fn file_name(&self) -> String {
        self.0.replace('/', SLASH_IN_FILE_NAMES)
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    let n_parts = text.split('/').count();
    if n_parts > MAX_PARTS {
        return Some("more than 4 parts");
    }
    if n_parts > 1 && text.split('/').any(|part| part.eq_ignore_ascii_case("rpc")) {
        return Some("no part of it may be `rpc`, where requests lie");
    }
    let broken = text.split('/').find_map(broken_part_rule);
    broken.or((text.len() > MAX_CHARS).then_some("longer than 128 characters"))
}

fn broken_part_rule(part: &str) -> Option<&'static str> {
    if !part.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some("each of its parts must start with an ASCII letter or digit");
    }
    if !part
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    {
        return Some("only ASCII letters, digits, `.`, `_`, `-` and single slashes are allowed");
    }
    if part.len() > MAX_PART_CHARS {
        return Some("a part of it is longer than 64 characters");
    }
    if is_ignored_by_sync(part) {
        return Some("SyftBox does not sync folders of this name");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_names() {
        for name in [
            "demo",
            "a",
            "9",
            "My-App_2.0",
            "distance",
            "a..b",
            "rpc",
            "llm/x",
            "routers/mistral-7b/v1.0/x",
            "LLM/x",
            "a/app_data/a",
            &"x".repeat(64),
            &["x".repeat(64), "y".repeat(63)].join("/"),
        ] {
            assert_eq!(
                AppName::parse(name).map(|n| n.to_string()),
                Ok(name.to_owned())
            );
        }
    }

    #[test]
    fn refuses_others() {
        for name in [
            "",
            ".",
            "..",
            ".a",
            "-a",
            "_a",
            "/a",
            "a/",
            "a//b",
            "a/b/c/d/e",
            "a/.",
            "a/..",
            "../a",
            "a/../b",
            "a/.b",
            "a/b c",
            "a/b\n",
            "a+b",
            "a%2Fb",
            "a/logs",
            "dist/b",
            "a/x.tmp/b",
            "llm/rpc",
            "llm/rpc/x",
            "llm/RPC",
            "llm/Rpc/x",
            "rpc/x",
            "a b",
            "é",
            "aé",
            "a\0",
            "a\\b",
            "a@b.co",
            "dist",
            "logs",
            "venv",
            "x.tmp",
            "x.log",
            "x.conflict",
            &"x".repeat(65),
            &format!("a/{}", "x".repeat(65)),
            &["x".repeat(64), "y".repeat(64)].join("/"),
            &"a/".repeat(1 << 20),
        ] {
            assert!(AppName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn each_name_is_that_of_a_file_of_its_own() {
        let names = ["a", "a/b", "a-b", "a.b", "a_b", "a/b/c", "a/b-c", "a-b/c"];
        let mut files = std::collections::HashSet::new();
        for text in names {
            let name = AppName::parse(text).expect(text);
            let file = name.file_name();
            assert!(!file.contains('/') && file.len() <= 128, "{file}");
            assert_eq!(AppName::of_file_name(&file), Some(name));
            assert!(files.insert(file), "{text}");
        }
        for file in [
            "",
            "+",
            "a+",
            "+a",
            "a++b",
            "a/b",
            "a+rpc",
            "a+..",
            "a+b+c+d+e",
        ] {
            assert_eq!(AppName::of_file_name(file), None, "{file}");
        }
    }
}
