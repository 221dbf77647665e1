//! Paths of guests, and how they are opened: from the datasites folder, without
//! following a link, at every call anew. A folder that is renamed while a guest
//! holds it is thus gone for the guest, and not somewhere it was not granted.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, statat};
use rustix::io::Errno;

use super::bindings::ErrorCode;

/// The longest path, as on Linux.
pub(crate) const MAX_PATH_BYTES: usize = 4096;
const MAX_NAME_BYTES: usize = 255;

/// What a name takes besides its text.
const NAME_COST_BYTES: usize = 48;

/// The folder of all datasites.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    folder: RwLock<Arc<OwnedFd>>,
}

/// A path below the datasites folder, by its names. It has no `.` and no `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place(Vec<String>);

/// A path that a guest named.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// The place.
    pub place: Place,
    /// It was written as that of a folder, as with a slash at its end.
    pub is_folder: bool,
}

impl Place {
    /// Returns the place of a path whose names were found in the tree.
    pub(crate) fn of(path: &str) -> Self {
        let names = path.split('/').filter(|name| !name.is_empty());
        Self(names.map(str::to_owned).collect())
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

    /// Returns the place that a guest means by a path, seen from here. There are
    /// no links to follow, so `..` is taken by name alone.
    ///
    /// # Errors
    /// The path leads out, or is none.
    pub fn resolve(&self, path: &str) -> Result<Named, ErrorCode> {
        if path.is_empty() {
            return Err(ErrorCode::NoEntry);
        }
        if path.contains('\0') {
            return Err(ErrorCode::Invalid);
        }
        if path.starts_with('/') {
            return Err(ErrorCode::NotPermitted);
        }
        let mut names = self.0.clone();
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => {
                    names.pop().ok_or(ErrorCode::NotPermitted)?;
                }
                name if name.len() > MAX_NAME_BYTES => return Err(ErrorCode::NameTooLong),
                name => names.push(name.to_owned()),
            }
        }
        if names.iter().map(|name| name.len() + 1).sum::<usize>() > MAX_PATH_BYTES {
            return Err(ErrorCode::NameTooLong);
        }
        let last = path.rsplit('/').next().unwrap_or_default();
        Ok(Named {
            place: Self(names),
            is_folder: matches!(last, "" | "." | ".."),
        })
    }
}

impl Root {
    /// Opens the datasites folder.
    ///
    /// # Errors
    /// There is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = File::open(path)?;
        if !folder.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            path: path.to_owned(),
            folder: RwLock::new(Arc::new(folder.into())),
        })
    }

    fn folder(&self) -> Arc<OwnedFd> {
        let folder = self.folder.read().expect("no holder of this lock panics");
        Arc::clone(&folder)
    }

    /// Tells whether this is the folder at its path still, and a datasite is in it. Else
    /// it was moved, or its disk is not mounted, and what is not found in it may well be
    /// there.
    pub(crate) fn is_current(&self, datasite: &str) -> bool {
        Self::open(&self.path)
            .is_ok_and(|found| found.has(datasite) && found.number() == self.number())
    }

    /// Goes over to the folder that lies at the path now, if a datasite is in it, and
    /// tells whether it is.
    pub(crate) fn stay_current(&self, datasite: &str) -> bool {
        let found = Self::open(&self.path).ok().filter(|it| it.has(datasite));
        let Some(found) = found else {
            return false;
        };
        if found.number() != self.number() {
            let mut folder = self.folder.write().expect("no holder of this lock panics");
            *folder = found.folder();
        }
        true
    }

    fn has(&self, datasite: &str) -> bool {
        look_at(self.folder().as_fd(), datasite)
            .is_ok_and(|found| kind(&found) == FileType::Directory)
    }

    /// Returns the numbers of the device and of the folder.
    fn number(&self) -> Option<(u64, u64)> {
        let found = rustix::fs::fstat(self.folder()).ok()?;
        Some((found.st_dev, found.st_ino))
    }

    /// Opens a place. No part of the path may be a link.
    pub(crate) fn open_place(&self, place: &Place, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        // With these, openat2 refuses to open only a path.
        if !flags.contains(OFlags::PATH) {
            flags |= OFlags::NONBLOCK | OFlags::NOCTTY;
        }
        let mode = match flags.contains(OFlags::CREATE) {
            true => Mode::from_raw_mode(0o666),
            false => Mode::empty(),
        };
        let path = match place.0.is_empty() {
            true => ".".to_owned(),
            false => place.text(),
        };
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(self.folder(), &path, flags, mode, resolve) {
            // A kernel before 5.6, or a container that forbids the call.
            Err(Errno::NOSYS | Errno::PERM) => self.walk(place, flags, mode),
            result => result,
        }
    }

    /// As `openat2` would, name by name.
    fn walk(&self, place: &Place, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = self.folder();
        let Some((parents, name)) = place.split() else {
            return openat(&root, ".", flags, mode);
        };
        let mut folder: Option<OwnedFd> = None;
        for name in &parents.0 {
            let from = folder.as_ref().map_or(root.as_fd(), AsFd::as_fd);
            folder = Some(openat(from, name, step, Mode::empty())?);
        }
        let from = folder.as_ref().map_or(root.as_fd(), AsFd::as_fd);
        openat(from, name, flags, mode)
    }

    /// Opens the folder that holds a place.
    pub(super) fn open_parent<'a>(
        &self,
        place: &'a Place,
    ) -> Result<(OwnedFd, &'a str), ErrorCode> {
        let (parent, name) = place.split().ok_or(ErrorCode::NotPermitted)?;
        let folder = self.open_place(&parent, OFlags::PATH | OFlags::DIRECTORY)?;
        Ok((folder, name))
    }

    /// Looks at a place. A link is looked at itself.
    pub(super) fn look(&self, place: &Place) -> Result<Stat, Errno> {
        match place.split() {
            None => rustix::fs::fstat(self.folder()),
            Some((parent, name)) => {
                let folder = self.open_place(&parent, OFlags::PATH | OFlags::DIRECTORY)?;
                look_at(folder.as_fd(), name)
            }
        }
    }
}

/// Looks at a name in a folder. A link is looked at itself.
pub(super) fn look_at(folder: BorrowedFd<'_>, name: &str) -> Result<Stat, Errno> {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// Returns what kind of thing was looked at.
pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_paths_by_name_alone() {
        let base = Place(vec!["a@x.org".to_owned(), "public".to_owned()]);
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
            let named = base.resolve(path).expect("a place");
            assert_eq!(
                (named.place.text().as_str(), named.is_folder),
                (expected, is_folder),
                "{path}"
            );
        }
    }

    #[test]
    fn refuses_paths_that_lead_out() {
        let base = Place(vec!["a@x.org".to_owned()]);
        for (path, expected) in [
            ("", ErrorCode::NoEntry),
            ("/etc/passwd", ErrorCode::NotPermitted),
            ("/", ErrorCode::NotPermitted),
            ("../..", ErrorCode::NotPermitted),
            ("x/../../../y", ErrorCode::NotPermitted),
            ("a\0b", ErrorCode::Invalid),
        ] {
            assert_eq!(base.resolve(path).map(|_| ()), Err(expected), "{path:?}");
        }
        let long = "n".repeat(256);
        assert_eq!(base.resolve(&long).map(|_| ()), Err(ErrorCode::NameTooLong));
        let deep = "n/".repeat(3000);
        assert_eq!(base.resolve(&deep).map(|_| ()), Err(ErrorCode::NameTooLong));
        assert!(base.resolve(&"n".repeat(255)).is_ok());
    }
}
