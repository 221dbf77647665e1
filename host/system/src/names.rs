//! Names that a system refuses, and names that it takes for one.

use unicode_normalization::UnicodeNormalization;

use crate::SystemError;

/// The longest name, in bytes on Unix and in units of UTF-16 on Windows.
const LONGEST: usize = 255;

/// Names of devices on Windows, in every folder and with every ending.
const DEVICES: [&str; 6] = ["aux", "con", "conin$", "conout$", "nul", "prn"];

/// Those that have a number behind them.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// What names a system takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// Linux and macOS: anything but a slash and NUL.
    Unix,
    /// Windows, on any of its file systems.
    Windows,
}

/// What this system takes.
pub const HERE: NameRule = if cfg!(windows) {
    NameRule::Windows
} else {
    NameRule::Unix
};

/// Makes sure that a name is one name of something in a folder, and none that the system reads as
/// something else.
///
/// # Errors
/// No file of this system can have it.
pub fn check(name: &str) -> Result<(), SystemError> {
    HERE.check(name)
}

impl NameRule {
    /// As [`check`], for another system: a file that goes there by sync could not lie there.
    ///
    /// # Errors
    /// No file of that system can have it.
    pub fn check(self, name: &str) -> Result<(), SystemError> {
        let is_dots = matches!(name, "" | "." | "..");
        if is_dots || name.contains(['/', '\0']) {
            return Err(SystemError::BadName);
        }
        match self {
            Self::Unix if name.len() > LONGEST => Err(SystemError::NameTooLong),
            Self::Unix => Ok(()),
            Self::Windows if name.encode_utf16().count() > LONGEST => Err(SystemError::NameTooLong),
            Self::Windows if is_strange_to_windows(name) => Err(SystemError::BadName),
            Self::Windows => Ok(()),
        }
    }
}

/// Tells whether Windows reads a name as something else: a path, a stream of a file, a device, or a
/// shorter name.
fn is_strange_to_windows(name: &str) -> bool {
    let is_bad = |char: char| char < ' ' || "<>:\"\\|?*".contains(char);
    name.contains(is_bad) || name.ends_with(['.', ' ']) || is_device(name)
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    let stem = stem.trim_end_matches(' ').to_ascii_lowercase();
    if DEVICES.contains(&stem.as_str()) {
        return true;
    }
    let numbered = |device: &&str| {
        let number = stem.strip_prefix(*device).unwrap_or_default();
        let mut chars = number.chars();
        matches!(
            (chars.next(), chars.next()),
            (Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None)
        )
    };
    NUMBERED_DEVICES.iter().any(numbered)
}

/// Returns what two names have in common that any system may take for one: without case. For
/// denials and for names of rules, which should hold for every spelling; never for what is allowed.
pub fn folded(name: &str) -> String {
    // As file systems do it: letters one by one, upper case first. `ß` and `ſ` become those that
    // they would be taken for.
    let upper = name.nfd().flat_map(char::to_uppercase);
    let lower = upper.flat_map(char::to_lowercase).collect::<String>();
    // Windows takes no notice of these at the end.
    lower.trim_end_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_elsewhere() {
        for name in ["", ".", "..", "a/b", "/", "a\0b", "../a"] {
            for rule in [NameRule::Unix, NameRule::Windows] {
                assert_eq!(rule.check(name), Err(SystemError::BadName), "{name:?}");
            }
        }
    }

    #[test]
    fn what_windows_reads_as_something_else_is_refused_there() {
        for name in [
            "a\\b",
            "c:",
            "a:stream",
            "a.",
            "a ",
            "con",
            "CON",
            "nul.txt",
            "Aux.tar.gz",
            "com1",
            "LPT9.log",
            "com\u{b9}",
            "conin$",
            "con .txt",
            "a?",
            "a*",
            "a|b",
            "a\"",
            "<a",
            "a\n",
            "\u{1f}",
            "com0",
        ] {
            assert_eq!(
                NameRule::Windows.check(name),
                Err(SystemError::BadName),
                "{name:?}"
            );
            assert_eq!(NameRule::Unix.check(name), Ok(()), "{name:?}");
        }
        for name in [
            "a",
            "console",
            "com",
            "com10",
            "nulls.txt",
            ".hidden",
            "a..b",
            " a",
            "auxiliary",
            "alice@example.org",
            "syft.pub.yaml",
            "a~1",
        ] {
            assert_eq!(NameRule::Windows.check(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn long_names_are_counted_as_the_system_counts() {
        let (emails, wide) = ("a".repeat(255), "\u{e4}".repeat(255));
        assert_eq!(NameRule::Unix.check(&emails), Ok(()));
        assert_eq!(NameRule::Unix.check(&wide), Err(SystemError::NameTooLong));
        assert_eq!(NameRule::Windows.check(&wide), Ok(()));
        let longer = "a".repeat(256);
        for rule in [NameRule::Unix, NameRule::Windows] {
            assert_eq!(rule.check(&longer), Err(SystemError::NameTooLong));
        }
    }

    #[test]
    fn names_that_a_system_takes_for_one_are_folded_to_one() {
        for (one, other) in [
            ("syft.pub.yaml", "SYFT.PUB.YAML"),
            ("rpc", "Rpc"),
            ("rpc", "rpc."),
            ("rpc", "rpc "),
            ("stra\u{df}e", "STRASSE"),
            ("\u{3c3}", "\u{3c2}"),
            // The Kelvin sign, and the long s.
            ("k", "\u{212a}"),
            ("s", "\u{17f}"),
            ("\u{e1}", "a\u{301}"),
            ("\u{c1}", "a\u{301}"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} and {other}");
        }
        assert_ne!(folded("rpc"), folded("rpc2"));
    }
}
