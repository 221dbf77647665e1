//! Globs as `doublestar.Match` v4.9.1 reads them, oddities included.
//!
//! `*` and `?` stay within a segment, `**` crosses segments where it is a
//! whole one, `[a-c]`, `[!a]` and `[^a]` are one character, `{a,b}` are
//! alternatives, and `\` takes the next character as it is. A bad pattern
//! matches nothing. What a reader of that list would not expect:
//!
//! - Alternatives are tried by putting each in the place of the braces, from
//!   the left; one that makes a bad pattern ends the search, so `{[,a}*`
//!   matches nothing and `{a,[}*` matches `a`.
//! - The text after an opening brace counts as the start of a segment, so
//!   `a{**,x}` matches `ab/c`, which `a**` does not.
//! - At the end of the name, what is left of the pattern must be one of a few
//!   texts: `a***` does not match `a`.

use super::work::{TooHard, Work};

/// Returns whether all of `name` matches `pattern`.
pub(super) fn is_match(pattern: &str, name: &str, work: &mut Work) -> Result<bool, TooHard> {
    work.spend(pattern.len())?;
    // The alternatives still to be tried, the next one last.
    let mut attempts = vec![Attempt::new(pattern.to_owned())];
    while let Some(mut attempt) = attempts.pop() {
        match attempt.run(name, work)? {
            Found::Match => return Ok(true),
            Found::BadPattern => return Ok(false),
            Found::Mismatch => {}
            Found::Braces(braces) => attempts.extend(attempt.alternatives(braces, work)?),
        }
    }
    Ok(false)
}

/// What running an attempt comes to.
enum Found {
    Match,
    Mismatch,
    BadPattern,
    Braces(Braces),
}

/// What one piece of the pattern comes to, at one place in the name.
enum Step {
    Forward,
    Stuck,
    Done(Found),
}

/// Where the text between a pair of braces starts and ends.
struct Braces {
    from: usize,
    to: usize,
}

/// A place in the pattern and one in the name.
#[derive(Clone, Copy)]
struct Place {
    pattern: usize,
    name: usize,
}

/// One pattern without the alternatives that were already chosen, and how far
/// it got. All places are byte offsets at character borders.
struct Attempt {
    pattern: String,
    at: Place,
    starts_segment: bool,
    /// Behind the last `*`, and the end of what it took so far.
    star: Option<Place>,
    /// Behind the last `**/`, and the start of the segment tried for it.
    globstar: Option<Place>,
}

impl Attempt {
    fn new(pattern: String) -> Attempt {
        Attempt {
            pattern,
            at: Place {
                pattern: 0,
                name: 0,
            },
            starts_segment: true,
            star: None,
            globstar: None,
        }
    }

    fn run(&mut self, name: &str, work: &mut Work) -> Result<Found, TooHard> {
        loop {
            work.spend(1)?;
            if self.at.name == name.len() {
                return matches_nothing(&self.pattern[self.at.pattern..], work);
            }
            match self.step(name, work)? {
                Step::Done(found) => return Ok(found),
                Step::Forward => {}
                Step::Stuck if self.back_to_star(name) => {}
                Step::Stuck if self.back_to_globstar(name, work)? => {}
                Step::Stuck => {
                    let rest = &self.pattern[self.at.pattern..];
                    work.spend(rest.len())?;
                    return Ok(if is_valid(rest) {
                        Found::Mismatch
                    } else {
                        Found::BadPattern
                    });
                }
            }
        }
    }

    /// Takes one piece of the pattern.
    fn step(&mut self, name: &str, work: &mut Work) -> Result<Step, TooHard> {
        let Some(&byte) = self.pattern.as_bytes().get(self.at.pattern) else {
            return Ok(Step::Stuck);
        };
        let c = first_char(&name[self.at.name..]);
        match byte {
            b'*' => Ok(self.stars()),
            b'?' => Ok(self.any(c)),
            b'[' => {
                self.starts_segment = false;
                work.spend(self.pattern.len() - self.at.pattern)?;
                Ok(self.class(c))
            }
            b'{' => {
                self.starts_segment = false;
                work.spend(self.pattern.len() - self.at.pattern)?;
                let from = self.at.pattern + 1;
                Ok(Step::Done(match closing_brace(&self.pattern[from..]) {
                    Some(length) => Found::Braces(Braces {
                        from,
                        to: from + length,
                    }),
                    None => Found::BadPattern,
                }))
            }
            b'\\' => {
                self.at.pattern += 1;
                if self.at.pattern == self.pattern.len() {
                    Ok(Step::Done(Found::BadPattern))
                } else {
                    Ok(self.literal(c))
                }
            }
            _ => Ok(self.literal(c)),
        }
    }

