//! The folder of all datasites, and how paths below it are opened: without following a
//! link, at every call anew. A folder that is renamed while a guest holds it is thus gone
//! for the guest, and not somewhere it was not granted.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2, statat};
use rustix::io::Errno;

use super::guest_path::GuestPath;

/// The folder of all datasites.
#[derive(Debug)]
pub struct DatasitesDir {
    path: PathBuf,
    folder: RwLock<Arc<OwnedFd>>,
}

impl DatasitesDir {
    /// Opens the datasites folder.
    ///
    /// # Errors
    /// There is no such folder.
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
    pub fn is_current(&self, datasite: &str) -> bool {
        Self::open(&self.path)
            .is_ok_and(|found| found.has(datasite) && found.number() == self.number())
    }

    /// Goes over to the folder that lies at the path now, if a datasite is in it, and
    /// tells whether it is.
    pub fn stay_current(&self, datasite: &str) -> bool {
        let found = Self::open(&self.path)
            .ok()
            .filter(|found| found.has(datasite));
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

    /// Opens a path without asking what was granted: for what the host itself reads. No part
    /// of the path may be a link.
    pub fn open_unchecked(&self, path: &GuestPath, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        // With these, openat2 refuses to open only a path.
        if !flags.contains(OFlags::PATH) {
            flags |= OFlags::NONBLOCK | OFlags::NOCTTY;
        }
        let mode = if flags.contains(OFlags::CREATE) {
            Mode::from_raw_mode(0o666)
        } else {
            Mode::empty()
        };
        let text = if path.is_empty() {
            ".".to_owned()
        } else {
            path.text()
        };
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(self.folder(), &text, flags, mode, resolve) {
            // A kernel before 5.6, or a container that forbids the call.
            Err(Errno::NOSYS | Errno::PERM) => self.walk(path, flags, mode),
            // It was moved away from here in this moment.
            Err(Errno::XDEV) => Err(Errno::NOENT),
            result => result,
        }
    }

    /// As `openat2` would, name by name.
    fn walk(&self, path: &GuestPath, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let root = self.folder();
        let Some((parents, name)) = path.split() else {
            return openat(&root, ".", flags, mode);
        };
        let mut folder: Option<OwnedFd> = None;
        for name in parents.names() {
            let from = folder.as_ref().map_or(root.as_fd(), AsFd::as_fd);
            folder = Some(openat(from, name, STEP, Mode::empty())?);
        }
        let from = folder.as_ref().map_or(root.as_fd(), AsFd::as_fd);
        openat(from, name, flags, mode)
    }

    /// Opens the folder that holds a path.
    pub(super) fn open_parent<'a>(&self, path: &'a GuestPath) -> Result<(OwnedFd, &'a str), Errno> {
        // The folder of all datasites is in no folder that a guest may change.
        let (parent, name) = path.split().ok_or(Errno::PERM)?;
        Ok((self.open_on_the_way(&parent)?, name))
    }

    /// Opens a folder to go on from there.
    fn open_on_the_way(&self, path: &GuestPath) -> Result<OwnedFd, Errno> {
        self.open_unchecked(path, OFlags::PATH | OFlags::DIRECTORY)
            .map_err(|error| self.in_the_way(path, error))
    }

    /// Returns why no folder could be opened at a path, as guests know it: where a file is on the
    /// way it says so, and where a link or a device is, there is nothing.
    pub(super) fn in_the_way(&self, path: &GuestPath, error: Errno) -> Errno {
        if !is_for_a_thing(error) {
            return error;
        }
        let root = self.folder();
        let mut folder: Option<OwnedFd> = None;
        for name in path.names() {
            let from = folder.as_ref().map_or(root.as_fd(), AsFd::as_fd);
            match look_at(from, name).map(|stat| known(&stat)) {
                Ok(Ok(Known::Folder)) => {}
                Ok(Ok(Known::File)) => return Errno::NOTDIR,
                Ok(Err(_)) => return Errno::NOENT,
                Err(error) => return error,
            }
            match openat(from, name, STEP, Mode::empty()) {
                Ok(next) => folder = Some(next),
                Err(error) if !is_for_a_thing(error) => return error,
                Err(_) => break,
            }
        }
        // It was, and is no more.
        Errno::NOENT
    }

    /// Looks at a path. A link is looked at itself.
    pub(super) fn look(&self, path: &GuestPath) -> Result<Stat, Errno> {
        match path.split() {
            None => rustix::fs::fstat(self.folder()),
            Some((parent, name)) => {
                let folder = self.open_on_the_way(&parent)?;
                look_at(folder.as_fd(), name)
            }
        }
    }
}

/// How a folder is opened that is only on the way.
const STEP: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Tells whether what was to be opened, or something on the way there, is not of the kind that
/// it should be.
pub(super) fn is_for_a_thing(error: Errno) -> bool {
    matches!(
        error,
        Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::NODEV
    )
}

/// What exists for guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    File,
    Folder,
}

/// Returns what something is to guests; what it is really, where it is nothing to them.
pub(super) fn known(stat: &Stat) -> Result<Known, String> {
    match kind(stat) {
        FileType::Directory => Ok(Known::Folder),
        FileType::RegularFile if stat.st_nlink <= 1 => Ok(Known::File),
        // Another name of it may be one that was not granted.
        FileType::RegularFile => Err("it has several hard links".to_owned()),
        other => Err(format!("it is a {other:?}")),
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
