//! Patterns of paths that an app asks for and its owner grants.
//!
//! A pattern is relative to the folder of all datasites: `*/public/scores.json`,
//! `{datasite}/private/models/**`. Within a name `*` stands for any characters and
//! `?` for one; `**` as a whole name stands for any number of names, none too.
//! Everything else is literal, and case counts. `{datasite}` and `{email}` stand
//! for the owner's folder, `{app_data}` for the app's folder within it.

use std::fmt;

use thiserror::Error;

use crate::address::{AppName, Datasite};

/// The most bytes of a pattern, and names in it.
const MAX_BYTES: usize = 1024;
const MAX_NAMES: usize = 64;

/// A pattern as an app asks for it, with its placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathPattern(String);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// It is empty.
    #[error("a pattern names at least one file")]
    Empty,
    /// It is longer than patterns are.
    #[error("a pattern has at most {MAX_BYTES} bytes and {MAX_NAMES} names")]
    TooLong,
    /// It begins or ends with a slash, or has two in a row.
    #[error(
        "a pattern is relative to the datasites folder, and its names are separated by single slashes"
    )]
    Slashes,
    /// It has a name `.` or `..`.
    #[error("a pattern has no names `.` or `..`")]
    Dots,
    /// `**` is a part of a name.
    #[error("`**` stands alone between slashes")]
    Stars,
    /// It has a placeholder that does not exist, or in the middle.
    #[error(
        "the placeholders are `{{datasite}}`, `{{email}}` and `{{app_data}}`, as the first name"
    )]
    Placeholder,
    /// It has a character that could mean something elsewhere.
    #[error("a pattern has no control characters, backslashes, brackets or braces")]
    Characters,
}

impl PathPattern {
    /// Returns the pattern.
    ///
    /// # Errors
    /// See [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_BYTES || text.split('/').count() > MAX_NAMES {
            return Err(PatternError::TooLong);
        }
        for (index, name) in text.split('/').enumerate() {
            check_name(index, name)?;
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the text of the pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the pattern of all that is in the app's own folder.
    pub fn of_own_folder() -> Self {
        Self("{app_data}/**".to_owned())
    }

    /// Returns the pattern with its placeholders filled in. What is filled in is
    /// literal, whatever characters it has.
    pub fn resolve(&self, datasite: &Datasite, app: &AppName) -> Pattern {
        let mut names = Vec::new();
        for name in self.0.split('/') {
            match name {
                "{datasite}" | "{email}" => names.push(Name::literal(datasite.as_str())),
                "{app_data}" => {
                    let below = [datasite.as_str(), "app_data"].into_iter();
                    names.extend(below.chain(app.parts()).map(Name::literal));
                }
                name => names.push(Name::parse(name)),
            }
        }
        Pattern { names }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_name(index: usize, name: &str) -> Result<(), PatternError> {
    if ["{datasite}", "{email}", "{app_data}"].contains(&name) {
        return match index {
            0 => Ok(()),
            _ => Err(PatternError::Placeholder),
        };
    }
    match name {
        "" => Err(PatternError::Slashes),
        "." | ".." => Err(PatternError::Dots),
        "**" => Ok(()),
        name if name.contains("**") => Err(PatternError::Stars),
        name if name.contains(['{', '}']) => Err(PatternError::Placeholder),
        name if name.contains(|c: char| c.is_control() || "\\[]".contains(c)) => {
            Err(PatternError::Characters)
        }
        _ => Ok(()),
    }
}

/// A pattern that paths are matched against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    names: Vec<Name>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// `**`
    AnyNames,
    Literal(String),
    /// With `*` or `?`.
    Glob(Vec<char>),
}

impl Name {
    fn literal(name: &str) -> Self {
        Self::Literal(name.to_owned())
    }

    fn parse(name: &str) -> Self {
        match name {
            "**" => Self::AnyNames,
            name if name.contains(['*', '?']) => Self::Glob(name.chars().collect()),
            name => Self::literal(name),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::AnyNames => true,
            Self::Literal(literal) => literal == name,
            Self::Glob(glob) => glob_matches(glob, name),
        }
    }

    /// Tells whether a name, neither being `**`, surely stands for all that another does.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Literal(literal)) => self.matches(literal),
            (Self::Glob(ours), Self::Glob(other)) => covers(
                ours,
                other,
                |c| *c == '*',
                |ours, other| *ours == '?' || ours == other,
            ),
            _ => false,
        }
    }
}

