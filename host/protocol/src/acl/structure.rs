//! The part of YAML that its versions 1.1 and 1.2 read alike.
//!
//! `yaml.v3` reads YAML 1.1 with leniences of its own, the parser here 1.2.
//! Rather than chase each difference, only what both are known to read alike
//! is taken: everything between the texts of a document must be plain, and a
//! key must stand in one line.

use std::ops::Range;

use super::AclError;
use crate::excerpt::excerpt;

/// The most bytes of a key that `yaml.v3` takes without a `?` before it.
const MAX_KEY_BYTES: usize = 1000;

/// What stands between the texts of a document, read to its end.
pub(super) struct Structure<'a> {
    text: &'a str,
    /// Where the document ends.
    end: usize,
    /// Something of the document was seen, so that no `---` may follow.
    is_begun: bool,
    /// A `...` was seen, so that nothing may follow.
    is_over: bool,
    /// How many brackets are open.
    n_brackets: usize,
}

/// Fails where the text holds a character at which the versions break lines
/// differently, or that only one of them takes for a byte order mark.
pub(super) fn check_characters(text: &str) -> Result<(), AclError> {
    let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let skipped = text.len() - rest.len();
    for (at, c) in rest.char_indices() {
        let what = match c {
            '\r' if !rest[at + 1..].starts_with('\n') => "a carriage return within a line",
            '\u{85}' | '\u{2028}' | '\u{2029}' => "a Unicode line break",
            '\u{feff}' => "a byte order mark within the text",
            _ => continue,
        };
        return Err(unsupported(text, skipped + at, what));
    }
    Ok(())
}

/// Fails where a key is not written in one short line.
pub(super) fn check_key(text: &str, key: &Range<usize>) -> Result<(), AclError> {
    let written = &text[key.clone()];
    let what = match () {
        () if written.is_empty() => "an empty key",
        () if written.contains('\n') => "a key of several lines",
        () if written.len() > MAX_KEY_BYTES => "so long a key",
        () => return Ok(()),
    };
    Err(unsupported(text, key.start, what))
}

/// Fails where `yaml.v3` may see structure in a text without quotes.
pub(super) fn check_plain(
    text: &str,
    plain: &Range<usize>,
    is_in_brackets: bool,
) -> Result<(), AclError> {
    let written = &text[plain.clone()];
    let what = match () {
        () if written.starts_with(['?', ':']) => "`?` or `:` before a text without quotes",
        () if written.contains('\t') => "a tab within a text without quotes",
        () if is_in_brackets && written.contains('?') => {
            "`?` in a text without quotes within brackets"
        }
        () => return Ok(()),
    };
    Err(unsupported(text, plain.start, what))
}

/// Fails where a text in lines of its own has a tab, which may indent it.
pub(super) fn check_block(text: &str, block: &Range<usize>) -> Result<(), AclError> {
    if text[block.clone()].contains('\t') {
        Err(unsupported(text, block.start, "a tab in such a text"))
    } else {
        Ok(())
    }
}

/// Fails where a text in double quotes has an escape that `yaml.v3` lacks.
pub(super) fn check_quoted(text: &str, quoted: &Range<usize>) -> Result<(), AclError> {
    let mut rest = &text[quoted.clone()];
    while let Some(at) = rest.find('\\') {
        if rest[at + 1..].starts_with('/') {
            return Err(unsupported(text, quoted.start, "the escape `\\/`"));
        }
        let n_escaped = rest[at + 1..].chars().next().map_or(0, char::len_utf8);
        rest = &rest[at + 1 + n_escaped..];
    }
    Ok(())
}

impl<'a> Structure<'a> {
    /// Fails where anything but plain structure stands between the `texts` of
    /// a document, or anything at all behind its `end`.
    pub(super) fn check(text: &'a str, texts: &[Range<usize>], end: usize) -> Result<(), AclError> {
        let mut structure = Structure {
            text,
            end,
            is_begun: false,
            is_over: false,
            n_brackets: 0,
        };
        let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
        for inner in texts {
            structure.check_between(at, inner.start)?;
            structure.is_begun = true;
            at = inner.end;
        }
        structure.check_between(at, text.len())
    }

