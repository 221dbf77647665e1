//! What a folder shows: what the guest may know of it, one entry at a time.

use std::os::fd::OwnedFd;

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use super::bindings::types::{DescriptorType, DirectoryEntry};
use super::datasites_dir::{Known, known, look_at};
use super::guard::{Guard, Slot};
use super::guest_path::GuestPath;

/// A folder being listed.
pub struct Listing {
    entries: Dir,
    path: GuestPath,
    guard: Guard,
    _slot: Slot,
}

/// What is read of a folder at a time.
pub(super) const LISTING_BYTES: usize = 32 << 10;

/// Entries that are looked at before others have their turn.
const ENTRIES_AT_ONCE: usize = 256;

impl Listing {
    pub(super) fn new(
        folder: OwnedFd,
        path: GuestPath,
        guard: Guard,
        mut slot: Slot,
    ) -> Result<Self, Errno> {
        let entries = Dir::new(folder)?;
        slot.opened();
        Ok(Self {
            entries,
            path,
            guard,
            _slot: slot,
        })
    }

    /// Returns the next entry that the guest may know. What does not exist for guests is left out.
    pub(super) async fn next(&mut self) -> Result<Option<DirectoryEntry>, Errno> {
        let mut n_seen = 0;
        loop {
            n_seen += 1;
            if n_seen % ENTRIES_AT_ONCE == 0 {
                // A call of the guest could pass over millions, and be ended by no
                // limit.
                tokio::task::yield_now().await;
            }
            let Some(entry) = self.entries.read() else {
                return Ok(None);
            };
            let entry = entry?;
            // A guest cannot name what is not UTF-8.
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if matches!(name, "." | "..") {
                continue;
            }
            if let Some(type_) = self.visible(name, entry.file_type()) {
                let name = name.to_owned();
                return Ok(Some(DirectoryEntry { type_, name }));
            }
        }
    }

    fn visible(&self, name: &str, file_type: FileType) -> Option<DescriptorType> {
        let access = self.guard.access(self.path.child(name));
        let found = match file_type {
            FileType::Directory => Known::Folder,
            // Looking costs more than asking.
            FileType::RegularFile if access.read().is_err() => return None,
            FileType::RegularFile | FileType::Unknown => {
                known(&look_at(self.entries.fd().ok()?, name).ok()?).ok()?
            }
            _ => return None,
        };
        let (is_visible, type_) = match found {
            Known::File => (access.read().is_ok(), DescriptorType::RegularFile),
            Known::Folder => (access.see().is_ok(), DescriptorType::Directory),
        };
        is_visible.then_some(type_)
    }
}
