//! What a folder shows: what the guest may know of it, one entry at a time.

use std::collections::HashSet;
use std::vec;

use syft_system::{FileType, Stat, SystemError};

use super::bindings::FsResult;
use super::bindings::types::{DescriptorType, DirectoryEntry};
use super::datasites_dir::{Known, known};
use super::guard::{Guard, Slot};
use super::guest_path::GuestPath;
use super::staging::Children;
use super::tree::InFolder;

/// A folder being listed.
pub struct Listing {
    entries: Entries,
    /// All of them in the order of their names, where the call is recorded: the same again.
    recorded: Option<vec::IntoIter<DirectoryEntry>>,
    path: GuestPath,
    guard: Guard,
    _slot: Slot,
}

/// What is in a folder for the call: what is in the tree and was not changed, and what the call
/// has put there.
pub(super) struct Entries {
    in_tree: InFolder,
    are_in_tree_shown: bool,
    hidden: HashSet<String>,
    added: vec::IntoIter<(String, Known)>,
}

/// One thing in a folder.
pub(super) struct Entry {
    /// `None` where it is no text.
    pub(super) name: Option<String>,
    pub(super) found: EntryKind,
}

/// What one thing in a folder is.
#[derive(Clone, Copy)]
pub(super) enum EntryKind {
    /// `None` where the file system does not say.
    InTree(Option<FileType>),
    Staged(Known),
    /// The owner's host has shown it to the call.
    Shown(Known),
}

impl Entries {
    pub(super) fn new(in_tree: InFolder, children: Option<Children>) -> Self {
        let children = children.unwrap_or_else(|| Children {
            are_in_tree: true,
            hidden: HashSet::new(),
            added: Vec::new(),
        });
        Self {
            in_tree,
            are_in_tree_shown: children.are_in_tree,
            hidden: children.hidden,
            added: children.added.into_iter(),
        }
    }

    /// Waits for what is not here yet.
    pub(super) async fn fill(&mut self) -> FsResult<()> {
        match &mut self.in_tree {
            InFolder::Here(_) => Ok(()),
            InFolder::Away(entries) => entries.fill().await,
        }
    }

    /// Returns the next of them.
    pub(super) fn next(&mut self) -> Option<Result<Entry, SystemError>> {
        while self.are_in_tree_shown {
            let entry = match self.in_tree.next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            };
            let is_hidden = |name: &String| self.hidden.contains(name);
            if !entry.name.as_ref().is_some_and(is_hidden) {
                return Some(Ok(entry));
            }
        }
        let (name, known) = self.added.next()?;
        Some(Ok(Entry {
            name: Some(name),
            found: EntryKind::Staged(known),
        }))
    }

    /// Looks at one that is in the tree.
    fn look(&self, name: &str) -> Result<Stat, SystemError> {
        match &self.in_tree {
            InFolder::Here(folder) => folder.look(name),
            InFolder::Away(_) => Err(SystemError::NotFound),
        }
    }
}

impl InFolder {
    fn next(&mut self) -> Option<Result<Entry, SystemError>> {
        match self {
            Self::Away(entries) => entries.next().map(Ok),
            Self::Here(folder) => Some(folder.next()?.map(|entry| Entry {
                name: entry.name,
                found: EntryKind::InTree(entry.kind),
            })),
        }
    }
}

/// What is read of a folder at a time.
const LISTING_BYTES: usize = 32 << 10;

/// The most entries of a folder that are recorded.
const MOST_RECORDED: usize = 10_000;

/// Entries that are looked at before others have their turn.
const ENTRIES_AT_ONCE: usize = 256;

impl Guard {
    /// Lists a folder.
    pub(super) fn listing(&self, path: GuestPath) -> FsResult<Listing> {
        let access = self.access(path);
        let granted = self.enforce(access.see())?;
        let mut slot = self.open_slot(granted.path(), "list")?;
        let entries = granted.list()?;
        slot.hold(granted.path().bytes() + LISTING_BYTES)?;
        let mut listing = Listing::new(entries, access.into_path(), self.clone(), slot);
        listing.record()?;
        Ok(listing)
    }
}

impl Listing {
    pub(super) fn new(entries: Entries, path: GuestPath, guard: Guard, mut slot: Slot) -> Self {
        slot.opened();
        Self {
            entries,
            recorded: None,
            path,
            guard,
            _slot: slot,
        }
    }

    /// Has what the folder shows recorded, if the call is.
    pub(super) fn record(&mut self) -> Result<(), SystemError> {
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
    pub(super) async fn next(&mut self) -> FsResult<Option<DirectoryEntry>> {
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
            self.entries.fill().await?;
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
    fn look_at_next(&mut self) -> Option<Result<Option<DirectoryEntry>, SystemError>> {
        let entry = match self.entries.next()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        let seen = entry.name.and_then(|name| {
            let type_ = self.visible(&name, entry.found)?;
            Some(DirectoryEntry { type_, name })
        });
        Some(Ok(seen))
    }

    fn visible(&self, name: &str, found: EntryKind) -> Option<DescriptorType> {
        let access = self.guard.access(self.path.child(name));
        let found = match found {
            EntryKind::Shown(Known::File) => return Some(DescriptorType::RegularFile),
            EntryKind::Shown(Known::Folder) => return Some(DescriptorType::Directory),
            EntryKind::Staged(known) => known,
            EntryKind::InTree(Some(FileType::Folder)) => Known::Folder,
            // Looking costs more than asking.
            EntryKind::InTree(Some(FileType::File)) if access.read().is_err() => return None,
            EntryKind::InTree(Some(FileType::File) | None) => {
                known(&self.entries.look(name).ok()?).ok()?
            }
            EntryKind::InTree(_) => return None,
        };
        let (is_visible, type_) = match found {
            Known::File => (access.read().is_ok(), DescriptorType::RegularFile),
            Known::Folder => (access.see().is_ok(), DescriptorType::Directory),
        };
        is_visible.then_some(type_)
    }
}
