//! What is in a folder, on Linux.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir as RustixDir, Mode, openat, unlinkat};
use rustix::io::Errno;

use super::DirEntry;
use super::linux::TO_READ;
use super::looks_linux::{kind, look_at};
use crate::{Stat, SystemError, names::check};

/// What is in a folder, one name after the other.
pub struct DirEntries(RustixDir);

impl DirEntries {
    /// Takes a folder that was opened to be read.
    pub(super) fn of(folder: OwnedFd) -> Result<Self, SystemError> {
        Ok(Self(RustixDir::new(folder)?))
    }

    /// Looks at a name in the folder; at a link itself.
    ///
    /// # Errors
    /// Nothing has the name.
    pub fn look(&self, name: &str) -> Result<Stat, SystemError> {
        check(name)?;
        look_at(self.0.fd()?, name)
    }
}

impl Iterator for DirEntries {
    type Item = Result<DirEntry, SystemError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.0.read()? {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error.into())),
            };
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                return Some(Ok(DirEntry {
                    name: name.to_str().ok().map(str::to_owned),
                    kind: kind(entry.file_type()),
                }));
            }
        }
    }
}

/// Removes what is in a folder, also what has a name that is no text.
pub(super) fn remove_below(folder: OwnedFd, spared: &[&str]) -> Result<(), Errno> {
    for entry in RustixDir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_spared = spared
            .iter()
            .any(|spared| spared.as_bytes() == name.to_bytes());
        if is_spared || matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match unlinkat(&folder, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => {
                remove_below(openat(&folder, name, TO_READ, Mode::empty())?, &[])?;
                unlinkat(&folder, name, AtFlags::REMOVEDIR)?;
            }
            removed => removed?,
        }
    }
    Ok(())
}
