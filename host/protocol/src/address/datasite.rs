//! The email that names a datasite.

use std::fmt;

use super::AddressError;

/// The most bytes an email may have (RFC 5321, and well below the 255 bytes
/// that file systems allow for one name).
const MAX_BYTES: usize = 254;

/// An email that is usable as the name of one folder.
///
/// Case is kept and counts: the SyftBox server compares emails as given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Datasite(String);

impl Datasite {
    /// Returns `text` as a datasite.
    ///
    /// The shape is the SyftBox server's own check,
    /// `^[^\s@]+@[^\s@]+\.[^\s@]+$`; on top of it the text must be one plain
    /// folder name, since it becomes one: at most 254 bytes, no slash,
    /// backslash or control character, no leading dot. Nor may it hold `:`,
    /// `?` or `#`, which would end the email in a `syft://` URL.
    pub fn parse(text: &str) -> Result<Datasite, AddressError> {
        match broken_rule(text) {
            Some(reason) => Err(AddressError::datasite(text, reason)),
            None => Ok(Datasite(text.to_owned())),
        }
    }

    /// Returns the email.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Datasite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether `text` would be a [`Datasite`], without allocating.
pub(super) fn is_datasite(text: &str) -> bool {
    broken_rule(text).is_none()
}

fn broken_rule(text: &str) -> Option<&'static str> {
    if text.len() > MAX_BYTES {
        return Some("longer than 254 bytes");
    }
    if text.contains(['/', '\\']) || text.contains(char::is_control) {
        return Some("slashes, backslashes and control characters are not allowed");
    }
    if text.contains([':', '?', '#']) {
        return Some("`:`, `?` and `#` are not allowed");
    }
    if text.starts_with('.') {
        return Some("must not start with a dot");
    }
    if !has_email_shape(text) {
        return Some("expected an email such as `alice@example.org`");
    }
    None
}

/// Returns whether `text` matches `^[^\s@]+@[^\s@]+\.[^\s@]+$`, where `\s` is
/// all Unicode white space.
pub(crate) fn has_email_shape(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    if text.contains(char::is_whitespace) || local.is_empty() || domain.contains('@') {
        return false;
    }
    // Some dot with at least one character on either side of it.
    let mut chars = domain.chars();
    chars.next();
    chars.next_back();
    chars.as_str().contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_emails() {
        // As measured on the SyftBox server, without those that hold a slash.
        for email in [
            "alice@example.org",
            "a+b@b.co",
            "a'b@b.co",
            "*@b.co",
            "a{b}@b.co",
            "ü@b.co",
            "a@[1.2.3.4]",
            "<a@b.co>",
            "A@B.co",
            "a@..b",
            "a@b..c",
        ] {
            assert_eq!(
                Datasite::parse(email).map(|d| d.to_string()),
                Ok(email.to_owned())
            );
        }
        assert!(Datasite::parse(&format!("a@b.{}", "c".repeat(250))).is_ok());
    }

    #[test]
    fn refuses_what_is_no_email_or_no_folder_name() {
        for text in [
            "",
            "a",
            "@",
            "a@b",
            "@b.co",
            "a@.b",
            "a@b.",
            "a@.",
            "a@..",
            "a@@b.co",
            "a@b@c.co",
            "a b@b.co",
            "a@b.co ",
            "a\u{a0}@b.co",
            "a/b@b.co",
            "../a@b.co",
            "a\\b@b.co",
            "a\0@b.co",
            "a\n@b.co",
            ".a@b.co",
            ".",
            "..",
            "a:b@b.co",
            "a?b@b.co",
            "a@b.co#",
            "a@b.co:80",
        ] {
            assert!(Datasite::parse(text).is_err(), "{text:?}");
        }
        assert!(Datasite::parse(&format!("a@b.{}", "c".repeat(251))).is_err());
    }
}
