//! A rule's pattern, with its folder in front, made ready for many paths.

use super::glob;
use super::score::is_template;
use super::template::{self, Context, Part, Piece, Template};
use super::work::{TooHard, Work};

/// What the expansion of one part of a template costs; most of it is a hash.
const STEPS_PER_PART: usize = 100;

/// A full pattern: the folder of the file, a slash and the rule's pattern.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    /// Every path that matches starts with this.
    prefix: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Exact(String),
    Glob(String),
    Template(Template),
}

/// Why it is not known whether a path matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The template uses what is not implemented here.
    Template,
    /// The patterns asked take more work than a decision may.
    TooHard,
}

impl Unknown {
    /// Returns the reason, as a sentence about the rule.
    pub fn as_str(self) -> &'static str {
        match self {
            Unknown::Template => "its template uses what is not supported",
            Unknown::TooHard => "its pattern takes too much work",
        }
    }
}

impl From<TooHard> for Unknown {
    fn from(_: TooHard) -> Unknown {
        Unknown::TooHard
    }
}

impl Matcher {
    /// Returns the matcher of a pattern, of the kind that its text asks for:
    /// in a text without `*`, `?` and `[`, braces and backslashes are plain.
    pub(super) fn new(full_pattern: String) -> Matcher {
        Matcher {
            prefix: prefix(&full_pattern).to_owned(),
            kind: if is_template(&full_pattern) {
                Kind::Template(Template::parse(&full_pattern))
            } else if is_glob(&full_pattern) {
                Kind::Glob(full_pattern)
            } else {
                Kind::Exact(full_pattern)
            },
        }
    }

    pub(super) fn is_match(
        &self,
        path: &str,
        context: &Context<'_>,
        work: &mut Work,
    ) -> Result<bool, Unknown> {
        work.spend(1)?;
        if !path.starts_with(&self.prefix) {
            return Ok(false);
        }
        match &self.kind {
            Kind::Exact(text) => Ok(text == path),
            Kind::Glob(pattern) => Ok(glob::is_match(pattern, path, work)?),
            Kind::Template(Template::Parts(parts)) => {
                Ok(matches_template(parts, path, context, work)?)
            }
            Kind::Template(Template::Failing) => Ok(false),
            Kind::Template(Template::Unknown) => Err(Unknown::Template),
        }
    }
}

fn matches_template(
    parts: &[Part],
    path: &str,
    context: &Context<'_>,
    work: &mut Work,
) -> Result<bool, TooHard> {
    work.spend(parts.len() * STEPS_PER_PART)?;
    let Some(pieces) = template::expand(parts, context) else {
        return Ok(false);
    };
    if pieces
        .iter()
        .any(|piece| !piece.literal && is_glob(&piece.text))
    {
        return glob::is_match(&escaped(&pieces), path, work);
    }
    let text: String = pieces.into_iter().map(|piece| piece.text).collect();
    Ok(text == path)
}

/// Returns the glob that `pieces` make, nothing of the requester's acting as
/// one in it.
fn escaped(pieces: &[Piece]) -> String {
    let mut glob = String::new();
    // Whether the author's text ends in a backslash that takes the next
    // character as it is. Another one there would be that character.
    let mut is_taken = false;
    for piece in pieces {
        for c in piece.text.chars() {
            if piece.literal && !is_taken && "*?[]{},\\!^-".contains(c) {
                glob.push('\\');
            }
            glob.push(c);
            is_taken = !piece.literal && !is_taken && c == '\\';
        }
    }
    glob
}

/// Returns the text that every match starts with. A slash at its end is left
/// off: `a/**` matches `a`. So is white space, which a template may trim.
fn prefix(pattern: &str) -> &str {
    let end = pattern
        .find(['*', '?', '[', '{', '\\'])
        .unwrap_or(pattern.len());
    pattern[..end].trim_end_matches(['/', ' ', '\t', '\r', '\n'])
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

#[cfg(test)]
mod tests;
