//! The folder in which the files of calls are staged: a private one of the host, for one app.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_system::{Create, Dir, Open, Stat, SystemError, private};

use super::super::guest_path::GuestPath;

/// Where the calls of an app stage what they write.
pub(in super::super) struct StagingPlace {
    folder: Dir,
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
        private::make_folder(path)?;
        Ok(Self {
            // It is forced to the disk again and again.
            folder: Dir::open_ambient(path)?.open_folder_below_to_read("")?,
            datasite,
            is_forced,
            under_way: Mutex::default(),
        })
    }

    pub(super) fn folder(&self) -> &Dir {
        &self.folder
    }

    /// Makes a file to read and to write.
    pub(super) fn make(&self, name: &str) -> Result<File, SystemError> {
        let new = Open::READ_WRITE.create(Create::New);
        self.folder.open_own_file(name, new)
    }

    pub(super) fn open_file(&self, name: &str, how: Open) -> Result<File, SystemError> {
        self.folder.open_own_file(name, how)
    }

    /// Deletes all files but those that are needed.
    pub(super) fn keep_only(&self, is_needed: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in self.folder.list()? {
            // All names that the host has given are text.
            if let Some(name) = entry?.name
                && !is_needed(&name)
            {
                self.delete(&name);
            }
        }
        Ok(())
    }

    /// Deletes a file, if it is there.
    pub(super) fn delete(&self, name: &str) {
        match self.folder.remove_file(name) {
            Ok(()) | Err(SystemError::NotFound) => {}
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
    ) -> Result<(Self, File), SystemError> {
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

    pub(in super::super) fn open(&self, how: Open) -> Result<File, SystemError> {
        self.place.open_file(&self.name, how)
    }

    pub(in super::super) fn look(&self) -> Result<Stat, SystemError> {
        self.place.folder().look(&self.name)
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
