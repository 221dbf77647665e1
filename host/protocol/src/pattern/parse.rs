//! Reads patterns.

use std::iter::Peekable;
use std::str::Chars;

use super::{Glob, GlobError, Name, Piece};
use crate::address::{AppName, Datasite};

/// The most bytes of a pattern, names in it, and patterns that its braces stand
/// for.
pub(super) const MAX_BYTES: usize = 1024;
pub(super) const MAX_NAMES: usize = 64;
pub(super) const MAX_ALTERNATIVES: usize = 64;

/// What a pattern is made of once its braces are gone.
#[derive(Clone)]
enum Token {
    Slash,
    Piece(Piece),
}

/// Returns the patterns that a text stands for: none if it is a comment, several
/// if it has braces.
pub(super) fn parse(
    text: &str,
    datasite: &Datasite,
    app: &AppName,
) -> Result<Vec<Glob>, GlobError> {
    if text.len() > MAX_BYTES {
        return Err(GlobError::TooLong);
    }
    if text.starts_with('#') {
        return Ok(Vec::new());
    }
    let (is_negated, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let is_rooted = ["{datasite}", "{email}", "{app_data}", "/"]
        .iter()
        .any(|start| text.starts_with(start));
    Alternatives::of(text, datasite, app)?
        .into_iter()
        .map(|tokens| glob(&tokens, is_negated, is_rooted))
        .collect()
}

fn glob(tokens: &[Token], is_negated: bool, is_rooted: bool) -> Result<Glob, GlobError> {
    let mut names = Vec::new();
    for name in tokens.split(|token| matches!(token, Token::Slash)) {
        let pieces = name.iter().filter_map(|token| match token {
            Token::Piece(piece) => Some(piece.clone()),
            Token::Slash => None,
        });
        names.extend(parse_name(pieces.collect())?);
    }
    let begins_with_datasite = match names.first() {
        Some(Name::Literal(name)) => Datasite::parse(name).is_ok(),
        _ => false,
    };
    if names.is_empty() {
        names.push(Name::AnyNames);
    }
    if !is_rooted && !begins_with_datasite && names[0] != Name::AnyNames {
        names.insert(0, Name::AnyNames);
    }
    if names.len() > MAX_NAMES {
        return Err(GlobError::TooLong);
    }
    Ok(Glob {
        is_negated,
        is_folder: matches!(tokens.last(), Some(Token::Slash)),
        names,
    })
}

/// Returns a name; `None` where it stands for nothing, as between two slashes.
fn parse_name(pieces: Vec<Piece>) -> Result<Option<Name>, GlobError> {
    if pieces == [Piece::Any, Piece::Any] {
        return Ok(Some(Name::AnyNames));
    }
    let literal: Option<String> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Char(c) => Some(*c),
            _ => None,
        })
        .collect();
    match literal.as_deref() {
        Some("" | ".") => Ok(None),
        Some("..") => Err(GlobError::Names),
        Some(name) if name.contains(char::is_control) => Err(GlobError::Names),
        Some(name) => Ok(Some(Name::Literal(name.to_owned()))),
        None => Ok(Some(Name::Pieces(pieces))),
    }
}

/// The patterns that braces stand for, as far as a text was read.
struct Alternatives {
    all: Vec<Vec<Token>>,
    group: Option<Group>,
}

/// Braces that are open.
struct Group {
    /// They are doubled, as in texts that pass Python's `str.format`.
    is_doubled: bool,
    done: Vec<Vec<Token>>,
    last: Vec<Token>,
}