    fn check_between(&mut self, mut at: usize, end: usize) -> Result<(), AclError> {
        while at < end {
            at += self.token(&self.text[at..end], at).ok_or_else(|| {
                let line = self.text[at..].lines().next().unwrap_or_default();
                let content = line.trim_start_matches([' ', '\t']);
                match line.starts_with('\t') {
                    false => unsupported(self.text, at, &format!("`{}`", excerpt(line))),
                    // Allowed or not by what stands before.
                    true if self.n_brackets > 0
                        || content.is_empty()
                        || content.starts_with('#') =>
                    {
                        unsupported(self.text, at, "a tab at the start of a line")
                    }
                    true => AclError::Syntax {
                        line: line_of(self.text, at),
                        problem: "a tab stands where only spaces indent".to_owned(),
                    },
                }
            })?;
        }
        Ok(())
    }

    /// Returns how many bytes the next token takes; `None` where it is none of
    /// those that are known to be read alike.
    fn token(&mut self, rest: &str, at: usize) -> Option<usize> {
        let before = self.text[..at].chars().next_back();
        let starts_line = matches!(before, None | Some('\n' | '\u{feff}'));
        let first = rest.chars().next()?;
        match first {
            '\t' if indents(&self.text[..at]) => return None,
            ' ' | '\t' | '\r' | '\n' => return Some(1),
            '#' if starts_line || matches!(before, Some(' ' | '\t')) => {
                return Some(rest.find('\n').unwrap_or(rest.len()));
            }
            _ if self.is_over => return None,
            '-' if starts_line && rest.starts_with("---") => {
                let is_first = !std::mem::replace(&mut self.is_begun, true);
                return (is_first && is_alone(&rest[3..])).then_some(3);
            }
            '.' if starts_line && rest.starts_with("...") => {
                self.is_over = true;
                return (self.is_begun && is_alone(&rest[3..])).then_some(3);
            }
            _ if at >= self.end => return None,
            _ => self.is_begun = true,
        }
        match first {
            ',' => Some(1),
            '[' | '{' => {
                self.n_brackets += 1;
                Some(1)
            }
            ']' | '}' => {
                self.n_brackets = self.n_brackets.saturating_sub(1);
                Some(1)
            }
            // The key stands before it in the same line.
            ':' if self.text[..at]
                .trim_end_matches([' ', '\t'])
                .ends_with('\n') =>
            {
                None
            }
            // As JSON is written without spaces.
            ':' if self.n_brackets > 0 && before == Some('"') => Some(1),
            '-' | ':' => {
                let is_alone = self.text[at + 1..].chars().next().is_none_or(is_blank);
                is_alone.then_some(1)
            }
            '|' | '>' => block_header(rest),
            '&' | '*' | '!' => {
                let n_bytes = word(&self.text[at..])?;
                let after = self.text[at + n_bytes..].trim_start_matches(' ');
                // A mark and what it marks stand in one line within brackets.
                let is_apart = self.n_brackets > 0 && after.starts_with(['\r', '\n', '#']);
                (first == '*' || !is_apart).then_some(n_bytes)
            }
            _ => None,
        }
    }
}

/// Returns how many bytes an anchor, an alias or a tag takes, if it is one of
/// letters, digits, `-` and `_`.
fn word(text: &str) -> Option<usize> {
    let is_end = |c| is_blank(c) || (text.starts_with('*') && matches!(c, ',' | ']' | '}'));
    let end = text.find(is_end).unwrap_or(text.len());
    let (mark, name) = text[..end].split_at(1);
    let name = match mark {
        "!" => name.strip_prefix('!').unwrap_or(name),
        _ if name.is_empty() => return None,
        _ => name,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.chars().all(is_plain).then_some(end)
}

/// Tells whether what comes next stands where its line, an item or a value
/// begins: only spaces may move it there.
fn indents(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.chars()
        .all(|c| is_blank(c) || matches!(c, '-' | ':' | '\u{feff}'))
}

/// Returns how many bytes the mark of a text in lines of its own takes.
fn block_header(rest: &str) -> Option<usize> {
    let marks = rest[1..].find(|c| !matches!(c, '+' | '-' | '1'..='9'));
    let n_bytes = 1 + marks.unwrap_or(rest.len() - 1);
    (n_bytes <= 3 && is_alone(&rest[n_bytes..])).then_some(n_bytes)
}

/// Tells whether nothing but a comment follows in the line.
fn is_alone(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    let content = line.trim_matches([' ', '\r']);
    content.is_empty() || (content.starts_with('#') && line.starts_with(' '))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn unsupported(text: &str, at: usize, what: &str) -> AclError {
    AclError::Unsupported {
        line: line_of(text, at),
        what: what.to_owned(),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
