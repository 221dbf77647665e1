//! Locks between processes, which end with the process that holds them.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::Dir;
use crate::{FileId, Stat, SystemError};

/// Keeps others from holding the same lock, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _held: File,
}

/// Waits until nobody else holds the lock of a file, which is made if need be, for its user alone.
///
/// # Errors
/// It cannot be had.
pub fn wait_for(path: &Path) -> io::Result<Lock> {
    let file = open(path)?;
    file.lock()?;
    Ok(Lock { _held: file })
}

/// As [`wait_for`], and `None` where somebody else holds it.
///
/// # Errors
/// It cannot be had.
pub fn try_for(path: &Path) -> io::Result<Option<Lock>> {
    try_lock(open(path)?)
}

/// Locks a folder that is open against others who do so; `None` where somebody has.
///
/// # Errors
/// The system or its file system does not lock folders.
#[cfg(unix)]
pub fn try_for_folder(folder: &Dir) -> io::Result<Option<Lock>> {
    try_lock(File::try_from(folder)?)
}

/// Locks a folder that is open against others who do so.
///
/// # Errors
/// Windows locks no folders.
#[cfg(windows)]
pub fn try_for_folder(_folder: &Dir) -> io::Result<Option<Lock>> {
    Err(io::ErrorKind::Unsupported.into())
}

fn try_lock(file: File) -> io::Result<Option<Lock>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _held: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opens a file to be locked by its own methods, which is made if need be, for its user alone. Who
/// has one lock of it and wants another has to let go of the first: Windows would wait for ever.
///
/// # Errors
/// It cannot be made or opened.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = crate::private::file_options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path)
}

/// Tells whether somebody holds the lock of a file.
pub fn is_held(path: &Path) -> bool {
    let opened = File::open(path);
    opened.is_ok_and(|file| file.try_lock_shared().is_err())
}

/// With whom something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// With all who hold it so.
    Shared,
    /// Alone.
    Alone,
}

/// What is held: a file or a folder that is open.
#[derive(Debug)]
pub struct Held {
    file: File,
}

impl Held {
    /// Looks at it.
    ///
    /// # Errors
    /// The disk.
    pub fn look(&self) -> Result<Stat, SystemError> {
        Stat::of(&self.file)
    }
}

/// Holds the file or the folder at a path, and no link, against those who hold it otherwise; `None`
/// where somebody does, or where it is no longer there.
///
/// # Errors
/// It cannot be had.
pub fn hold(path: &Path, how: Hold) -> io::Result<Option<Held>> {
    match try_to_hold(path, how) {
        Err(error) if is_held_or_gone(&error) => Ok(None),
        held => held,
    }
}

fn try_to_hold(path: &Path, how: Hold) -> io::Result<Option<Held>> {
    let held = Held {
        file: open_to_hold(path, how)?,
    };
    #[cfg(unix)]
    match how {
        Hold::Shared => held.file.try_lock_shared()?,
        Hold::Alone => held.file.try_lock()?,
    }
    // Somebody may have put another one in its place before it was held.
    let is_there = held.look()?.id == id_at(path)?;
    Ok(is_there.then_some(held))
}

#[cfg(unix)]
fn open_to_hold(path: &Path, _how: Hold) -> io::Result<File> {
    use rustix::fs::OFlags;
    // A link is not followed, and a pipe keeps nobody waiting.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = File::options();
    options.read(true);
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    options.open(path)
}

/// Returns which file is at a path; of a link, which that is.
#[cfg(unix)]
fn id_at(path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::symlink_metadata(path)?;
    Ok(FileId {
        device: found.dev(),
        file: found.ino(),
    })
}

/// Folders have no locks here. Whoever holds it with others keeps it from being deleted, and alone
/// it is had by who may delete it.
#[cfg(windows)]
fn open_to_hold(path: &Path, how: Hold) -> io::Result<File> {
    use windows_sys::Win32::Storage::FileSystem::{
        DELETE, FILE_READ_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
    };
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE;
    match how {
        Hold::Shared => open_itself(path, FILE_READ_ATTRIBUTES, share),
        Hold::Alone => {
            let access = FILE_READ_ATTRIBUTES | DELETE;
            open_itself(path, access, share | FILE_SHARE_DELETE)
        }
    }
}

#[cfg(windows)]
fn id_at(path: &Path) -> io::Result<FileId> {
    use windows_sys::Win32::Storage::FileSystem::{
        FILE_READ_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
    };
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    Ok(Stat::of(&open_itself(path, FILE_READ_ATTRIBUTES, share)?)?.id)
}

/// Opens a file or a folder; of a link, that itself.
#[cfg(windows)]
fn open_itself(path: &Path, access: u32, share: u32) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    use windows_sys::Win32::Storage::FileSystem::{
        FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    };
    let mut options = File::options();
    options
        .access_mode(access)
        .share_mode(share)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
    options.open(path)
}

fn is_held_or_gone(error: &io::Error) -> bool {
    let error = SystemError::from(error);
    matches!(error, SystemError::Busy | SystemError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_holds_something_alone_is_refused_while_others_do() {
        let site = tempfile::tempdir().expect("a folder");
        let (file, folder) = (site.path().join("f"), site.path().join("d"));
        std::fs::write(&file, "").expect("a file");
        std::fs::create_dir(&folder).expect("a folder");
        for path in [&file, &folder] {
            let held = hold(path, Hold::Shared).expect("asked").expect("free");
            let too = hold(path, Hold::Shared).expect("asked");
            assert!(too.is_some(), "with others");
            assert!(hold(path, Hold::Alone).expect("asked").is_none());
            drop((held, too));
            assert!(hold(path, Hold::Alone).expect("asked").is_some());
        }
        let gone = site.path().join("gone");
        assert!(hold(&gone, Hold::Alone).expect("asked").is_none());
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_is_not_held() {
        let site = tempfile::tempdir().expect("a folder");
        std::fs::write(site.path().join("f"), "").expect("a file");
        let link = site.path().join("l");
        std::os::unix::fs::symlink("f", &link).expect("a link");
        hold(&link, Hold::Alone).expect_err("it is a link");
    }

    #[test]
    fn whether_a_lock_is_held_is_known_to_others() {
        let site = tempfile::tempdir().expect("a folder");
        let path = site.path().join("lock");
        assert!(!is_held(&path), "it is not there");
        let held = wait_for(&path).expect("it is free");
        assert!(is_held(&path));
        drop(held);
        assert!(!is_held(&path));
    }

    #[test]
    fn one_holds_it_at_a_time() {
        let site = tempfile::tempdir().expect("a folder");
        let path = site.path().join("lock");
        let held = wait_for(&path).expect("it is free");
        assert!(try_for(&path).expect("asked").is_none());
        drop(held);
        assert!(try_for(&path).expect("asked").is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_has_one_too() {
        let site = tempfile::tempdir().expect("a folder");
        let open = || Dir::open_ambient(site.path()).expect("it opens");
        let held = try_for_folder(&open()).expect("asked").expect("it is free");
        assert!(try_for_folder(&open()).expect("asked").is_none());
        drop(held);
        assert!(try_for_folder(&open()).expect("asked").is_some());
    }
}
