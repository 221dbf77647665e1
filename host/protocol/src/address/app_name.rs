//! The name of an app.

use std::fmt;

use super::AddressError;
use super::ignored::is_ignored_by_sync;

/// The most characters an app's name may have.
const MAX_CHARS: usize = 64;

/// An app's name, which is the name of its folder below `app_data/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppName(String);

impl AppName {
    /// Returns `text` as an app's name.
    ///
    /// That is 1 to 64 letters, digits, dots, underscores and hyphens (ASCII),
    /// the first one a letter or digit, and no name that sync ignores.
    pub fn parse(text: &str) -> Result<AppName, AddressError> {
        match broken_rule(text) {
            Some(reason) => Err(AddressError::app_name(text, reason)),
            None => Ok(AppName(text.to_owned())),
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some("must start with an ASCII letter or digit");
    }
    if !text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    {
        return Some("only ASCII letters, digits, `.`, `_` and `-` are allowed");
    }
    if text.len() > MAX_CHARS {
        return Some("longer than 64 characters");
    }
    if is_ignored_by_sync(text) {
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
            &"x".repeat(64),
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
            "a/b",
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
        ] {
            assert!(AppName::parse(name).is_err(), "{name:?}");
        }
    }
}
