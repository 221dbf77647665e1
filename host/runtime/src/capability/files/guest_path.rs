//! Paths of guests: below a folder that they find at the top, and by names alone.

use std::sync::Arc;

use thiserror::Error;

use crate::wire::NotedPath;

/// The longest path, as on Linux.
pub const MAX_PATH_BYTES: usize = 4096;
const MAX_NAME_BYTES: usize = 255;

/// What a name takes besides its text.
const NAME_COST_BYTES: usize = 48;

/// A path below one of the folders that guests find, by its names. It has no `.` and no `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GuestPath {
    mount: Mount,
    /// What is open holds the path as well.
    names: Arc<[String]>,
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
    /// How it ends.
    pub end: PathEnd,
}

/// How a path ends that a guest named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathEnd {
    /// With a name.
    Name,
    /// With a slash, as folders do.
    Slash,
    /// With `.`.
    Dot,
    /// With `..`.
    DotDot,
}

impl PathEnd {
    fn of(path: &str) -> Self {
        match path.rsplit('/').next() {
            Some("") => Self::Slash,
            Some(".") => Self::Dot,
            Some("..") => Self::DotDot,
            _ => Self::Name,
        }
    }
}

impl NamedPath {
    /// Tells whether it was written as that of a folder.
    pub fn is_folder(&self) -> bool {
        self.end != PathEnd::Name
    }

