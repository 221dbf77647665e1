//! The text of a template, cut into actions and what stands between them.

use super::template::Fault;

/// White space, as Go's templates know it.
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// A part of a template.
pub(super) enum Section<'a> {
    Text(&'a str),
    Action(Vec<Token>),
}

/// A part of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Space,
    Pipe,
    Open,
    Close,
    /// `$`
    Root,
    /// `.Name`, without the dot.
    Field(String),
    Identifier(String),
    Text(String),
    Number(u64),
}

/// Returns the sections of `template`. Comments are gone, and trim markers
/// have done their work.
pub(super) fn sections(template: &str) -> Result<Vec<Section<'_>>, Fault> {
    let mut sections = Vec::new();
    let mut rest = template;
    let mut trims = false;
    while let Some((text, action)) = rest.split_once("{{") {
        let (trims_before, action) = match trim_marker_at_start(action) {
            Some(action) => (true, action),
            None => (false, action),
        };
        sections.push(Section::Text(trimmed(text, trims, trims_before)));
        if let Some(comment) = action.strip_prefix("/*") {
            let (_, after) = comment.split_once("*/").ok_or(Fault::Failing)?;
            (trims, rest) = close(after).ok_or(Fault::Failing)?;
        } else {
            let tokens;
            (tokens, trims, rest) = tokens_of(action)?;
            sections.push(Section::Action(tokens));
        }
    }
    sections.push(Section::Text(trimmed(rest, trims, false)));
    Ok(sections)
}

fn trimmed(mut text: &str, start: bool, end: bool) -> &str {
    if start {
        text = text.trim_start_matches(SPACES);
    }
    if end {
        text = text.trim_end_matches(SPACES);
    }
    text
}

/// Returns what follows a `-` with white space behind it. The white space is
/// a part of the marker.
fn trim_marker_at_start(action: &str) -> Option<&str> {
    action.strip_prefix('-')?.strip_prefix(SPACES)
}

/// Returns whether the mark that ends an action, which must come next, trims,
/// and what follows it.
fn close(text: &str) -> Option<(bool, &str)> {
    if let Some(rest) = text.strip_prefix("}}") {
        return Some((false, rest));
    }
    let rest = text.strip_prefix(SPACES)?.strip_prefix("-}}")?;
    Some((true, rest))
}

/// Returns the tokens of the action that `text` starts with, whether it trims
/// what follows, and what follows.
fn tokens_of(text: &str) -> Result<(Vec<Token>, bool, &str), Fault> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        if let Some((trims, after)) = close(rest) {
            return Ok((tokens, trims, after));
        }
        let (token, after) = token(rest)?;
        tokens.push(token);
        rest = after;
    }
}

fn token(text: &str) -> Result<(Token, &str), Fault> {
    let first = text.chars().next().ok_or(Fault::Failing)?;
    let after = &text[first.len_utf8()..];
    match first {
        c if SPACES.contains(&c) => Ok((Token::Space, spaces(after))),
        '|' => Ok((Token::Pipe, after)),
        '(' => Ok((Token::Open, after)),
        ')' => Ok((Token::Close, after)),
        '$' if after.starts_with('.') => Ok((Token::Root, after)),
        '"' => quoted(after),
        '`' => {
            let (text, after) = after.split_once('`').ok_or(Fault::Failing)?;
            Ok((Token::Text(text.to_owned()), after))
        }
        '.' => {
            let (name, after) = word(after)?;
            match name {
                // The dot alone is all fields at once; `.5` is a number.
                "" => Err(Fault::Unknown),
                _ if name.starts_with(|c: char| c.is_ascii_digit()) => Err(Fault::Unknown),
                _ => Ok((Token::Field(name.to_owned()), after)),
            }
        }
        c if c.is_ascii_digit() => number(text),
        c if is_name(c) => {
            let (name, after) = word(text)?;
            Ok((Token::Identifier(name.to_owned()), after))
        }
        '$' | '+' | '-' | '\'' | ':' | '=' => Err(Fault::Unknown),
        _ => Err(Fault::Failing),
    }
}

/// Skips white space, but for what belongs to the mark that ends the action.
fn spaces(mut text: &str) -> &str {
    while close(text).is_none()
        && let Some(after) = text.strip_prefix(SPACES)
    {
        text = after;
    }
    text
}

/// Splits a name off, which only some characters may follow.
fn word(text: &str) -> Result<(&str, &str), Fault> {
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let ends = after.is_empty()
        || after.starts_with(SPACES)
        || after.starts_with(['.', ',', '|', ':', ')', '('])
        || after.starts_with("}}");
    if ends {
        Ok((name, after))
    } else {
        Err(Fault::Failing)
    }
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Reads a whole number in tens. Of the other ways that Go has to write one,
/// none is read.
fn number(text: &str) -> Result<(Token, &str), Fault> {
    let end = text
        .find(|c: char| !is_name(c) && c != '.')
        .unwrap_or(text.len());
    let (digits, after) = text.split_at(end);
    let plain = digits == "0" || !digits.starts_with('0');
    if !plain || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Unknown);
    }
    let number = digits.parse().map_err(|_| Fault::Unknown)?;
    Ok((Token::Number(number), after))
}

/// Reads a string up to the closing quote.
fn quoted(text: &str) -> Result<(Token, &str), Fault> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next().ok_or(Fault::Failing)? {
            '"' => return Ok((Token::Text(value), chars.as_str())),
            '\n' => return Err(Fault::Failing),
            '\\' => value.push(escaped(chars.next())?),
            c => value.push(c),
        }
    }
}

fn escaped(c: Option<char>) -> Result<char, Fault> {
    match c.ok_or(Fault::Failing)? {
        'a' => Ok('\u{7}'),
        'b' => Ok('\u{8}'),
        'f' => Ok('\u{c}'),
        'n' => Ok('\n'),
        'r' => Ok('\r'),
        't' => Ok('\t'),
        'v' => Ok('\u{b}'),
        c @ ('\\' | '"') => Ok(c),
        'x' | 'u' | 'U' | '0'..='7' => Err(Fault::Unknown),
        _ => Err(Fault::Failing),
    }
}
