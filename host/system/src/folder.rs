//! An open folder, and what is done in it by one name at a time.
//!
//! Whoever writes into the datasites tree may put a link, a FIFO or a folder where a file was, at
//! any moment. So a [`Dir`] takes names, opens each from the folder before it, follows no link,
//! and tells what it opened by looking at what is open.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod costs;
#[cfg(all(target_os = "linux", any(test, not(feature = "portable"))))]
mod entries_linux;
#[cfg(all(target_os = "linux", any(test, not(feature = "portable"))))]
#[cfg_attr(
    feature = "portable",
    allow(dead_code, reason = "tests try both, and programs have one")
)]
pub(crate) mod linux;
#[cfg(all(target_os = "linux", any(test, not(feature = "portable"))))]
mod looks_linux;
#[cfg(any(test, feature = "portable", not(target_os = "linux")))]
pub(crate) mod portable;
#[cfg(all(unix, any(test, feature = "portable", not(target_os = "linux"))))]
mod portable_unix;
#[cfg(windows)]
mod portable_windows;
#[cfg(test)]
mod slices;
#[cfg(all(target_os = "linux", any(test, not(feature = "portable"))))]
mod slices_linux;
#[cfg(any(test, feature = "portable", not(target_os = "linux")))]
mod slices_portable;

use std::fs::File;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub use {entries_linux::DirEntries, linux::Dir, slices_linux::DirCursor};
#[cfg(any(feature = "portable", not(target_os = "linux")))]
pub use {portable::Dir, portable::DirEntries, slices_portable::DirCursor};

#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) use linux::look_at_file;
#[cfg(any(feature = "portable", not(target_os = "linux")))]
pub(crate) use portable::look_at_file;

use crate::{FileType, Stat, SystemError};

/// A file that was opened, and what it was then. It is a regular one.
#[derive(Debug)]
pub struct OpenedFile {
    /// The file.
    pub file: File,
    /// What it was when it was opened.
    pub found: Stat,
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name; `None` where that is no text, so that nobody can name it.
    pub name: Option<String>,
    /// What it is; `None` where the file system does not say while listing.
    pub kind: Option<FileType>,
}

/// Something in a folder that is read in slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirEntryRef<'a> {
    /// As in [`DirEntry`].
    pub name: Option<&'a str>,
    /// As in [`DirEntry`].
    pub kind: Option<FileType>,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) append: bool,
    pub(crate) create: Create,
    pub(crate) is_private: bool,
    pub(crate) sync: Sync,
}

/// Whether a file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// It has to be there.
    Never,
    /// If nothing has the name.
    IfMissing,
    /// Nothing may have the name, not even a link.
    New,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    None,
    Data,
    All,
}

impl Open {
    /// To read it.
    pub const READ: Self = Self {
        read: true,
        write: false,
        append: false,
        create: Create::Never,
        is_private: false,
        sync: Sync::None,
    };

    /// To write to it.
    pub const WRITE: Self = Self {
        read: false,
        write: true,
        ..Self::READ
    };

    /// To do both.
    pub const READ_WRITE: Self = Self {
        write: true,
        ..Self::READ
    };

    /// To force what is in it to the disk, for which Windows wants a right to write.
    pub const TO_FORCE: Self = if cfg!(windows) {
        Self::READ_WRITE
    } else {
        Self::READ
    };

    /// To write behind what is there, wherever that ends by then.
    pub const APPEND: Self = Self {
        append: true,
        ..Self::WRITE
    };

    /// Says whether it is made.
    #[must_use]
    pub const fn create(self, create: Create) -> Self {
        Self { create, ..self }
    }

    /// Returns whether it is made.
    pub const fn creates(self) -> Create {
        self.create
    }

    /// If it is made, it is its user's alone. What folder it is made in says that on Windows.
    #[must_use]
    pub const fn private(self) -> Self {
        Self {
            is_private: true,
            ..self
        }
    }

    /// Each write has the data on the disk before it returns.
    #[must_use]
    pub const fn sync_data(self) -> Self {
        Self {
            sync: Sync::Data,
            ..self
        }
    }

    /// Each write has the data, and all that belongs to it, on the disk before it returns.
    #[must_use]
    pub const fn sync_all(self) -> Self {
        Self {
            sync: Sync::All,
            ..self
        }
    }
}

impl Dir {
    /// Opens a folder below this one by its names, and makes those that are missing.
    ///
    /// # Errors
    /// One of them is a link or no folder, or cannot be made.
    pub fn open_or_make<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Self, SystemError> {
        let mut folder = self.try_clone()?;
        for name in names {
            match folder.make_folder(name) {
                Ok(()) | Err(SystemError::Exists) => {}
                Err(error) => return Err(error),
            }
            folder = folder.open_folder(name)?;
        }
        Ok(folder)
    }

    /// Removes a folder with all that is in it. A link is removed itself.
    ///
    /// # Errors
    /// It is none, or not there, or something in it stays.
    pub fn remove_folder_whole(&self, name: &str) -> Result<(), SystemError> {
        self.open_folder(name)?.remove_all_but(&[])?;
        self.remove_folder(name)
    }
}

/// Passes on a file that is a regular one.
fn regular(file: File, found: Stat) -> Result<OpenedFile, SystemError> {
    match found.kind {
        FileType::File => Ok(OpenedFile { file, found }),
        FileType::Folder => Err(SystemError::IsAFolder),
        FileType::Link => Err(SystemError::Link),
        FileType::Other => Err(SystemError::NotAFile),
    }
}

/// Returns the names of a path below a folder: none of them may be empty, `.` or `..`.
fn names(path: &str) -> Result<impl Iterator<Item = &str> + Clone, SystemError> {
    let names = path.split('/').filter(move |_| !path.is_empty());
    names.clone().try_for_each(crate::names::check)?;
    Ok(names)
}

/// Makes a FIFO, for tests.
#[cfg(all(test, unix))]
pub(crate) fn make_fifo(path: &std::path::Path) {
    #[cfg(target_os = "linux")]
    let made = {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0)
    };
    #[cfg(not(target_os = "linux"))]
    let made = std::process::Command::new("mkfifo").arg(path).status();
    made.expect("a FIFO");
}
