//! Folders on cap-std: what macOS and Windows have, and Linux with the feature `portable`.
//!
//! cap-std opens relative to a handle everywhere. On Windows it makes, renames, removes and lists by
//! the path that the handle has at that moment. There it holds each folder so that nobody can rename
//! or remove it, nor one above it, so that path stays the folder's.
//!
//! On systems that fold names, what is opened has to be spelled as it is stored (`exact`).

use std::fs::File;
use std::path::{Path, PathBuf};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir as CapDir, OpenOptions, ReadDir};

#[cfg(unix)]
use super::portable_unix as os;
#[cfg(windows)]
use super::portable_windows as os;
use super::{Create, DirEntry, Open, OpenedFile, Sync, names, regular};
use crate::exact::{self, FOLDS};
use crate::{FileType, SetTimes, Stat, SystemError, names::check};

/// An open folder.
#[derive(Debug)]
pub struct Dir(CapDir);

/// What is in a folder, one name after the other.
pub struct DirEntries {
    folder: Dir,
    entries: ReadDir,
}

impl Dir {
    /// Opens the folder at a path of the owner's, whose links are followed.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn open_ambient(path: &Path) -> Result<Self, SystemError> {
        Ok(Self(CapDir::open_ambient_dir(path, ambient_authority())?))
    }

    /// Returns the same folder once more.
    ///
    /// # Errors
    /// Too many files are open.
    pub fn try_clone(&self) -> Result<Self, SystemError> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Opens a folder in this one.
    ///
    /// # Errors
    /// There is none of that name; a link is none.
    pub fn open_folder(&self, name: &str) -> Result<Self, SystemError> {
        check(name)?;
        let opened = self.0.open_dir_nofollow(name)?;
        os::refuse_elsewhere(&opened)?;
        if FOLDS && !exact::is_named(&opened, name)? {
            return Err(SystemError::NotFound);
        }
        Ok(Self(opened))
    }

    /// As [`Dir::open_folder`], and has it open to be read by [`Dir::read_on`], one reader at a
    /// time.
    ///
    /// # Errors
    /// As there, and it may not be read.
    pub fn open_folder_to_read(&self, name: &str) -> Result<Self, SystemError> {
        self.open_folder(name)
    }

    /// Opens a folder below this one by its path; the empty path is this one.
    ///
    /// # Errors
    /// A part of the path is missing, a link or no folder.
    pub fn open_folder_below(&self, path: &str) -> Result<Self, SystemError> {
        self.walk(names(path)?)
    }

    /// As [`Dir::open_folder_below`], and has it open as [`Dir::open_folder_to_read`] does.
    ///
    /// # Errors
    /// As there, and it may not be read.
    pub fn open_folder_below_to_read(&self, path: &str) -> Result<Self, SystemError> {
        self.open_folder_below(path)
    }

    fn walk<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<Self, SystemError> {
        let mut folder = None;
        for name in names {
            folder = Some(folder.as_ref().unwrap_or(self).open_folder(name)?);
        }
        folder.map_or_else(|| self.try_clone(), Ok)
    }

    /// Opens a regular file in this folder.
    ///
    /// # Errors
    /// There is none, or what is there is none, or it may not be opened so.
    pub fn open_file(&self, name: &str, open: Open) -> Result<OpenedFile, SystemError> {
        check(name)?;
        let file = match self.0.open_with(name, &options(open)) {
            Ok(file) => file.into_std(),
            Err(error) => return Err(self.not_opened(name, error.into())),
        };
        let opened = regular_file(file)?;
        if FOLDS && !exact::is_named(&opened.file, name)? {
            return Err(match open.create {
                Create::Never => SystemError::NotFound,
                // What is there has this name, spelled otherwise.
                Create::IfMissing | Create::New => SystemError::Exists,
            });
        }
        Ok(opened)
    }

    /// Returns why something was not opened: not every system says it of a folder.
    fn not_opened(&self, name: &str, error: SystemError) -> SystemError {
        let may_be_folder = cfg!(windows) && error == SystemError::AccessDenied;
        let found = may_be_folder.then(|| self.look(name));
        match found {
            Some(Ok(found)) if found.is_folder() => SystemError::IsAFolder,
            _ => error,
        }
    }

    /// Opens a file of the host's own, in a folder that is its alone.
    ///
    /// # Errors
    /// There is none, or it is there already.
    pub fn open_own_file(&self, name: &str, open: Open) -> Result<File, SystemError> {
        Ok(self.open_file(name, open)?.file)
    }

    /// As [`Dir::open_file`], by a path below this folder.
    ///
    /// # Errors
    /// As there, and a part of the path is missing, a link or no folder.
    pub fn open_file_below(&self, path: &str, open: Open) -> Result<OpenedFile, SystemError> {
        drop(names(path)?);
        match path.rsplit_once('/') {
            Some((parent, name)) => self.open_folder_below(parent)?.open_file(name, open),
            None => self.open_file(path, open),
        }
    }

    /// Looks at what has a name here; at a link itself.
    ///
    /// # Errors
    /// Nothing has the name.
    pub fn look(&self, name: &str) -> Result<Stat, SystemError> {
        check(name)?;
        match os::look(&self.0, name)? {
            (found, true) => Ok(found),
            (_, false) => Err(SystemError::NotFound),
        }
    }

    /// Looks at what is at a path of the owner's; at a link itself.
    ///
    /// # Errors
    /// Nothing is there, or its name is no text.
    pub(crate) fn look_at_path(path: &Path) -> Result<Stat, SystemError> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Self::open_ambient(path)?.look_at_itself();
        };
        // A path that is a name alone.
        let is_here = parent.as_os_str().is_empty();
        let parent = if is_here { Path::new(".") } else { parent };
        Self::open_ambient(parent)?.look(name.to_str().ok_or(SystemError::BadName)?)
    }

    /// Looks at this folder.
    ///
    /// # Errors
    /// The disk.
    pub fn look_at_itself(&self) -> Result<Stat, SystemError> {
        os::look_at_folder(&self.0)
    }

    /// Returns the path that the folder has now, to be watched by it.
    ///
    /// # Errors
    /// The system does not say.
    pub(crate) fn path(&self) -> Result<PathBuf, SystemError> {
        os::path(&self.0)
    }

    /// Begins to list what is in this folder.
    ///
    /// # Errors
    /// It may not be read.
    pub fn list(&self) -> Result<DirEntries, SystemError> {
        Ok(DirEntries {
            entries: self.0.entries()?,
            folder: self.try_clone()?,
        })
    }

    /// Begins to list what is in a folder below this one; the empty path is this one.
    ///
    /// # Errors
    /// A part of the path is missing, a link or no folder, or it may not be read.
    pub fn list_below(&self, path: &str) -> Result<DirEntries, SystemError> {
        let folder = self.open_folder_below(path)?;
        Ok(DirEntries {
            entries: folder.0.entries()?,
            folder,
        })
    }

    /// Makes a folder in this one.
    ///
    /// # Errors
    /// Something has the name, or that is not allowed.
    pub fn make_folder(&self, name: &str) -> Result<(), SystemError> {
        check(name)?;
        Ok(self.0.create_dir(name)?)
    }

    /// Removes a file, or a link, and no folder.
    ///
    /// # Errors
    /// It is a folder, or not there, or stays.
    pub fn remove_file(&self, name: &str) -> Result<(), SystemError> {
        if cfg!(windows) || cfg!(target_os = "macos") {
            let found = self.look(name)?;
            if found.is_folder() {
                return Err(SystemError::IsAFolder);
            }
        }
        check(name)?;
        Ok(self.0.remove_file_or_symlink(name)?)
    }

    /// Removes a folder in which nothing is.
    ///
    /// # Errors
    /// Something is in it, or it is none, or not there.
    pub fn remove_folder(&self, name: &str) -> Result<(), SystemError> {
        check(name)?;
        if !self.look(name)?.is_folder() {
            return Err(SystemError::NotAFolder);
        }
        match self.0.remove_dir(name).map_err(SystemError::from) {
            // Some file systems say that of one that is not empty.
            Err(SystemError::Exists) => Err(SystemError::NotEmpty),
            removed => removed,
        }
    }

    /// Sets the times of what has a name here; those of a link itself.
    ///
    /// # Errors
    /// Nothing has the name, or it is not ours.
    pub fn set_times_of(&self, name: &str, times: &SetTimes) -> Result<(), SystemError> {
        check(name)?;
        if FOLDS {
            self.look(name)?;
        }
        os::set_times_of(&self.0, name, times)
    }

    /// Removes all that is in this folder, but what has one of these names. A link is removed itself.
    ///
    /// # Errors
    /// Something stays.
    pub fn remove_all_but(&self, spared: &[&str]) -> Result<(), SystemError> {
        for entry in self.0.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            if spared.iter().any(|spared| name == *spared) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                self.0.remove_dir_all(&name)?;
            } else {
                self.0.remove_file_or_symlink(&name)?;
            }
        }
        Ok(())
    }

    /// Gives a file another name, in this folder or in another one, in the place of a file that has
    /// it. A folder is neither moved nor replaced.
    ///
    /// # Errors
    /// One of them is a folder, it is not there, or the file systems differ.
    pub fn rename_file(&self, name: &str, to: &Self, to_name: &str) -> Result<(), SystemError> {
        check(to_name)?;
        if self.look(name)?.is_folder() {
            return Err(SystemError::IsAFolder);
        }
        // A folder may have come in its place since. No system puts a folder in the place of a
        // file, so there shall be one.
        let made = match to.open_file(to_name, Open::WRITE.create(Create::New)) {
            Ok(_) => true,
            // It may be there spelled otherwise, and would be replaced.
            Err(SystemError::Exists) => match to.look(to_name) {
                Ok(found) if found.is_folder() => return Err(SystemError::IsAFolder),
                Ok(_) => false,
                Err(SystemError::NotFound) => return Err(SystemError::Exists),
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        };
        let renamed = self.name_own(name, to, to_name);
        if made && renamed.is_err() {
            to.remove_file(to_name)?;
        }
        match renamed {
            Err(SystemError::NotAFolder) => Err(SystemError::IsAFolder),
            renamed => renamed,
        }
    }

    /// As [`Dir::rename_file`], of a file that nobody else changes, such as one that was just
    /// made: others see one change.
    ///
    /// # Errors
    /// As there.
    pub fn name_own(&self, name: &str, to: &Self, to_name: &str) -> Result<(), SystemError> {
        check(name)?;
        check(to_name)?;
        Ok(self.0.rename(name, &to.0, to_name)?)
    }

    /// As [`Dir::name_own`], where nothing has the name.
    ///
    /// # Errors
    /// As there, or something has it, or that cannot be done in one change here.
    pub fn name_own_new(&self, name: &str, to: &Self, to_name: &str) -> Result<(), SystemError> {
        check(name)?;
        check(to_name)?;
        os::name_new(&self.0, name, &to.0, to_name)
    }

    /// Sets the times of this folder.
    ///
    /// # Errors
    /// It is not ours.
    pub fn set_times(&self, times: &SetTimes) -> Result<(), SystemError> {
        times.set_on(&os::reopen(&self.0)?)
    }

    /// Makes sure that names in this folder can be changed by this user.
    ///
    /// # Errors
    /// They cannot.
    pub fn may_be_changed(&self) -> Result<(), SystemError> {
        os::may_be_changed(&self.0)
    }

    /// Forces the names in this folder to the disk, where the system does not do so itself.
    ///
    /// # Errors
    /// The disk.
    pub fn force(&self) -> Result<(), SystemError> {
        os::force(&self.0)
    }

    /// Tells whether files that are made here get rights from this folder. One that is moved in
    /// keeps those of where it was made.
    pub fn hands_down_rights(&self) -> bool {
        os::hands_down_rights(&self.0)
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Dir {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl DirEntries {
    /// Looks at a name in the folder; at a link itself.
    ///
    /// # Errors
    /// Nothing has the name.
    pub fn look(&self, name: &str) -> Result<Stat, SystemError> {
        self.folder.look(name)
    }
}

impl From<cap_std::fs::FileType> for FileType {
    fn from(kind: cap_std::fs::FileType) -> Self {
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Folder
        } else if kind.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }
}

impl Iterator for DirEntries {
    type Item = Result<DirEntry, SystemError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = match self.entries.next()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error.into())),
        };
        let kind = entry.file_type().ok().map(FileType::from);
        Some(Ok(DirEntry {
            name: entry.file_name().into_string().ok(),
            kind,
        }))
    }
}

fn options(open: Open) -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(open.read)
        .write(open.write && !open.append)
        .append(open.append)
        .create(open.create == Create::IfMissing)
        .create_new(open.create == Create::New)
        .follow(FollowSymlinks::No)
        // Should a FIFO take the place of a file, nobody waits for a writer.
        .nonblock(cfg!(unix))
        .dsync(open.sync == Sync::Data)
        .sync(open.sync == Sync::All);
    // A library asks for a right to write where a file is made.
    if open.create != Create::Never && !(open.write || open.append) {
        options.write(true);
    }
    os::complete(&mut options, open);
    options
}

fn regular_file(file: File) -> Result<OpenedFile, SystemError> {
    let found = look_at_file(&file)?;
    regular(file, found)
}

/// Looks at an open file.
///
/// # Errors
/// The disk.
pub(crate) fn look_at_file(file: &File) -> Result<Stat, SystemError> {
    os::look_at_file(file)
}

#[cfg(unix)]
impl TryFrom<&Dir> for File {
    type Error = std::io::Error;

    /// Opens the folder to lock it.
    fn try_from(folder: &Dir) -> std::io::Result<Self> {
        Ok(os::reopen(&folder.0)?)
    }
}
