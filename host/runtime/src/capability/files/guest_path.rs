//! Paths of guests: below the datasites folder, and by names alone.

use thiserror::Error;

/// The longest path, as on Linux.
pub const MAX_PATH_BYTES: usize = 4096;
const MAX_NAME_BYTES: usize = 255;

/// What a name takes besides its text.
const NAME_COST_BYTES: usize = 48;

/// A path below the datasites folder, by its names. It has no `.` and no `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GuestPath(Vec<String>);

/// A path that a guest named.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// The path.
    pub path: GuestPath,
    /// It was written as that of a folder, as with a slash at its end.
    pub is_folder: bool,
}

/// Why a text names nothing below the datasites folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PathError {
    /// It is empty.
    #[error("the path is empty")]
    Empty,
    /// It has a character that no path has.
    #[error("the path has a null character")]
    Null,
    /// It begins at the root, or climbs above the datasites folder.
    #[error("the path leads out of the datasites folder")]
    LeadsOut,
    /// It is longer than paths are, or one of its names is.
    #[error(
        "the path has more than {MAX_PATH_BYTES} bytes, or a name in it more than {MAX_NAME_BYTES}"
    )]
    TooLong,
}

impl GuestPath {
    /// Returns a path whose names were found in the tree.
    pub fn of(path: &str) -> Self {
        let names = path.split('/').filter(|name| !name.is_empty());
        Self(names.map(str::to_owned).collect())
    }

    /// Tells whether it is the datasites folder itself.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names from the top.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    pub(super) fn child(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }

    /// Returns the folder and the name in it; `None` for the datasites folder.
    pub(super) fn split(&self) -> Option<(Self, &str)> {
        let (name, parents) = self.0.split_last()?;
        Some((Self(parents.to_vec()), name))
    }

    /// Returns the bytes that it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.0.iter().map(String::len).sum();
        texts + self.0.len() * NAME_COST_BYTES
    }

    pub(crate) fn text(&self) -> String {
        self.0.join("/")
    }

    /// Returns what a guest means by a path, seen from here. There are
    /// no links to follow, so `..` is taken by name alone.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn resolve(&self, path: &str) -> Result<NamedPath, PathError> {
        if path.is_empty() {
            return Err(PathError::Empty);
        }
        if path.contains('\0') {
            return Err(PathError::Null);
        }
        if path.starts_with('/') {
            return Err(PathError::LeadsOut);
        }
        let mut names = self.0.clone();
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => {
                    names.pop().ok_or(PathError::LeadsOut)?;
                }
                name if name.len() > MAX_NAME_BYTES => return Err(PathError::TooLong),
                name => names.push(name.to_owned()),
            }
        }
        if names.iter().map(|name| name.len() + 1).sum::<usize>() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        let last = path.rsplit('/').next().unwrap_or_default();
        Ok(NamedPath {
            path: Self(names),
            is_folder: matches!(last, "" | "." | ".."),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_paths_by_name_alone() {
        let base = GuestPath(vec!["a@x.org".to_owned(), "public".to_owned()]);
        for (path, expected, is_folder) in [
            ("x", "a@x.org/public/x", false),
            ("./x//y/", "a@x.org/public/x/y", true),
            (".", "a@x.org/public", true),
            ("..", "a@x.org", true),
            ("../../b/./c/../d", "b/d", false),
            ("../..", "", true),
            ("x/.", "a@x.org/public/x", true),
            ("with\nline", "a@x.org/public/with\nline", false),
        ] {
            let named = base.resolve(path).expect("a path");
            assert_eq!(
                (named.path.text().as_str(), named.is_folder),
                (expected, is_folder),
                "{path}"
            );
        }
    }

    #[test]
    fn refuses_paths_that_lead_out() {
        let base = GuestPath(vec!["a@x.org".to_owned()]);
        for (path, expected) in [
            ("", PathError::Empty),
            ("/etc/passwd", PathError::LeadsOut),
            ("/", PathError::LeadsOut),
            ("../..", PathError::LeadsOut),
            ("x/../../../y", PathError::LeadsOut),
            ("a\0b", PathError::Null),
        ] {
            assert_eq!(base.resolve(path).map(|_| ()), Err(expected), "{path:?}");
        }
        let long = "n".repeat(256);
        assert_eq!(base.resolve(&long).map(|_| ()), Err(PathError::TooLong));
        let deep = "n/".repeat(3000);
        assert_eq!(base.resolve(&deep).map(|_| ()), Err(PathError::TooLong));
        assert!(base.resolve(&"n".repeat(255)).is_ok());
    }
}