/// What patterns have to do with a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// One stands for the path itself.
    pub matches: bool,
    /// One may stand for something below it.
    pub leads_on: bool,
    /// It is the way to one with nothing left to choose.
    pub is_literal_start: bool,
}

impl Reach {
    /// Returns what any of some patterns has to do with a path, in one walk over them.
    pub fn of<'a>(patterns: impl IntoIterator<Item = &'a Pattern>, path: &[&str]) -> Self {
        patterns.into_iter().fold(Self::default(), |sum, pattern| {
            let one = pattern.reach(path);
            Self {
                matches: sum.matches || one.matches,
                leads_on: sum.leads_on || one.leads_on,
                is_literal_start: sum.is_literal_start || one.is_literal_start,
            }
        })
    }

    /// Tells whether the path is one of what is meant, or on the way to it.
    pub fn concerns(&self) -> bool {
        self.matches || self.leads_on
    }
}

impl Pattern {
    /// Returns what the pattern has to do with a path, given by its names.
    pub fn reach(&self, path: &[&str]) -> Reach {
        let n_names = self.names.len();
        let (matches, leads_on) = if self.names.contains(&Name::AnyNames) {
            let after = self.after(path);
            (
                after.contains(&n_names),
                after.iter().any(|&at| at < n_names),
            )
        } else {
            // The usual pattern has as many names as the paths that it stands for.
            let is_on_the_way = path.len() <= n_names && self.begins_with(path);
            let is_whole = path.len() == n_names;
            (is_on_the_way && is_whole, is_on_the_way && !is_whole)
        };
        Reach {
            matches,
            leads_on,
            is_literal_start: (matches || leads_on) && self.has_literal_start(path),
        }
    }

    /// Tells whether a path, given by its names, is one that the pattern stands
    /// for.
    pub fn matches(&self, path: &[&str]) -> bool {
        self.reach(path).matches
    }

    /// Tells whether something below a path could be one that the pattern stands
    /// for, so that a folder there is on the way to it.
    pub fn leads_on_from(&self, path: &[&str]) -> bool {
        self.reach(path).leads_on
    }

    /// Tells whether a path is the way to the pattern with nothing left to choose.
    pub fn has_literal_start(&self, path: &[&str]) -> bool {
        path.len() <= self.names.len()
            && path
                .iter()
                .zip(&self.names)
                .all(|(name, pattern)| matches!(pattern, Name::Literal(it) if it == name))
    }

    /// Tells whether the pattern surely stands for all that another one stands for. It may
    /// say no where it does.
    pub fn covers(&self, other: &Pattern) -> bool {
        covers(
            &self.names,
            &other.names,
            |name| *name == Name::AnyNames,
            Name::covers,
        )
    }

