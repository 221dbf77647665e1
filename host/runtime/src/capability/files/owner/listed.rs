//! What is in a folder, for a worker: what the guest may know of it, or all of it where the call
//! moves or removes it.

use syft_system::SystemError;

use super::super::bindings::types::DescriptorType;
use super::super::datasites_dir::{Known, known};
use super::super::guard::Slot;
use super::super::guest_path::GuestPath;
use super::super::listing::{Entries, Entry, Listing};
use super::{Answered, Held, OwnerFiles, Refused, path};
use crate::wire::{FileReply, FolderPart, ListPurpose, ListedEntry, MOST_ENTRIES};

/// A folder being listed.
pub(super) enum Listed {
    /// What the guest may know.
    Shown(Listing),
    /// All that is there, and what for.
    All {
        entries: Entries,
        path: GuestPath,
        purpose: ListPurpose,
        _slot: Slot,
    },
}

impl OwnerFiles {
    pub(super) async fn list(&self, text: &str, purpose: ListPurpose) -> Answered {
        let listed = self.listed(path(text)?, purpose)?;
        self.part_of(Box::new(listed), None).await
    }

    pub(super) async fn list_on(&self, handle: u32) -> Answered {
        let held = self.handles().take(handle);
        match held {
            Some(Held::Folder(listed)) => self.part_of(listed, Some(handle)).await,
            _ => Err(Refused::Breach("it lists what is not open")),
        }
    }

    /// Opens a folder. What may not be listed is nothing to the worker, whose guard refuses it.
    fn listed(&self, path: GuestPath, purpose: ListPurpose) -> Result<Listed, Refused> {
        let guard = self.guard();
        let access = guard.access(path.clone());
        if purpose == ListPurpose::Show {
            access
                .see()
                .map_err(|_| Refused::Fault(SystemError::NotFound))?;
            return Ok(Listed::Shown(guard.listing(path)?));
        }
        let granted = access
            .write()
            .map_err(|_| Refused::Fault(SystemError::NotFound))?;
        let entries = granted.list()?;
        let mut slot = guard.open_slot(&path, "list")?;
        slot.opened();
        Ok(Listed::All {
            entries,
            path,
            purpose,
            _slot: slot,
        })
    }

    /// Returns the next of a folder, which stays open if there may be more.
    async fn part_of(&self, mut listed: Box<Listed>, handle: Option<u32>) -> Answered {
        let mut entries = Vec::new();
        let mut has_more = true;
        while has_more && entries.len() < MOST_ENTRIES {
            match self.next_of(&mut listed).await? {
                Some(entry) => entries.push(entry),
                None => has_more = false,
            }
        }
        let more = match (has_more, handle) {
            (false, _) => None,
            (true, None) => Some(self.handles().add(Held::Folder(listed))),
            (true, Some(handle)) => {
                self.handles().put_back(handle, listed);
                Some(handle)
            }
        };
        Ok(FileReply::Listed(FolderPart { entries, more }))
    }

    async fn next_of(&self, listed: &mut Listed) -> Result<Option<ListedEntry>, Refused> {
        match listed {
            Listed::Shown(listing) => {
                let entry = listing.next().await?;
                Ok(entry.map(|entry| ListedEntry {
                    is_folder: entry.type_ == DescriptorType::Directory,
                    name: Some(entry.name),
                }))
            }
            Listed::All {
                entries,
                path,
                purpose,
                ..
            } => match entries.next() {
                Some(entry) => Ok(Some(self.unshown(path, *purpose, entry?)?)),
                None => Ok(None),
            },
        }
    }

    /// Returns an entry that the guest is not shown. Where it is to be moved and may not be, that is
    /// refused here, so that the worker learns no name that is not the call's to know.
    fn unshown(
        &self,
        folder: &GuestPath,
        purpose: ListPurpose,
        entry: Entry,
    ) -> Result<ListedEntry, Refused> {
        let guard = self.guard();
        let Some(name) = entry.name else {
            return Ok(ListedEntry {
                name: None,
                is_folder: false,
            });
        };
        let access = guard.access(folder.child(&name));
        let written = match purpose {
            ListPurpose::Move => Some(guard.enforce(access.write())?),
            ListPurpose::Show | ListPurpose::Remove => access.write().ok(),
        };
        let found = written.and_then(|granted| granted.look().ok());
        let is_known = found.is_some() || access.read().is_ok() || access.see().is_ok();
        Ok(ListedEntry {
            is_folder: found.is_some_and(|stat| known(&stat) == Ok(Known::Folder)),
            name: is_known.then_some(name),
        })
    }
}
