//! What a folder shows: what the guest may know of it, one entry at a time.

use std::os::fd::OwnedFd;
use std::vec;

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use super::bindings::types::{DescriptorType, DirectoryEntry};
use super::datasites_dir::{Known, known, look_at};
use super::guard::{Guard, Slot};
use super::guest_path::GuestPath;

/// A folder being listed.
pub struct Listing {
    entries: Dir,
    /// All of them in the order of their names, where the call is recorded: the same again.
    recorded: Option<vec::IntoIter<DirectoryEntry>>,
    path: GuestPath,
    guard: Guard,
    _slot: Slot,
}

/// What is read of a folder at a time.
pub(super) const LISTING_BYTES: usize = 32 << 10;

/// The most entries of a folder that are recorded.
const MOST_RECORDED: usize = 10_000;

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
            recorded: None,
            path,
            guard,
            _slot: slot,
        })
    }

    /// Has what the folder shows recorded, if the call is.
    pub(super) fn record(&mut self) -> Result<(), Errno> {
        let guard = self.guard.clone();
        let Some(noting) = guard.noting("list", &self.path) else {
            return Ok(());
        };
        let mut entries = Vec::new();
        while let Some(seen) = self.look_at_next() {
            entries.extend(seen?);
            if entries.len() > MOST_RECORDED {
                noting.too_many();
                break;
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        for entry in &entries {
            let path = self.path.child(&entry.name);
            guard.note_listed(&path);
        }
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        noting.end(names.join(", "));
        self.recorded = Some(entries.into_iter());
        Ok(())
    }

    /// Returns the next entry that the guest may know. What does not exist for guests is left out.
    pub(super) async fn next(&mut self) -> Result<Option<DirectoryEntry>, Errno> {
        if let Some(entries) = &mut self.recorded
            && let Some(entry) = entries.next()
        {
            return Ok(Some(entry));
        }
        let mut n_seen = 0;
        loop {
            n_seen += 1;
            if n_seen % ENTRIES_AT_ONCE == 0 {
                // A call of the guest could pass over millions, and be ended by no
                // limit.
                tokio::task::yield_now().await;
            }
            match self.look_at_next() {
                None => return Ok(None),
                Some(seen) => {
                    if let Some(entry) = seen? {
                        return Ok(Some(entry));
                    }
                }
            }
        }
    }

    /// Looks at one more entry, which the guest may know or not.
    fn look_at_next(&mut self) -> Option<Result<Option<DirectoryEntry>, Errno>> {
        let entry = match self.entries.read()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        // A guest cannot name what is not UTF-8.
        let name = entry.file_name().to_str().ok();
        let name = name.filter(|name| !matches!(*name, "." | ".."));
        let seen = name.and_then(|name| {
            let type_ = self.visible(name, entry.file_type())?;
            let name = name.to_owned();
            Some(DirectoryEntry { type_, name })
        });
        Some(Ok(seen))
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