impl Alternatives {
    fn of(text: &str, datasite: &Datasite, app: &AppName) -> Result<Vec<Vec<Token>>, GlobError> {
        let mut found = Self {
            all: vec![Vec::new()],
            group: None,
        };
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match (c, &mut found.group) {
                ('{', None) => match placeholder(&mut rest, datasite, app) {
                    Some(filled) => found.push_literal(&filled),
                    None => found.open(rest.next_if_eq(&'{').is_some()),
                },
                (',', Some(group)) => group.next(),
                ('}', Some(group)) => {
                    if group.is_doubled && rest.next() != Some('}') {
                        return Err(GlobError::Braces);
                    }
                    found.close()?;
                }
                ('{', Some(_)) | ('}', None) => return Err(GlobError::Braces),
                ('/', _) => found.push(Token::Slash),
                ('*', _) => found.push(Token::Piece(Piece::Any)),
                ('?', _) => found.push(Token::Piece(Piece::One)),
                ('[', _) => found.push(Token::Piece(class(&mut rest)?)),
                ('\\', _) => {
                    let taken = rest.next().ok_or(GlobError::Backslash)?;
                    found.push(Token::Piece(Piece::Char(taken)));
                }
                (c, _) => found.push(Token::Piece(Piece::Char(c))),
            }
        }
        match found.group {
            None => Ok(found.all),
            Some(_) => Err(GlobError::Braces),
        }
    }

    fn open(&mut self, is_doubled: bool) {
        self.group = Some(Group {
            is_doubled,
            done: Vec::new(),
            last: Vec::new(),
        });
    }

    fn push(&mut self, token: Token) {
        match &mut self.group {
            Some(group) => group.last.push(token),
            None => self
                .all
                .iter_mut()
                .for_each(|tokens| tokens.push(token.clone())),
        }
    }

    /// What is filled in is literal, whatever characters it has.
    fn push_literal(&mut self, path: &str) {
        for c in path.chars() {
            self.push(match c {
                '/' => Token::Slash,
                c => Token::Piece(Piece::Char(c)),
            });
        }
    }

    fn close(&mut self) -> Result<(), GlobError> {
        let Some(mut group) = self.group.take() else {
            return Err(GlobError::Braces);
        };
        group.next();
        if group.done.len() < 2 {
            return Err(GlobError::Placeholder);
        }
        if self.all.len() * group.done.len() > MAX_ALTERNATIVES {
            return Err(GlobError::Alternatives);
        }
        let before = std::mem::take(&mut self.all);
        for tokens in &before {
            self.all.extend(
                group
                    .done
                    .iter()
                    .map(|alternative| [&tokens[..], alternative].concat()),
            );
        }
        Ok(())
    }
}

impl Group {
    fn next(&mut self) {
        self.done.push(std::mem::take(&mut self.last));
    }
}

/// Reads the rest of a placeholder and returns what stands in its place.
fn placeholder(
    rest: &mut Peekable<Chars<'_>>,
    datasite: &Datasite,
    app: &AppName,
) -> Option<String> {
    let text: String = rest.clone().take_while(|c| *c != '}').collect();
    let filled = match text.as_str() {
        "datasite" | "email" => datasite.as_str().to_owned(),
        "app_data" => format!("{}/app_data/{}", datasite.as_str(), app.as_str()),
        _ => return None,
    };
    rest.nth(text.chars().count());
    Some(filled)
}

/// Reads the rest of a class behind its bracket.
fn class(rest: &mut Peekable<Chars<'_>>) -> Result<Piece, GlobError> {
    let is_negated = rest.next_if(|c| matches!(c, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let from = match rest.next().ok_or(GlobError::Brackets)? {
            // As the first one it is a character.
            ']' if !ranges.is_empty() => return Ok(Piece::Class { is_negated, ranges }),
            '[' => match named_class(rest)? {
                // No range begins with it.
                Some(named) => {
                    ranges.extend(named);
                    continue;
                }
                None => '[',
            },
            '\\' => rest.next().ok_or(GlobError::Brackets)?,
            '/' => return Err(GlobError::Brackets),
            c => c,
        };
        let mut ahead = rest.clone();
        let to = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(to)) if to != ']' => {
                *rest = ahead;
                match to {
                    '\\' => rest.next().ok_or(GlobError::Brackets)?,
                    to => to,
                }
            }
            _ => from,
        };
        ranges.push((from, to));
    }
}

/// Reads the rest of a class that has a name, such as `[:digit:]`, behind its bracket; `None`
/// where the bracket is a character like others.
fn named_class(
    rest: &mut Peekable<Chars<'_>>,
) -> Result<Option<&'static [(char, char)]>, GlobError> {
    let ahead: String = rest.clone().take_while(|c| *c != ']').collect();
    let inner = ahead
        .strip_prefix(':')
        .and_then(|text| text.strip_suffix(':'));
    let Some(name) = inner else {
        return Ok(None);
    };
    let ranges = posix_class(name).ok_or(GlobError::Class)?;
    rest.nth(ahead.chars().count());
    Ok(Some(ranges))
}

/// Returns what a class of POSIX stands for: characters of ASCII, as in git.
fn posix_class(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "blank" => &[(' ', ' '), ('\t', '\t')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[(' ', ' '), ('\t', '\n'), ('\r', '\r')],
        "upper" => &[('A', 'Z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}
