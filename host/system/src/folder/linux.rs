//! Folders as Linux has them: `openat2` takes a whole path without following links, and a folder
//! that is only on the way needs no right to be read.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    Access, AtFlags, CWD, Mode, OFlags, RenameFlags, ResolveFlags, accessat, mkdirat, openat,
    openat2, renameat, renameat_with, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::entries_linux::{DirEntries, remove_below};
use super::looks_linux::look_at;
use super::{Create, Open, OpenedFile, Sync, names, regular};
use crate::{SetTimes, Stat, SystemError, names::check};

/// How a folder is opened that is not read.
const ON_THE_WAY: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// How a folder is opened that is listed, locked or forced.
pub(super) const TO_READ: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The kernel, or the container, has no `openat2`: one before 5.6, say.
static WALKS: AtomicBool = AtomicBool::new(false);

/// An open folder.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    /// It was opened to read what is in it.
    is_to_read: bool,
}

impl Dir {
    /// Opens the folder at a path of the owner's, whose links are followed.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn open_ambient(path: &Path) -> Result<Self, SystemError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self::on_the_way(openat(CWD, path, flags, Mode::empty())?))
    }

    fn on_the_way(fd: OwnedFd) -> Self {
        let is_to_read = false;
        Self { fd, is_to_read }
    }

    fn to_read(fd: OwnedFd) -> Self {
        let is_to_read = true;
        Self { fd, is_to_read }
    }

    /// Returns the same folder once more.
    ///
    /// # Errors
    /// Too many files are open.
    pub fn try_clone(&self) -> Result<Self, SystemError> {
        // Both would read from the same place on.
        Ok(Self::on_the_way(self.fd.try_clone()?))
    }

    /// Opens a folder in this one.
    ///
    /// # Errors
    /// There is none of that name; a link is none.
    pub fn open_folder(&self, name: &str) -> Result<Self, SystemError> {
        check(name)?;
        let fd = openat(&self.fd, name, ON_THE_WAY, Mode::empty())?;
        Ok(Self::on_the_way(fd))
    }

    /// As [`Dir::open_folder`], and has it open to be read by [`Dir::read_on`], one reader at a
    /// time: that saves opening it once more.
    ///
    /// # Errors
    /// As there, and it may not be read.
    pub fn open_folder_to_read(&self, name: &str) -> Result<Self, SystemError> {
        check(name)?;
        let fd = openat(&self.fd, name, TO_READ, Mode::empty())?;
        Ok(Self::to_read(fd))
    }

    /// Opens a folder below this one by its path; the empty path is this one.
    ///
    /// # Errors
    /// A part of the path is missing, a link or no folder.
    pub fn open_folder_below(&self, path: &str) -> Result<Self, SystemError> {
        if path.is_empty() {
            return self.try_clone();
        }
        let fd = self.below(path, ON_THE_WAY, Mode::empty())?;
        Ok(Self::on_the_way(fd))
    }

    /// As [`Dir::open_folder_below`], and has it open as [`Dir::open_folder_to_read`] does.
    ///
    /// # Errors
    /// As there, and it may not be read.
    pub fn open_folder_below_to_read(&self, path: &str) -> Result<Self, SystemError> {
        let fd = match path {
            "" => self.reopen()?,
            path => self.below(path, TO_READ, Mode::empty())?,
        };
        Ok(Self::to_read(fd))
    }

    /// Opens a regular file in this folder.
    ///
    /// # Errors
    /// There is none, or what is there is none, or it may not be opened so.
    pub fn open_file(&self, name: &str, open: Open) -> Result<OpenedFile, SystemError> {
        check(name)?;
        let (flags, mode) = flags(open);
        checked(openat(&self.fd, name, flags, mode)?)
    }

    /// Opens a file of the host's own, in a folder that is its alone: what it is need not be looked
    /// at.
    ///
    /// # Errors
    /// There is none, or it is there already.
    pub fn open_own_file(&self, name: &str, open: Open) -> Result<File, SystemError> {
        check(name)?;
        let (flags, mode) = flags(open);
        Ok(openat(&self.fd, name, flags, mode)?.into())
    }

    /// As [`Dir::open_file`], by a path below this folder.
    ///
    /// # Errors
    /// As there, and a part of the path is missing, a link or no folder.
    pub fn open_file_below(&self, path: &str, open: Open) -> Result<OpenedFile, SystemError> {
        let (flags, mode) = flags(open);
        checked(self.below(path, flags, mode)?)
    }

    fn below(&self, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, SystemError> {
        let names = names(path)?;
        if !WALKS.load(Ordering::Relaxed) {
            let resolve =
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match openat2(&self.fd, path, flags, mode, resolve) {
                // A container forbids it, or the file is one that nobody may write to.
                Err(Errno::NOSYS | Errno::PERM) if !self.has_openat2() => {
                    WALKS.store(true, Ordering::Relaxed);
                }
                // It was moved away from here in this moment.
                Err(Errno::XDEV) => return Err(SystemError::NotFound),
                opened => return Ok(opened?),
            }
        }
        self.walk(names, flags, mode)
    }

    fn has_openat2(&self) -> bool {
        openat2(
            &self.fd,
            ".",
            ON_THE_WAY,
            Mode::empty(),
            ResolveFlags::BENEATH,
        )
        .is_ok()
    }

    /// As `openat2` would, name by name.
    fn walk<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd, SystemError> {
        let mut names = names.peekable();
        let mut folder: Option<OwnedFd> = None;
        while let Some(name) = names.next() {
            let from = folder.as_ref().map_or(self.fd.as_fd(), AsFd::as_fd);
            if names.peek().is_none() {
                return Ok(openat(from, name, flags, mode)?);
            }
            folder = Some(openat(from, name, ON_THE_WAY, Mode::empty())?);
        }
        Err(SystemError::NotFound)
    }

    /// Looks at what has a name here; at a link itself.
    ///
    /// # Errors
    /// Nothing has the name.
    pub fn look(&self, name: &str) -> Result<Stat, SystemError> {
        check(name)?;
        look_at(self.fd.as_fd(), name)
    }

    /// Looks at what is at a path of the owner's; at a link itself.
    ///
    /// # Errors
    /// Nothing is there.
    pub(crate) fn look_at_path(path: &Path) -> Result<Stat, SystemError> {
        look_at(CWD, path)
    }

    /// Looks at this folder.
    ///
    /// # Errors
    /// The disk.
    pub fn look_at_itself(&self) -> Result<Stat, SystemError> {
        look_at(self.fd.as_fd(), "")
    }

    /// Begins to list what is in this folder.
    ///
    /// # Errors
    /// It may not be read.
    pub fn list(&self) -> Result<DirEntries, SystemError> {
        DirEntries::of(self.reopen()?)
    }

    /// Begins to list what is in a folder below this one; the empty path is this one.
    ///
    /// # Errors
    /// A part of the path is missing, a link or no folder, or it may not be read.
    pub fn list_below(&self, path: &str) -> Result<DirEntries, SystemError> {
        let folder = match path {
            "" => self.reopen()?,
            path => self.below(path, TO_READ, Mode::empty())?,
        };
        DirEntries::of(folder)
    }

    /// Returns the handle, if it is there to read what is in the folder.
    pub(super) fn handle_to_read(&self) -> Option<BorrowedFd<'_>> {
        self.is_to_read.then(|| self.fd.as_fd())
    }

    pub(super) fn reopen(&self) -> Result<OwnedFd, SystemError> {
        Ok(openat(&self.fd, ".", TO_READ, Mode::empty())?)
    }

    /// Makes a folder in this one.
    ///
    /// # Errors
    /// Something has the name, or that is not allowed.
    pub fn make_folder(&self, name: &str) -> Result<(), SystemError> {
        check(name)?;
        Ok(mkdirat(&self.fd, name, Mode::from_raw_mode(0o777))?)
    }

    /// Removes a file, or a link, and no folder.
    ///
    /// # Errors
    /// It is a folder, or not there, or stays.
    pub fn remove_file(&self, name: &str) -> Result<(), SystemError> {
        check(name)?;
        Ok(unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Removes a folder in which nothing is.
    ///
    /// # Errors
    /// Something is in it, or it is none, or not there.
    pub fn remove_folder(&self, name: &str) -> Result<(), SystemError> {
        check(name)?;
        match unlinkat(&self.fd, name, AtFlags::REMOVEDIR) {
            // Some file systems say that of one that is not empty.
            Err(Errno::EXIST) => Err(SystemError::NotEmpty),
            removed => Ok(removed?),
        }
    }

    /// Sets the times of what has a name here; those of a link itself.
    ///
    /// # Errors
    /// Nothing has the name, or it is not ours.
    pub fn set_times_of(&self, name: &str, times: &SetTimes) -> Result<(), SystemError> {
        check(name)?;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        Ok(utimensat(&self.fd, name, &times.timestamps(), flags)?)
    }

    /// Removes all that is in this folder, but what has one of these names. A link is removed itself.
    ///
    /// # Errors
    /// Something stays.
    pub fn remove_all_but(&self, spared: &[&str]) -> Result<(), SystemError> {
        Ok(remove_below(self.reopen()?, spared)?)
    }

    /// Gives a file another name, in this folder or in another one, in the place of a file that has
    /// it. A folder is neither moved nor replaced.
    ///
    /// # Errors
    /// One of them is a folder, it is not there, or the file systems differ.
    pub fn rename_file(&self, name: &str, to: &Self, to_name: &str) -> Result<(), SystemError> {
        check(name)?;
        check(to_name)?;
        if self.look(name)?.is_folder() {
            return Err(SystemError::IsAFolder);
        }
        // A folder may have come in its place since. The kernel puts no folder in the place of a
        // file, so there shall be one.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let made = match openat(&to.fd, to_name, flags, Mode::from_raw_mode(0o666)) {
            Ok(_) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        let renamed = renameat(&self.fd, name, &to.fd, to_name);
        if made && renamed.is_err() {
            unlinkat(&to.fd, to_name, AtFlags::empty())?;
        }
        match renamed {
            Err(Errno::NOTDIR) => Err(SystemError::IsAFolder),
            renamed => Ok(renamed?),
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
        Ok(renameat(&self.fd, name, &to.fd, to_name)?)
    }

    /// As [`Dir::name_own`], where nothing has the name.
    ///
    /// # Errors
    /// As there, or something has it, or that cannot be done in one change here.
    pub fn name_own_new(&self, name: &str, to: &Self, to_name: &str) -> Result<(), SystemError> {
        check(name)?;
        check(to_name)?;
        Ok(renameat_with(
            &self.fd,
            name,
            &to.fd,
            to_name,
            RenameFlags::NOREPLACE,
        )?)
    }

    /// Sets the times of this folder.
    ///
    /// # Errors
    /// It is not ours.
    pub fn set_times(&self, times: &SetTimes) -> Result<(), SystemError> {
        times.set_on(&File::from(self.reopen()?))
    }

    /// Makes sure that names in this folder can be changed by this user.
    ///
    /// # Errors
    /// They cannot.
    pub fn may_be_changed(&self) -> Result<(), SystemError> {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        Ok(accessat(&self.fd, ".", access, AtFlags::empty())?)
    }

    /// Forces the names in this folder to the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn force(&self) -> Result<(), SystemError> {
        match self.handle_to_read() {
            Some(folder) => Ok(rustix::fs::fsync(folder)?),
            None => Ok(rustix::fs::fsync(self.reopen()?)?),
        }
    }

    /// Tells whether files that are made here get a group or an access list from this folder. One
    /// that is moved in gets neither.
    pub fn hands_down_rights(&self) -> bool {
        let is_set_group = || {
            let found = self.look_at_itself();
            found.is_ok_and(|found| found.mode & 0o2000 != 0)
        };
        is_set_group() || crate::rights::has_default_list(self.fd.as_fd())
    }
}

/// For what Linux alone does with the handle: watches, files without a name.
impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn flags(open: Open) -> (OFlags, Mode) {
    // Should a FIFO or a terminal take the place of a file, nobody waits for a writer, and it does
    // not become ours.
    let mut flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    flags |= match (open.read, open.write) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    if open.append {
        flags |= OFlags::APPEND;
    }
    flags |= match open.create {
        Create::Never => OFlags::empty(),
        Create::IfMissing => OFlags::CREATE,
        Create::New => OFlags::CREATE | OFlags::EXCL,
    };
    flags |= match open.sync {
        Sync::None => OFlags::empty(),
        Sync::Data => OFlags::DSYNC,
        Sync::All => OFlags::SYNC,
    };
    let mode = match (open.create, open.is_private) {
        // The kernel refuses a mode where nothing is made.
        (Create::Never, _) => Mode::empty(),
        (_, true) => Mode::from_raw_mode(0o600),
        (_, false) => Mode::from_raw_mode(0o666),
    };
    (flags, mode)
}

fn checked(file: OwnedFd) -> Result<OpenedFile, SystemError> {
    let found = look_at(file.as_fd(), "")?;
    regular(file.into(), found)
}

/// Looks at an open file.
///
/// # Errors
/// The disk.
pub(crate) fn look_at_file(file: &File) -> Result<Stat, SystemError> {
    look_at(file.as_fd(), "")
}

impl From<Dir> for OwnedFd {
    fn from(folder: Dir) -> Self {
        folder.fd
    }
}

impl From<OwnedFd> for Dir {
    /// Takes over a folder that was opened elsewhere.
    fn from(folder: OwnedFd) -> Self {
        Self::on_the_way(folder)
    }
}

impl TryFrom<&Dir> for File {
    type Error = io::Error;

    /// Opens the folder to lock it.
    fn try_from(folder: &Dir) -> io::Result<Self> {
        Ok(folder.reopen()?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walking_is_as_openat2() {
        let site = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(site.path().join("a/b")).expect("folders");
        std::fs::write(site.path().join("a/b/f"), "text").expect("a file");
        std::os::unix::fs::symlink("a", site.path().join("l")).expect("a link");
        let folder = Dir::open_ambient(site.path()).expect("a folder");
        for path in ["a/b", "a/b/f", "l/b", "a/none", "a/b/f/x", "l"] {
            let (whole, walked) = (
                folder.below(path, ON_THE_WAY, Mode::empty()),
                folder.walk(path.split('/'), ON_THE_WAY, Mode::empty()),
            );
            let same = match (whole, walked) {
                (Ok(_), Ok(_)) => true,
                (Err(whole), Err(walked)) => whole.is_absent() == walked.is_absent(),
                _ => false,
            };
            assert!(same, "{path}");
        }
    }

    #[test]
    fn a_folder_of_a_group_hands_it_down() {
        use std::os::unix::fs::PermissionsExt;
        let site = tempfile::tempdir().expect("a folder");
        let folder = Dir::open_ambient(site.path()).expect("a folder");
        assert!(!folder.hands_down_rights());
        let mode = std::fs::Permissions::from_mode(0o2755);
        std::fs::set_permissions(site.path(), mode).expect("ours");
        assert!(folder.hands_down_rights());
    }
}
