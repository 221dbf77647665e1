//! Paths of guests: below a folder that they find at the top, and by names alone.

use thiserror::Error;

/// The longest path, as on Linux.
pub const MAX_PATH_BYTES: usize = 4096;
const MAX_NAME_BYTES: usize = 255;

/// What a name takes besides its text.
const NAME_COST_BYTES: usize = 48;

/// A path below one of the folders that guests find, by its names. It has no `.` and no `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GuestPath {
    mount: Mount,
    names: Vec<String>,
}

/// A folder that guests find at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Mount {
    /// That of all datasites.
    #[default]
    Datasites,
    /// The temporary folder of the call.
    Temporary,
    /// The files of a program that is apart from its component.
    Program,
}

impl Mount {
    /// Returns where guests find it.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Datasites => "/datasites",
            Self::Temporary => "/tmp",
            Self::Program => "/program",
        }
    }
}

/// A path that a guest named.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// The path.
    pub path: GuestPath,
    /// It was written as that of a folder, as with a slash at its end.
    pub is_folder: bool,
}

/// Why a text names nothing below its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PathError {
    /// It is empty.
    #[error("the path is empty")]
    Empty,
    /// It has a character that no path has.
    #[error("the path has a null character")]
    Null,
    /// It begins at the root, or climbs above its folder.
    #[error("the path leads out of its folder")]
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
        Self {
            mount: Mount::Datasites,
            names: names.map(str::to_owned).collect(),
        }
    }

    /// Returns a folder that guests find at the top.
    pub(super) fn top(mount: Mount) -> Self {
        Self {
            mount,
            names: Vec::new(),
        }
    }

    pub(super) fn mount(&self) -> Mount {
        self.mount
    }

    fn beside(&self, names: Vec<String>) -> Self {
        Self {
            mount: self.mount,
            names,
        }
    }

    /// Tells whether it is the folder itself.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the names from the top.
    pub fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    pub(super) fn child(&self, name: &str) -> Self {
        let mut names = self.names.clone();
        names.push(name.to_owned());
        self.beside(names)
    }

    /// Returns the folder and the name in it; `None` for the one at the top.
    pub(super) fn split(&self) -> Option<(Self, &str)> {
        let (name, parents) = self.names.split_last()?;
        Some((self.beside(parents.to_vec()), name))
    }

    /// Returns the bytes that it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.names.iter().map(String::len).sum();
        texts + self.names.len() * NAME_COST_BYTES
    }

    /// Returns it as it is below its folder.
    pub(crate) fn text(&self) -> String {
        self.names.join("/")
    }

    /// Returns it as a log shows it.
    pub(super) fn shown(&self) -> String {
        match self.mount {
            Mount::Datasites => self.text(),
            Mount::Temporary | Mount::Program => format!("{}/{}", self.mount.path(), self.text()),
        }
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
        let mut names = self.names.clone();
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
            path: self.beside(names),
            is_folder: matches!(last, "" | "." | ".."),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_paths_by_name_alone() {
        let base = GuestPath::of("a@x.org/public");
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
        let base = GuestPath::of("a@x.org");
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
