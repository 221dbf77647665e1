//! Patterns of the files that an app watches, in the way of gitignore.
//!
//! A pattern is matched against a path below the folder of all datasites; folders
//! above it take no part. A name alone stands at any depth, and so does a pattern
//! with slashes, as released SyftEvent has it, unless it begins with a slash, a
//! placeholder or a datasite: then it begins at the folder of all datasites. What
//! fits a folder fits all that is below it. `*` and `?` stay within a name, `**` as
//! a whole name stands for any names, `[a-c]`, `[!a]`, `[^a]` and `[[:digit:]]` for one
//! character, `{a,b}` for either text, and `\` takes the next character as it is. Case counts.
//! `!` at the start takes files out again; the last pattern that fits decides.

mod overlap;
mod parse;
#[cfg(test)]
mod tests;

pub use overlap::Effort;
use thiserror::Error;

use crate::address::{AppName, Datasite};

/// The most patterns of one watch.
const MAX_PATTERNS: usize = 64;

/// The patterns of one watch, with their placeholders filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Globs(Vec<Glob>);

/// Why texts are no patterns.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GlobsError {
    /// There is none.
    #[error("a watch has at least one pattern")]
    None,
    /// There are too many.
    #[error("a watch has at most {MAX_PATTERNS} patterns")]
    TooMany,
    /// One of them is wrong.
    #[error("the pattern {pattern:?}: {error}")]
    Glob {
        /// The pattern, cut where it is long.
        pattern: String,
        /// What is wrong with it.
        error: GlobError,
    },
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GlobError {
    /// It is longer than patterns are.
    #[error(
        "a pattern has at most {} bytes and {} names",
        parse::MAX_BYTES,
        parse::MAX_NAMES
    )]
    TooLong,
    /// It leads out of the folder, or into no name.
    #[error("a pattern has no name `..`, and none with control characters")]
    Names,
    /// A bracket is not closed.
    #[error("a `[` has no `]`")]
    Brackets,
    /// A class in brackets has no name that there is.
    #[error(
        "the classes in brackets are `[:alnum:]`, `[:alpha:]`, `[:blank:]`, `[:cntrl:]`, `[:digit:]`, `[:graph:]`, `[:lower:]`, `[:print:]`, `[:punct:]`, `[:space:]`, `[:upper:]` and `[:xdigit:]`"
    )]
    Class,
    /// A brace is not closed, not opened, or within others.
    #[error("a `{{` has no `}}`, or braces stand within others; `\\{{` is a brace itself")]
    Braces,
    /// There is one text between braces, and no placeholder of that name.
    #[error(
        "the placeholders are `{{datasite}}`, `{{email}}` and `{{app_data}}`; `{{a,b}}` stands for either"
    )]
    Placeholder,
    /// Its braces stand for too many patterns.
    #[error(
        "the braces of a pattern stand for at most {} patterns",
        parse::MAX_ALTERNATIVES
    )]
    Alternatives,
    /// A backslash takes nothing.
    #[error("a `\\` stands at the end")]
    Backslash,
}

impl Globs {
    /// Returns the patterns of a watch.
    ///
    /// # Errors
    /// See [`GlobsError`].
    pub fn parse(texts: &[String], datasite: &Datasite, app: &AppName) -> Result<Self, GlobsError> {
        if texts.is_empty() {
            return Err(GlobsError::None);
        }
        if texts.len() > MAX_PATTERNS {
            return Err(GlobsError::TooMany);
        }
        let mut globs = Vec::new();
        for text in texts {
            let parsed = parse::parse(text, datasite, app);
            globs.extend(parsed.map_err(|error| GlobsError::Glob {
                pattern: crate::excerpt::excerpt(text),
                error,
            })?);
        }
        Ok(Self(globs))
    }

    /// Returns how many patterns there are, those that braces stand for each
    /// counted.
    pub fn n_globs(&self) -> usize {
        self.0.len()
    }

    /// Tells whether a file, given by its names, is meant.
    pub fn matches(&self, path: &[&str]) -> bool {
        let last = self.0.iter().rev().find(|glob| glob.matches(path));
        last.is_some_and(|glob| !glob.is_negated)
    }

    /// Returns the patterns that mean files, those that braces stand for each. What takes
    /// files out again is not among them.
    pub fn each(&self) -> impl Iterator<Item = &Glob> {
        self.0.iter().filter(|glob| !glob.is_negated)
    }

