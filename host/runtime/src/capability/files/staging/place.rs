//! The folder in which the files of calls are staged: a private one of the host, for one app.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, Stat, openat, unlinkat};
use rustix::io::Errno;
use syft_manifest::private_dir;

use super::super::datasites_dir::look_at;
use super::super::guest_path::GuestPath;

/// Where the calls of an app stage what they write.
pub(in super::super) struct StagingPlace {
    folder: OwnedFd,
    /// The owner's own, without which nothing is put into the tree.
    pub(super) datasite: GuestPath,
    /// What is put into the tree reaches the disk before the answer is seen.
    pub(super) is_forced: bool,
    /// The files that calls are about to change, each with the number of these calls.
    under_way: Mutex<HashMap<String, usize>>,
}

/// A file that is staged. It is deleted when nobody needs it any more.
pub(in super::super) struct StagedFile {
    place: Arc<StagingPlace>,
    name: String,
    /// Where the file of the tree lies that it stands for.
    of: Option<String>,
    is_kept: AtomicBool,
}

impl StagingPlace {
    /// Opens the folder, which is made if need be.
    pub(in super::super) fn open(
        path: &Path,
        datasite: GuestPath,
        is_forced: bool,
    ) -> io::Result<Self> {
        private_dir::make_folder(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            folder: openat(CWD, path, flags, Mode::empty())?,
            datasite,
            is_forced,
            under_way: Mutex::default(),
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

    /// Deletes all files but those that are needed.
    pub(super) fn keep_only(&self, is_needed: impl Fn(&str) -> bool) -> io::Result<()> {
        let mut entries = Dir::read_from(&self.folder)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if !matches!(&*name, "." | "..") && !is_needed(&name) {
                self.delete(&name);
            }
        }
        Ok(())
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

    pub(in super::super) fn of(&self) -> Option<&str> {
        self.of.as_deref()
    }

    pub(in super::super) fn name(&self) -> &str {
        &self.name
    }

    pub(in super::super) fn open(&self, flags: OFlags) -> Result<File, Errno> {
        self.place.open_file(&self.name, flags)
    }

    pub(in super::super) fn look(&self) -> Result<Stat, Errno> {
        look_at(self.place.folder().as_fd(), &self.name)
    }

    /// Leaves it where it is, or where it was put.
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
