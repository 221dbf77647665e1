//! The folder of all datasites, and how paths below it are opened: without following a
//! link, at every call anew. A folder that is renamed while a guest holds it is thus gone
//! for the guest, and not somewhere it was not granted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use syft_system::{Dir, DirEntries, FileId, FileType, Open, OpenedFile, Stat, SystemError};

use super::guest_path::GuestPath;

/// The folder of all datasites.
#[derive(Debug)]
pub struct DatasitesDir {
    path: PathBuf,
    folder: RwLock<Arc<Dir>>,
}

impl DatasitesDir {
    /// Opens the datasites folder.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            folder: RwLock::new(Arc::new(Dir::open_ambient(path)?)),
        })
    }

    fn folder(&self) -> Arc<Dir> {
        let folder = self.folder.read().expect("no holder of this lock panics");
        Arc::clone(&folder)
    }

    /// Tells whether this is the folder at its path still, and a datasite is in it. Else
    /// it was moved, or its disk is not mounted, and what is not found in it may well be
    /// there.
    pub fn is_current(&self, datasite: &str) -> bool {
        Self::open(&self.path).is_ok_and(|found| found.has(datasite) && found.id() == self.id())
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
        if found.id() != self.id() {
            let mut folder = self.folder.write().expect("no holder of this lock panics");
            *folder = found.folder();
        }
        true
    }

    fn has(&self, datasite: &str) -> bool {
        let found = self.folder().look(datasite);
        found.is_ok_and(|found| found.is_folder())
    }

    fn id(&self) -> Option<FileId> {
        Some(self.folder().look_at_itself().ok()?.id)
    }

    /// Opens a file without asking what was granted: for what the host itself reads. No part of the
    /// path may be a link.
    ///
    /// # Errors
    /// There is none, or what is there is none, or it may not be opened so.
    pub(super) fn open_file(
        &self,
        path: &GuestPath,
        open: Open,
    ) -> Result<OpenedFile, SystemError> {
        if path.is_empty() {
            return Err(SystemError::IsAFolder);
        }
        self.folder().open_file_below(&path.text(), open)
    }

    /// As `open_file`, for a folder.
    ///
    /// # Errors
    /// There is none.
    pub fn open_folder(&self, path: &GuestPath) -> Result<Dir, SystemError> {
        self.folder().open_folder_below(&path.text())
    }

    /// As [`DatasitesDir::open_folder`], to read what is in it.
    ///
    /// # Errors
    /// As there, and it may not be read.
    pub fn open_folder_to_read(&self, path: &GuestPath) -> Result<Dir, SystemError> {
        self.folder().open_folder_below_to_read(&path.text())
    }

    /// Opens a folder that a guest knows.
    pub(super) fn open_known_folder(&self, path: &GuestPath) -> Result<Dir, SystemError> {
        let opened = self.open_folder(path);
        opened.map_err(|error| self.in_the_way(path, error))
    }

    /// Lists a folder that a guest knows.
    pub(super) fn list(&self, path: &GuestPath) -> Result<DirEntries, SystemError> {
        let listed = self.folder().list_below(&path.text());
        listed.map_err(|error| self.in_the_way(path, error))
    }

    /// Opens the folder that holds a path.
    pub(super) fn open_parent<'a>(
        &self,
        path: &'a GuestPath,
    ) -> Result<(Dir, &'a str), SystemError> {
        // The folder of all datasites is in no folder that a guest may change.
        let (parent, name) = path.split().ok_or(SystemError::NotPermitted)?;
        Ok((self.open_known_folder(&parent)?, name))
    }

    /// Returns why no folder could be opened at a path, as guests know it: where a file is on the
    /// way it says so, and where a link or a device is, there is nothing.
    fn in_the_way(&self, path: &GuestPath, error: SystemError) -> SystemError {
        if !is_for_a_thing(error) {
            return error;
        }
        let mut folder = self.folder();
        for name in path.names() {
            match folder.look(name).map(|found| known(&found)) {
                Ok(Ok(Known::Folder)) => {}
                Ok(Ok(Known::File)) => return SystemError::NotAFolder,
                Ok(Err(_)) => return SystemError::NotFound,
                Err(error) => return error,
            }
            match folder.open_folder(name) {
                Ok(next) => folder = Arc::new(next),
                Err(error) if !is_for_a_thing(error) => return error,
                Err(_) => break,
            }
        }
        // It was, and is no more.
        SystemError::NotFound
    }

    /// Looks at a path. A link is looked at itself.
    pub(super) fn look(&self, path: &GuestPath) -> Result<Stat, SystemError> {
        match path.split() {
            None => self.folder().look_at_itself(),
            Some((parent, name)) => self.open_known_folder(&parent)?.look(name),
        }
    }
}

/// Tells whether what was to be opened, or something on the way there, is not of the kind that
/// it should be.
pub(super) fn is_for_a_thing(error: SystemError) -> bool {
    matches!(
        error,
        SystemError::NotAFolder | SystemError::Link | SystemError::NotAFile
    )
}

/// What exists for guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    File,
    Folder,
}

/// Returns what something is to guests; what it is really, where it is nothing to them.
pub(super) fn known(found: &Stat) -> Result<Known, &'static str> {
    match found.kind {
        FileType::Folder => Ok(Known::Folder),
        FileType::File if found.links <= 1 => Ok(Known::File),
        // Another name of it may be one that was not granted.
        FileType::File => Err("it has several hard links"),
        FileType::Link => Err("it is a symbolic link"),
        FileType::Other => Err("it is no regular file"),
    }
}