    /// Returns a path that each of the patterns means which mean any.
    pub fn examples(&self) -> impl Iterator<Item = Vec<String>> {
        let positive = self.0.iter().filter(|glob| !glob.is_negated);
        positive.map(|glob| glob.names.iter().map(Name::example).collect())
    }

    /// Tells whether a file below a folder could be meant.
    pub fn leads_on_from(&self, folder: &[&str]) -> bool {
        let mut positive = self.0.iter().filter(|glob| !glob.is_negated);
        positive.any(|glob| glob.leads_on_from(folder))
    }
}

/// One pattern, without braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    is_negated: bool,
    /// It ends with a slash: it fits folders only.
    is_folder: bool,
    names: Vec<Name>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// `**`
    AnyNames,
    Literal(String),
    Pieces(Vec<Piece>),
}

/// What stands for a part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Char(char),
    /// `*`
    Any,
    /// `?`
    One,
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// The places in a pattern that a path may have led to, one bit each.
type Places = u128;

impl Glob {
    fn matches(&self, path: &[&str]) -> bool {
        let end = 1 << self.names.len();
        let mut places = self.start();
        for (index, name) in path.iter().enumerate() {
            places = self.step(places, name);
            let is_last = index + 1 == path.len();
            if places & end != 0 && !(is_last && self.is_folder) {
                return true;
            }
            if places == 0 {
                return false;
            }
        }
        false
    }

    fn leads_on_from(&self, folder: &[&str]) -> bool {
        let end = 1 << self.names.len();
        let mut places = self.start();
        for name in folder {
            places = self.step(places, name);
            if places & end != 0 {
                return true;
            }
        }
        places != 0
    }

    fn start(&self) -> Places {
        self.skip_any(1)
    }

    fn step(&self, places: Places, name: &str) -> Places {
        let mut next = 0;
        for (index, pattern) in self.names.iter().enumerate() {
            let at = 1 << index;
            if places & at == 0 {
                continue;
            }
            match pattern {
                // At the end it stands for at least one name.
                Name::AnyNames if index + 1 == self.names.len() => next |= at | at << 1,
                Name::AnyNames => next |= at,
                pattern if pattern.matches(name) => next |= at << 1,
                _ => {}
            }
        }
        self.skip_any(next)
    }

    /// Adds the places behind each `**`, which may stand for no name at all.
    fn skip_any(&self, mut places: Places) -> Places {
        let before_last = self.names.len().saturating_sub(1);
        for (index, pattern) in self.names.iter().take(before_last).enumerate() {
            if places & (1 << index) != 0 && *pattern == Name::AnyNames {
                places |= 1 << (index + 1);
            }
        }
        places
    }
}

impl Name {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::AnyNames => true,
            Self::Literal(literal) => literal == name,
            Self::Pieces(pieces) => matches_pieces(pieces, name),
        }
    }
}

impl Name {
    fn example(&self) -> String {
        match self {
            Self::AnyNames => "any".to_owned(),
            Self::Literal(literal) => literal.clone(),
            Self::Pieces(pieces) => pieces.iter().map(Piece::example).collect(),
        }
    }
}

impl Piece {
    fn example(&self) -> char {
        match self {
            Self::Char(c) => *c,
            Self::Any | Self::One => 'x',
            Self::Class { is_negated, ranges } => {
                let fits = |c: &char| self.matches(*c);
                let first = ranges.first().map(|(from, _)| *from);
                let other = ('a'..='z').find(fits);
                first.filter(|_| !is_negated).or(other).unwrap_or('x')
            }
        }
    }

    fn matches(&self, c: char) -> bool {
        match self {
            Self::Char(literal) => *literal == c,
            Self::Any | Self::One => true,
            Self::Class { is_negated, ranges } => {
                let is_in = ranges.iter().any(|&(from, to)| from <= c && c <= to);
                is_in != *is_negated
            }
        }
    }
}

/// Takes time proportional to both lengths multiplied, at most.
fn matches_pieces(pieces: &[Piece], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Behind the last star, and the end of what it took so far.
    let mut star = None;
    while n < name.len() {
        match pieces.get(p) {
            Some(Piece::Any) => {
                p += 1;
                star = Some((p, n));
            }
            Some(piece) if piece.matches(name[n]) => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((behind, taken)) => {
                    *taken += 1;
                    (p, n) = (*behind, *taken);
                }
                None => return false,
            },
        }
    }
    pieces[p..].iter().all(|piece| *piece == Piece::Any)
}
