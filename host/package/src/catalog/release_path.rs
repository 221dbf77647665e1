//! Where the file of a release lies.

use std::fmt;

use syft_protocol::address::{AppName, MAX_APP_NAME_PARTS};

/// The most names of a path: those of an app, and that of a file.
const MAX_NAMES: usize = MAX_APP_NAME_PARTS + 1;

/// The path of a release below the folder of an author's apps.
///
/// Each of its names obeys the rules of an app's of one part: none is hidden or leads elsewhere,
/// and sync ignores none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasePath(Vec<String>);

impl ReleasePath {
    /// Returns where `publish` puts a release.
    pub fn of(app: &AppName, sequence: u64) -> Self {
        let folders = app.parts().map(str::to_owned);
        Self(folders.chain([format!("{sequence}{ENDING}")]).collect())
    }

    /// Returns `text` as a path; `None` where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_path = text.split('/').count() <= MAX_NAMES
            && text.split('/').all(|name| AppName::parse(name).is_ok());
        is_path.then(|| Self(text.split('/').map(str::to_owned).collect()))
    }

    /// Returns the names that it is made of.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

const ENDING: &str = ".wasm";

/// Tells whether a file of this name is one that `publish` wrote.
pub(super) fn is_of_release(name: &str) -> bool {
    let number = name.strip_suffix(ENDING);
    number.is_some_and(|number| {
        number
            .parse()
            .is_ok_and(|parsed: u64| parsed.to_string() == number)
    })
}

impl fmt::Display for ReleasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().collect();
        f.write_str(&names.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_of_plain_names() {
        let app = AppName::parse("leaderboard").expect("a name");
        let path = ReleasePath::of(&app, u64::MAX);
        assert_eq!(path.to_string(), "leaderboard/18446744073709551615.wasm");
        let app = AppName::parse("a/b/c/d").expect("a name");
        let deep = ReleasePath::of(&app, 17);
        assert_eq!(deep.to_string(), "a/b/c/d/17.wasm");
        for text in [&*path.to_string(), &*deep.to_string(), "a", "a/b/c/d.wasm"] {
            assert_eq!(
                ReleasePath::parse(text).map(|path| path.to_string()),
                Some(text.to_owned())
            );
        }
        for text in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/..",
            "a/./b",
            ".a",
            "a/logs/b",
            "a/b.tmp",
            "dist",
            "a\\b",
            "a\0",
            "a/b.log",
            "a/b.conflict.c",
            "a/é",
            "a/b/c/d/e/f",
        ] {
            assert_eq!(ReleasePath::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn knows_the_files_of_releases() {
        for name in ["0.wasm", "17.wasm", "18446744073709551615.wasm"] {
            assert!(is_of_release(name), "{name}");
        }
        for name in [
            "",
            ".wasm",
            "017.wasm",
            "+1.wasm",
            "-1.wasm",
            "a.wasm",
            "17",
            "17.wasm.tmp",
            "18446744073709551616.wasm",
            "syft.pub.yaml",
        ] {
            assert!(!is_of_release(name), "{name}");
        }
    }
}
