//! The folder in which the files of calls are staged: a private one of the host, for one app.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;
use syft_manifest::private_dir;

use super::plan::Plan;

/// Where the calls of an app stage what they write.
pub(in super::super) struct StagingPlace {
    folder: OwnedFd,
    /// The files that calls are about to change, each with the number of these calls.
    under_way: Mutex<HashMap<String, usize>>,
    /// What could not be done, and is tried again before anything else is.
    unfinished: Mutex<Vec<Plan>>,
}

/// A file that is staged. It is deleted when nobody needs it any more.
pub(super) struct StagedFile {
    place: Arc<StagingPlace>,
    name: String,
    /// Where the file of the tree lies that it stands for.
    of: Option<String>,
    is_kept: AtomicBool,
}

impl StagingPlace {
    /// Opens the folder, which is made if need be.
    pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
        private_dir::make_folder(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            folder: openat(CWD, path, flags, Mode::empty())?,
            under_way: Mutex::default(),
            unfinished: Mutex::default(),
        })
    }

    pub(super) fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    /// Makes a file to read and to write.
    pub(super) fn make(&self, name: &str) -> Result<File, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.folder, name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    pub(super) fn open_file(&self, name: &str, flags: OFlags) -> Result<File, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.folder, name, flags, Mode::empty())?.into())
    }

    /// Deletes a file, if it is there.
    pub(super) fn delete(&self, name: &str) {
        match unlinkat(self.folder.as_fd(), name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => tracing::warn!("a staged file cannot be deleted: {error}"),
        }
    }

    pub(super) fn under_way(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.under_way
            .lock()
            .expect("no holder of this lock panics")
    }

    pub(super) fn unfinished(&self) -> MutexGuard<'_, Vec<Plan>> {
        self.unfinished
            .lock()
            .expect("no holder of this lock panics")
    }
}

impl StagedFile {
    /// Makes an empty one, to stand for the file that lies at a path in the tree if one is given.
    pub(super) fn make(
        place: &Arc<StagingPlace>,
        name: String,
        of: Option<String>,
    ) -> Result<(Self, File), Errno> {
        let file = place.make(&name)?;
        Ok((Self::new(place, name, of), file))
    }

    /// Returns one that is there already.
    pub(super) fn there(place: &Arc<StagingPlace>, name: String) -> Self {
        Self::new(place, name, None)
    }

    fn new(place: &Arc<StagingPlace>, name: String, of: Option<String>) -> Self {
        Self {
            place: Arc::clone(place),
            name,
            of,
            is_kept: AtomicBool::new(false),
        }
    }

    pub(super) fn of(&self) -> Option<&str> {
        self.of.as_deref()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn open(&self, flags: OFlags) -> Result<File, Errno> {
        self.place.open_file(&self.name, flags)
    }

    /// Leaves it where it is.
    pub(super) fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.is_kept.load(Ordering::Relaxed) {
            self.place.delete(&self.name);
        }
    }
}
