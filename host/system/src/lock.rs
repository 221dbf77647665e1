//! Locks between processes, which end with the process that holds them.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

#[cfg(unix)]
use crate::Dir;

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

#[cfg(test)]
mod tests {
    use super::*;

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
