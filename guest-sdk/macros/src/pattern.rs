//! The patterns in `#[watch("pattern")]`.

use std::iter::Peekable;
use std::str::Chars;

/// As the host allows.
const MAX_BYTES: usize = 1024;

const PLACEHOLDERS: [&str; 3] = ["datasite", "email", "app_data"];

const BRACES: &str = "a `{` has no `}`, or braces stand within others; `\\{` is a brace itself";
const BRACKETS: &str = "a `[` has no `]`";
const BACKSLASH: &str = "a `\\` stands at the end: it takes the next character as it is";

/// Returns the rule that a pattern breaks.
///
/// These are the host's rules as far as authors run into them, and what can match no
/// file is refused as well. The host checks again.
pub(crate) fn check(pattern: &str) -> Result<(), &'static str> {
    if pattern.len() > MAX_BYTES {
        return Err("a pattern has at most 1024 bytes");
    }
    if pattern.starts_with('#') {
        return Err("a pattern that begins with `#` is a comment: write `\\#` for the character");
    }
    let glob = pattern.strip_prefix('!').unwrap_or(pattern);
    if glob.is_empty() {
        return Err("the pattern is empty: `**` stands for all files");
    }
    if glob.contains(char::is_control) {
        return Err("a pattern has no control characters");
    }
    if glob.split('/').any(|name| name == "..") {
        return Err("`..` is no name: patterns begin at the folder of all datasites or below");
    }
    check_marks(&mut glob.chars().peekable())
}

fn check_marks(rest: &mut Peekable<Chars<'_>>) -> Result<(), &'static str> {
    while let Some(c) = rest.next() {
        match c {
            '{' => check_group(rest)?,
            '}' => return Err(BRACES),
            '[' => check_class(rest)?,
            '\\' => {
                rest.next().ok_or(BACKSLASH)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads what is behind a brace: a placeholder, or texts of which either is meant.
fn check_group(rest: &mut Peekable<Chars<'_>>) -> Result<(), &'static str> {
    // Patterns that went through Python's `str.format` have them doubled.
    let is_doubled = rest.next_if_eq(&'{').is_some();
    let mut text = String::new();
    let mut n_commas = 0;
    loop {
        let c = rest.next().ok_or(BRACES)?;
        match c {
            '}' if is_doubled && rest.next() != Some('}') => return Err(BRACES),
            '}' if n_commas > 0 => return Ok(()),
            '}' if !is_doubled && PLACEHOLDERS.contains(&&*text) => return Ok(()),
            '}' => {
                return Err(
                    "the placeholders are {datasite}, {email} and {app_data}; {a,b} stands for either",
                );
            }
            '{' => return Err(BRACES),
            ',' => n_commas += 1,
            '[' => check_class(rest)?,
            '\\' => {
                rest.next().ok_or(BACKSLASH)?;
            }
            _ => {}
        }
        text.push(c);
    }
}

/// Reads what is behind a bracket.
fn check_class(rest: &mut Peekable<Chars<'_>>) -> Result<(), &'static str> {
    rest.next_if(|c| matches!(c, '!' | '^'));
    let mut is_first = true;
    loop {
        match rest.next().ok_or(BRACKETS)? {
            // As the first one it is a character.
            ']' if !is_first => return Ok(()),
            '/' => return Err(BRACKETS),
            '\\' => {
                rest.next().ok_or(BRACKETS)?;
            }
            _ => {}
        }
        is_first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_what_the_host_allows() {
        for pattern in [
            "**",
            "*.json",
            "a.json",
            "!a.json",
            "{datasite}/**/*.json",
            "{email}/public/**",
            "{app_data}/**/*.txt",
            "/*/public/chat/*.json",
            "public/",
            "/owner@example.com/public/*.json",
            "**/*.{json,txt}",
            "**/*.{{json,txt}}",
            "{datasite}/{a,b}/?.[jt]*",
            "**/{[,}],x}.txt",
            "**/[]a].txt",
            "**/[!a-c].txt",
            "**/.hid*",
            "é/*.json",
            "\\#a",
            "a\\{b\\}",
            "a..b",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn refuses_what_it_does_not() {
        for pattern in [
            "",
            "!",
            "# a",
            "../*.json",
            "a/../b",
            "a\nb",
            "a\\",
            "{home}/*.json",
            "{Datasite}/a",
            "{}/a",
            "**/*.{json}",
            "**/*.{{json}}",
            "**/*.{{datasite}}",
            "**/*.{{json,txt}",
            "{datasite/**",
            "datasite}/**",
            "{a,{b,c}}",
            "**/[ab.json",
            "**/[a/b].json",
            "**/[]",
            "{a,[}",
        ] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
        assert!(check(&"a".repeat(MAX_BYTES + 1)).is_err());
        assert_eq!(check(&"a".repeat(MAX_BYTES)), Ok(()));
    }
}