    /// Takes `*`, `**` or `**/`, the latter two as such only at the start of a
    /// segment.
    fn stars(&mut self) -> Step {
        self.at.pattern += 1;
        if self.pattern[self.at.pattern..].starts_with('*') {
            self.at.pattern += 1;
            let rest = &self.pattern[self.at.pattern..];
            if self.starts_segment && rest.is_empty() {
                return Step::Done(Found::Match);
            }
            if self.starts_segment && rest.starts_with('/') {
                self.at.pattern += 1;
                self.globstar = Some(self.at);
                self.star = None;
                return Step::Forward;
            }
        }
        self.starts_segment = false;
        self.star = Some(self.at);
        Step::Forward
    }

    fn any(&mut self, c: char) -> Step {
        self.starts_segment = false;
        if c == '/' {
            return Step::Stuck;
        }
        self.at.pattern += 1;
        self.at.name += c.len_utf8();
        Step::Forward
    }

    fn literal(&mut self, c: char) -> Step {
        let expected = first_char(&self.pattern[self.at.pattern..]);
        if expected != c {
            // What is left of the pattern is checked from the escape on.
            if self.pattern[..self.at.pattern].ends_with('\\') {
                self.at.pattern -= 1;
            }
            return Step::Stuck;
        }
        self.at.pattern += c.len_utf8();
        self.at.name += c.len_utf8();
        self.starts_segment = c == '/';
        Step::Forward
    }

    /// Takes a character class. It may match a slash.
    fn class(&mut self, c: char) -> Step {
        self.at.pattern += 1;
        let negated = self.pattern[self.at.pattern..].starts_with(['!', '^']);
        if negated {
            self.at.pattern += 1;
        }
        if matches!(self.byte(), None | Some(b']')) {
            return Step::Done(Found::BadPattern);
        }
        if self.class_holds(c) == negated {
            return match self.byte() {
                None => Step::Done(Found::BadPattern),
                Some(_) => Step::Stuck,
            };
        }
        let Some(length) = closing_bracket(&self.pattern[self.at.pattern..]) else {
            return Step::Done(Found::BadPattern);
        };
        self.at.pattern += length + 1;
        self.at.name += c.len_utf8();
        Step::Forward
    }

    /// Reads the members of a class, up to the closing bracket or the first
    /// one that is `c`.
    fn class_holds(&mut self, c: char) -> bool {
        let mut range_start = None;
        while !matches!(self.byte(), None | Some(b']')) {
            let mut member = self.take_char();
            if let (Some(low), '-') = (range_start, member)
                && !matches!(self.byte(), None | Some(b']'))
            {
                if self.byte() == Some(b'\\') {
                    self.at.pattern += 1;
                }
                let high = self.take_char();
                if low <= c && c <= high {
                    return true;
                }
                range_start = None;
                continue;
            }
            if member == '\\' {
                member = self.take_char();
            }
            if member == c {
                return true;
            }
            // The server marks "no start" by the last character there is.
            range_start = Some(member).filter(|member| *member != char::MAX);
        }
        false
    }

    fn byte(&self) -> Option<u8> {
        self.pattern.as_bytes().get(self.at.pattern).copied()
    }

    /// Takes a character of the pattern; at its end, the one that Go decodes
    /// from nothing.
    fn take_char(&mut self) -> char {
        match self.pattern[self.at.pattern..].chars().next() {
            Some(c) => {
                self.at.pattern += c.len_utf8();
                c
            }
            None => char::REPLACEMENT_CHARACTER,
        }
    }

    /// Lets the last `*` take one character more, if it may.
    fn back_to_star(&mut self, name: &str) -> bool {
        let Some(star) = &mut self.star else {
            return false;
        };
        let c = first_char(&name[star.name..]);
        if c == '/' {
            return false;
        }
        star.name += c.len_utf8();
        self.at = *star;
        self.starts_segment = false;
        true
    }