    /// Tells whether it ends with no name of its own, but with that of a folder seen from within.
    pub(super) fn is_dots(&self) -> bool {
        matches!(self.end, PathEnd::Dot | PathEnd::DotDot)
    }
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
    /// It begins at the root, or climbs above the folder that it starts from.
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
            names: Arc::default(),
        }
    }

    pub(super) fn mount(&self) -> Mount {
        self.mount
    }

    fn beside(&self, names: impl Into<Arc<[String]>>) -> Self {
        Self {
            mount: self.mount,
            names: names.into(),
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
        let names = self.names.iter().cloned();
        self.beside(names.chain([name.to_owned()]).collect::<Vec<_>>())
    }

    /// Returns its names below another path; `None` where it does not lie there.
    pub(super) fn below(&self, folder: &Self) -> Option<&[String]> {
        let names = self.names.strip_prefix(&folder.names[..]);
        names.filter(|_| self.mount == folder.mount)
    }

    /// Returns the path that some names lead to from here.
    pub(super) fn join(&self, names: &[String]) -> Self {
        self.beside([&self.names[..], names].concat())
    }

    /// Returns the folder and the name in it; `None` for the one at the top.
    pub(super) fn split(&self) -> Option<(Self, &str)> {
        let (name, parents) = self.names.split_last()?;
        Some((self.beside(parents), name))
    }

    pub(super) fn is_too_long(&self) -> bool {
        let length: usize = self.names.iter().map(|name| name.len() + 1).sum();
        length > MAX_PATH_BYTES
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

    /// Returns it as a worker says it.
    pub(super) fn noted(&self) -> NotedPath {
        match self.mount {
            Mount::Datasites | Mount::Program => NotedPath::Datasites(self.text()),
            Mount::Temporary => NotedPath::Temporary(self.text()),
        }
    }

    /// Returns what a worker means by a path, if it is one that a guest could name.
    pub(super) fn of_worker(text: &str) -> Option<Self> {
        let is_name = |name: &str| !name.is_empty() && !matches!(name, "." | "..");
        let top = Self::default();
        if text.is_empty() {
            return Some(top);
        }
        let named = top.resolve(text, |_| Err(PathError::LeadsOut)).ok()?;
        text.split('/').all(is_name).then_some(named.path)
    }

    /// As [`GuestPath::of_worker`], for what a worker has to say.
    pub(super) fn of_note(noted: &NotedPath) -> Option<Self> {
        match noted {
            NotedPath::Datasites(text) => Self::of_worker(text),
            NotedPath::Temporary(text) => Some(Self {
                mount: Mount::Temporary,
                ..Self::of_worker(text)?
            }),
        }
    }

    /// Returns what a guest means by a path, seen from here. It never leads out of here, not even
    /// on its way. There are no links to follow, so `..` is taken by name; what it climbs out of
    /// is given to `climb`, which says if there is such a folder.
    ///
    /// # Errors
    /// See [`PathError`], or what `climb` says.
    pub fn resolve<E: From<PathError>>(
        &self,
        path: &str,
        mut climb: impl FnMut(&Self) -> Result<(), E>,
    ) -> Result<NamedPath, E> {
        if path.is_empty() {
            return Err(PathError::Empty.into());
        }
        if path.contains('\0') {
            return Err(PathError::Null.into());
        }
        if path.starts_with('/') {
            return Err(PathError::LeadsOut.into());
        }
        if path.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong.into());
        }
        let mut names = self.names.to_vec();
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." if names.len() == self.names.len() => {
                    return Err(PathError::LeadsOut.into());
                }
                ".." => {
                    climb(&self.beside(&names[..]))?;
                    names.pop();
                }
                name if name.len() > MAX_NAME_BYTES => return Err(PathError::TooLong.into()),
                name => names.push(name.to_owned()),
            }
        }
        let found = self.beside(names);
        if found.is_too_long() {
            return Err(PathError::TooLong.into());
        }
        let end = PathEnd::of(path);
        Ok(NamedPath { path: found, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(base: &GuestPath, path: &str) -> Result<NamedPath, PathError> {
        base.resolve(path, |_| Ok(()))
    }

    #[test]
    fn resolves_paths_below_a_folder() {
        let base = GuestPath::of("a@x.org/public");
        for (path, expected, end) in [
            ("x", "a@x.org/public/x", PathEnd::Name),
            ("./x//y/", "a@x.org/public/x/y", PathEnd::Slash),
            (".", "a@x.org/public", PathEnd::Dot),
            ("b/./c/../d", "a@x.org/public/b/d", PathEnd::Name),
            ("x/..", "a@x.org/public", PathEnd::DotDot),
            ("x/y/../../z/.", "a@x.org/public/z", PathEnd::Dot),
            ("with\nline", "a@x.org/public/with\nline", PathEnd::Name),
        ] {
            let named = resolve(&base, path).expect("a path");
            let found = (named.path.text(), named.end);
            assert_eq!(found, (expected.to_owned(), end), "{path}");
        }
    }

    #[test]
    fn refuses_paths_that_lead_out() {
        let base = GuestPath::of("a@x.org");
        for (path, expected) in [
            ("", PathError::Empty),
            ("/etc/passwd", PathError::LeadsOut),
            ("/", PathError::LeadsOut),
            ("..", PathError::LeadsOut),
            ("../a@x.org/x", PathError::LeadsOut),
            ("x/../../a@x.org/y", PathError::LeadsOut),
            ("a\0b", PathError::Null),
        ] {
            assert_eq!(resolve(&base, path).map(|_| ()), Err(expected), "{path:?}");
        }
        let long = "n".repeat(256);
        assert_eq!(resolve(&base, &long).map(|_| ()), Err(PathError::TooLong));
        let deep = "n/".repeat(3000);
        assert_eq!(resolve(&base, &deep).map(|_| ()), Err(PathError::TooLong));
        assert!(resolve(&base, &"n".repeat(255)).is_ok());
    }

    #[test]
    fn a_worker_names_what_a_guest_could_name() {
        for (text, is_path) in [
            ("", true),
            ("a@x.org/public/x", true),
            ("a@x.org/.hidden", true),
            ("/a@x.org", false),
            ("a@x.org/", false),
            ("a@x.org//x", false),
            ("a@x.org/./x", false),
            ("a@x.org/..", false),
            ("..", false),
            ("a\0b", false),
        ] {
            let path = GuestPath::of_worker(text);
            assert_eq!(path.is_some(), is_path, "{text:?}");
            assert!(path.is_none_or(|path| path.text() == text), "{text:?}");
        }
        assert_eq!(GuestPath::of_worker(&"n".repeat(256)), None);
        assert_eq!(GuestPath::of_worker(&"n/".repeat(3000)), None);
    }

    #[test]
    fn climbs_out_of_what_is_a_folder_alone() {
        let base = GuestPath::of("a@x.org");
        let mut climbed = Vec::new();
        let named = base.resolve("x/y/../../z/../w", |folder| {
            climbed.push(folder.text());
            Ok::<_, PathError>(())
        });
        assert_eq!(named.expect("a path").path.text(), "a@x.org/w");
        assert_eq!(climbed, ["a@x.org/x/y", "a@x.org/x", "a@x.org/z"]);
        // What is missing comes first, as where names are looked up one after the other.
        let missing = base.resolve("x/../..", |_| Err(PathError::Empty));
        assert_eq!(missing, Err(PathError::Empty));
    }
}
