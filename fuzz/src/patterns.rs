//! Patterns of files: those that an app watches, and those that it asks for.

use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;
use syft_protocol::pattern::{GlobError, Globs, GlobsError};

use crate::assert_is_short_line;

/// A path, and the patterns of a watch, a line each.
pub fn watch_patterns(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (path, patterns) = text.split_once('\n').unwrap_or(("", &text));
    let patterns: Vec<String> = patterns.split('\n').map(str::to_owned).collect();
    let path: Vec<&str> = names(path);
    escaped(&path);
    let globs = match watched(&patterns) {
        Ok(globs) => globs,
        Err(error) => return assert_is_short_line(&error.to_string(), 400),
    };
    assert!(globs.n_globs() <= 64 * 64);
    check_way(&globs, &path);
    for example in globs.examples() {
        check_way(
            &globs,
            &example.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
    // What the last pattern takes out is out, and it alone means nothing.
    let negated: Vec<String> = patterns
        .iter()
        .map(|pattern| format!("!{pattern}"))
        .collect();
    if let Ok(negated) = watched(&negated)
        && !patterns.iter().any(|pattern| pattern.starts_with('!'))
    {
        assert!(!negated.matches(&path) && !negated.leads_on_from(&[]));
    }
}

fn watched(patterns: &[String]) -> Result<Globs, GlobsError> {
    let (owner, app) = owner();
    Globs::parse(patterns, &owner, &app)
}

/// Each folder on the way to a file that is meant leads on.
fn check_way(globs: &Globs, path: &[&str]) {
    if globs.matches(path) {
        for n_names in 0..path.len() {
            assert!(globs.leads_on_from(&path[..n_names]), "{globs:?} {path:?}");
        }
    }
}

/// With a backslash before each character, a path is a pattern for itself.
fn escaped(path: &[&str]) {
    let escape = |name: &&str| name.chars().flat_map(|c| ['\\', c]).collect::<String>();
    let names: Vec<String> = path.iter().map(escape).collect();
    let Ok(globs) = watched(&[format!("/{}", names.join("/"))]) else {
        return;
    };
    assert!(path.is_empty() || globs.matches(path), "{path:?}");
    let other: Vec<String> = path.iter().map(|name| format!("{name}x")).collect();
    let other: Vec<&str> = other.iter().map(String::as_str).collect();
    assert!(path.is_empty() || !globs.matches(&other), "{path:?}");
}

/// A path, and a pattern that an app asks for, a line each.
pub fn grant_patterns(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (path, text) = text.split_once('\n').unwrap_or(("", &text));
    let path = names(path);
    let pattern = match PathPattern::parse(text) {
        Ok(pattern) => pattern,
        Err(error) => return assert_is_short_line(&error.to_string(), 200),
    };
    assert!(pattern.as_str() == text && pattern.to_string() == text && text.len() <= 1024);
    let is_name = |name: &str| !["", ".", ".."].contains(&name) && !name.contains(char::is_control);
    assert!(text.split('/').all(is_name), "{text:?}");
    let (owner, app) = owner();
    let resolved = pattern.resolve(&owner, &app);
    if !resolved.matches(&path) {
        return;
    }
    for n_names in 0..path.len() {
        assert!(
            resolved.leads_on_from(&path[..n_names]),
            "{text:?} {path:?}"
        );
    }
    assert!(is_watched(text, &path), "{text:?} {path:?}");
}

/// The language of watches has all that can be asked for, but that `**` at its end stands
/// for one name at least, and that the slash and spelled-out placeholders count.
fn is_watched(pattern: &str, path: &[&str]) -> bool {
    let slash = if pattern.starts_with('{') { "" } else { "/" };
    match watched(&[format!("{slash}{pattern}")]) {
        Ok(globs) => pattern.ends_with("**") || globs.matches(path),
        Err(GlobsError::Glob { error, .. }) => error == GlobError::TooLong,
        Err(_) => false,
    }
}

fn names(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|name| !["", "."].contains(name))
        .collect()
}

fn owner() -> (Datasite, AppName) {
    let owner = Datasite::parse("owner@example.org").expect("an email");
    (owner, AppName::parse("app").expect("a name"))
}