    /// Lets the last `**/` take one segment more, if there is one.
    fn back_to_globstar(&mut self, name: &str, work: &mut Work) -> Result<bool, TooHard> {
        let Some(globstar) = &mut self.globstar else {
            return Ok(false);
        };
        let Some(length) = name[globstar.name..].find('/') else {
            return Ok(false);
        };
        work.spend(length)?;
        globstar.name += length + 1;
        self.at = *globstar;
        self.starts_segment = true;
        Ok(true)
    }

    /// Returns an attempt for each alternative, the first one last.
    fn alternatives(&self, braces: Braces, work: &mut Work) -> Result<Vec<Attempt>, TooHard> {
        let mut attempts = Vec::new();
        for pattern in in_place(&self.pattern, &braces, work)? {
            attempts.push(Attempt {
                pattern,
                starts_segment: true,
                at: Place {
                    pattern: braces.from - 1,
                    name: self.at.name,
                },
                ..*self
            });
        }
        Ok(attempts)
    }
}

/// Returns `pattern` once for each alternative between the braces, that in
/// their place, from the last to the first.
fn in_place(pattern: &str, braces: &Braces, work: &mut Work) -> Result<Vec<String>, TooHard> {
    let before = &pattern[..braces.from - 1];
    let after = &pattern[braces.to + 1..];
    let mut patterns = Vec::new();
    let mut rest = &pattern[braces.from..braces.to];
    loop {
        work.spend(pattern.len())?;
        let comma = next_comma(rest);
        let alternative = &rest[..comma.unwrap_or(rest.len())];
        patterns.push([before, alternative, after].concat());
        match comma {
            Some(comma) => rest = &rest[comma + 1..],
            None => break,
        }
    }
    patterns.reverse();
    Ok(patterns)
}

/// Returns whether what is left of a pattern matches the end of a name.
fn matches_nothing(pattern: &str, work: &mut Work) -> Result<Found, TooHard> {
    let mut attempts = vec![pattern.to_owned()];
    while let Some(pattern) = attempts.pop() {
        work.spend(pattern.len() + 1)?;
        if matches!(&*pattern, "" | "*" | "**" | "/**" | "**/" | "/**/") {
            return Ok(Found::Match);
        }
        if let Some(inner) = pattern.strip_prefix('{') {
            let Some(length) = closing_brace(inner) else {
                return Ok(Found::BadPattern);
            };
            let braces = Braces {
                from: 1,
                to: 1 + length,
            };
            attempts.extend(in_place(&pattern, &braces, work)?);
        } else if !is_valid(&pattern) {
            return Ok(Found::BadPattern);
        }
    }
    Ok(Found::Mismatch)
}

/// Returns the length of the text before the brace that closes it.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (at, byte) in unescaped(text) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Returns the length of the first alternative, if it is not the last.
fn next_comma(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in unescaped(text) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

fn closing_bracket(text: &str) -> Option<usize> {
    unescaped(text)
        .find(|(_, byte)| *byte == b']')
        .map(|(at, _)| at)
}

/// Returns the bytes that are neither a backslash nor behind one, with their
/// places.
fn unescaped(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let mut escaped = false;
    text.bytes().enumerate().filter(move |(_, byte)| {
        if escaped {
            escaped = false;
            return false;
        }
        escaped = *byte == b'\\';
        !escaped
    })
}

/// Returns whether classes, braces and escapes are closed.
fn is_valid(pattern: &str) -> bool {
    let bytes = pattern.as_bytes();
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => {
                at += 1;
                if at == bytes.len() {
                    return false;
                }
            }
            b'[' => {
                at += 1;
                if matches!(bytes.get(at), Some(b'^' | b'!')) {
                    at += 1;
                }
                match bytes.get(at..).and_then(class_length) {
                    Some(length) => at += length,
                    None => return false,
                }
            }
            b'{' => depth += 1,
            b'}' if depth == 0 => return false,
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    depth == 0
}

/// Returns the length of the members of a class, which may not be empty.
fn class_length(class: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match class.get(at)? {
            b']' if at == 0 => return None,
            b']' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Returns the first character of a text that has one.
fn first_char(text: &str) -> char {
    text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests;