    /// Returns the pattern that stands for all that this one does and for all below.
    #[must_use]
    pub fn with_all_below(&self) -> Pattern {
        let names = self.names.iter().cloned().chain([Name::AnyNames]);
        Pattern {
            names: names.collect(),
        }
    }

    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }

    /// Returns where in the pattern a path may have led, in ascending order.
    fn after(&self, path: &[&str]) -> Vec<usize> {
        let mut places = self.skip_any(vec![0]);
        for name in path {
            let mut next = Vec::new();
            for at in places {
                match self.names.get(at) {
                    Some(Name::AnyNames) => next.push(at),
                    Some(pattern) if pattern.matches(name) => next.push(at + 1),
                    _ => {}
                }
            }
            places = self.skip_any(next);
        }
        places
    }

    /// Adds the places behind each `**`, which may stand for no name at all.
    fn skip_any(&self, mut places: Vec<usize>) -> Vec<usize> {
        let mut index = 0;
        while let Some(&at) = places.get(index) {
            if matches!(self.names.get(at), Some(Name::AnyNames)) {
                places.push(at + 1);
            }
            index += 1;
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Compares name by name; for patterns without `**`.
    fn begins_with(&self, path: &[&str]) -> bool {
        path.iter()
            .zip(&self.names)
            .all(|(name, pattern)| pattern.matches(name))
    }
}

/// Tells whether what one sequence stands for is among what another does, where some of
/// their parts stand for any number of parts, and the others for one each.
///
/// `holds[o]` says it of the parts of `ours` looked at, from the end, and those of `other` from
/// `o` on; time is proportional to both lengths multiplied.
fn covers<T>(
    ours: &[T],
    other: &[T],
    is_any: impl Fn(&T) -> bool,
    part_covers: impl Fn(&T, &T) -> bool,
) -> bool {
    // Behind the end of ours there is only the end of the other.
    let mut holds = vec![false; other.len() + 1];
    holds[other.len()] = true;
    for part in ours.iter().rev() {
        let mut longer = vec![false; other.len() + 1];
        longer[other.len()] = is_any(part) && holds[other.len()];
        for (o, theirs) in other.iter().enumerate().rev() {
            longer[o] = if is_any(part) {
                holds[o] || longer[o + 1]
            } else {
                !is_any(theirs) && part_covers(part, theirs) && holds[o + 1]
            };
        }
        holds = longer;
    }
    holds[0]
}

/// Matches `*` and `?`, in time proportional to both lengths multiplied.
fn glob_matches(glob: &[char], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut g, mut n) = (0, 0);
    let mut last_star = None;
    while n < name.len() {
        match glob.get(g) {
            Some('*') => {
                last_star = Some((g, n));
                g += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                g += 1;
                n += 1;
            }
            _ => match &mut last_star {
                // The star takes one character more.
                Some((star, taken)) => {
                    *taken += 1;
                    (g, n) = (*star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        let datasite = Datasite::parse("o@x.org").expect("an email");
        let app = AppName::parse("app").expect("a name");
        let pattern = PathPattern::parse(text).expect("a pattern");
        pattern.resolve(&datasite, &app)
    }

    fn names(path: &str) -> Vec<&str> {
        path.split('/').filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn matches_whole_paths() {
        for (text, path, expected) in [
            ("*/public/scores.json", "a@b.co/public/scores.json", true),
            ("*/public/scores.json", "a@b.co/public/x/scores.json", false),
            ("*/public/scores.json", "public/scores.json", false),
            ("*/public/scores.json", "a@b.co/public/Scores.json", false),
            ("{datasite}/private/**", "o@x.org/private/a/b", true),
            ("{datasite}/private/**", "o@x.org/private", true),
            ("{datasite}/private/**", "o@x.org/privates", false),
            ("{email}/x", "o@x.org/x", true),
            (
                "{app_data}/results/*",
                "o@x.org/app_data/app/results/r.html",
                true,
            ),
            (
                "{app_data}/results/*",
                "o@x.org/app_data/app/results/r/s",
                false,
            ),
            ("**/a.txt", "a.txt", true),
            ("**/a.txt", "x/y/a.txt", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/x/y/c", false),
            ("a/**/b/**/c", "a/b/x/b/c", true),
            ("a?c", "abc", true),
            ("a?c", "aüc", true),
            ("a?c", "ac", false),
            ("*.tar.*", "x.tar.gz", true),
            ("*a*b*c", "xxaxxbxxbc", true),
            ("*a*b*c", "xxaxxbxxbcd", false),
            ("**", "", true),
        ] {
            assert_eq!(
                pattern(text).matches(&names(path)),
                expected,
                "{text} {path}"
            );
        }
    }

    #[test]
    fn covers_what_surely_is_among_its_own() {
        for (wide, narrow, expected) in [
            ("*/public/**", "a@b.co/public/x/*.json", true),
            ("*/public/**", "*/public", true),
            ("*/public/**", "*/public/**/x/**", true),
            ("*/public/*", "*/public/**", false),
            ("**", "**/x", true),
            ("**/**", "**", true),
            ("**/x", "**", false),
            ("**/x", "**/x/**", false),
            ("a/**/c", "a/b/**/c", true),
            ("a/**/c", "a/**/b", false),
            ("*.json", "score-?.json", true),
            ("score-?.json", "*.json", false),
            ("a*c", "a?b*c", true),
            ("a*c", "a*b", false),
            ("a?c", "abc", true),
            ("a?c", "a*c", false),
            ("{datasite}/x", "o@x.org/x", true),
            ("{app_data}/**", "{datasite}/app_data/app/x", true),
            ("{app_data}/**", "{datasite}/app_data/other/x", false),
            ("A", "a", false),
        ] {
            let covers = pattern(wide).covers(&pattern(narrow));
            assert_eq!(covers, expected, "{wide} {narrow}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_is_covered_is_matched(
            wide in "[ab*?]{1,3}(/[ab*?]{1,3}){0,4}",
            narrow in "[ab*?]{1,3}(/[ab*?]{1,3}){0,4}",
            path in "[ab]{1,3}(/[ab]{1,3}){0,4}",
        ) {
            let (Ok(wide), Ok(narrow)) = (PathPattern::parse(&wide), PathPattern::parse(&narrow))
            else {
                return Ok(());
            };
            let (wide, narrow) = (pattern(wide.as_str()), pattern(narrow.as_str()));
            prop_assert!(wide.covers(&wide));
            if wide.covers(&narrow) && narrow.matches(&names(&path)) {
                prop_assert!(wide.matches(&names(&path)));
            }
        }
    }

    #[test]
    fn knows_the_way_to_what_it_stands_for() {
        for (text, path, expected) in [
            ("*/public/scores.json", "", true),
            ("*/public/scores.json", "a@b.co", true),
            ("*/public/scores.json", "a@b.co/public", true),
            ("*/public/scores.json", "a@b.co/private", false),
            ("*/public/scores.json", "a@b.co/public/scores.json", false),
            ("a/**", "a/b/c", true),
            ("a/**", "b", false),
        ] {
            assert_eq!(
                pattern(text).leads_on_from(&names(path)),
                expected,
                "{text} {path}"
            );
        }
    }

    #[test]
    fn says_why_a_text_is_no_pattern() {
        for (text, expected) in [
            ("", PatternError::Empty),
            ("/a", PatternError::Slashes),
            ("a//b", PatternError::Slashes),
            ("a/", PatternError::Slashes),
            ("a/../b", PatternError::Dots),
            ("./a", PatternError::Dots),
            ("a/**b", PatternError::Stars),
            ("a/{datasite}", PatternError::Placeholder),
            ("{home}/x", PatternError::Placeholder),
            ("a/[b]", PatternError::Characters),
            ("a\\b", PatternError::Characters),
            ("a\nb", PatternError::Characters),
        ] {
            assert_eq!(PathPattern::parse(text), Err(expected), "{text}");
        }
        assert_eq!(
            PathPattern::parse(&"a/".repeat(600)),
            Err(PatternError::TooLong)
        );
    }

    #[test]
    fn what_is_filled_in_is_literal() {
        let datasite = Datasite::parse("*@x.org").expect("an email");
        let app = AppName::parse("app").expect("a name");
        let pattern = PathPattern::parse("{datasite}/a").expect("a pattern");
        let pattern = pattern.resolve(&datasite, &app);
        assert!(pattern.matches(&["*@x.org", "a"]));
        assert!(!pattern.matches(&["bob@x.org", "a"]));
    }

    #[test]
    fn a_name_of_several_parts_is_as_many_folders() {
        let datasite = Datasite::parse("o@x.org").expect("an email");
        let app = AppName::parse("llm/x").expect("a name");
        let pattern = PathPattern::parse("{app_data}/*").expect("a pattern");
        let pattern = pattern.resolve(&datasite, &app);
        assert!(pattern.matches(&["o@x.org", "app_data", "llm", "x", "f"]));
        assert!(!pattern.matches(&["o@x.org", "app_data", "llm", "f"]));
        assert!(!pattern.matches(&["o@x.org", "app_data", "llm/x", "f"]));
    }

    #[test]
    fn hostile_patterns_take_no_longer() {
        let text = format!("{}x", "*a".repeat(200));
        assert!(!pattern(&text).matches(&[&"a".repeat(10_000)]));
        let text = format!("{}/x", vec!["**/a"; 30].join("/"));
        assert!(!pattern(&text).matches(&vec!["a"; 1_000]));
    }
}
