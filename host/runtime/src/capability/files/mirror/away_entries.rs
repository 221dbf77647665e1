//! What is in a folder of another machine, as it comes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use syft_system::SystemError;

use super::super::bindings::FsResult;
use super::super::datasites_dir::Known;
use super::super::listing::{Entry, EntryKind};
use super::{Mirror, UNPOISONED};
use crate::wire::{FileNote, FileReply, FileWant, FolderPart, ListedEntry};

type Asking = Pin<Box<dyn Future<Output = FsResult<FolderPart>> + Send>>;

/// What is in a folder.
pub(in super::super) struct AwayEntries {
    mirror: Arc<Mirror>,
    here: VecDeque<ListedEntry>,
    /// By which the owner's host knows the rest.
    more: Option<u32>,
    /// Kept between polls: whoever lists may stop to wait and begin anew. Nobody holds the lock.
    asking: Mutex<Option<Asking>>,
}

impl AwayEntries {
    pub(super) fn new(mirror: &Arc<Mirror>, part: FolderPart) -> Self {
        Self {
            mirror: Arc::clone(mirror),
            here: part.entries.into(),
            more: part.more,
            asking: Mutex::default(),
        }
    }

    /// Returns the next entry that is here.
    pub(in super::super) fn next(&mut self) -> Option<Entry> {
        let ListedEntry { name, is_folder } = self.here.pop_front()?;
        let known = if is_folder {
            Known::Folder
        } else {
            Known::File
        };
        let found = EntryKind::Shown(known);
        Some(Entry { name, found })
    }

    /// Returns the entries that are here.
    pub(super) fn here(&self) -> &VecDeque<ListedEntry> {
        &self.here
    }

    /// Waits until an entry is here, if there is one.
    pub(in super::super) async fn fill(&mut self) -> FsResult<()> {
        while self.here.is_empty() && self.fetch().await? {}
        Ok(())
    }

    /// Waits for more entries; tells whether there was anything to wait for.
    pub(super) async fn fetch(&mut self) -> FsResult<bool> {
        poll_fn(|context| self.poll_fetch(context)).await
    }

    fn poll_fetch(&mut self, context: &mut Context<'_>) -> Poll<FsResult<bool>> {
        let Some(handle) = self.more else {
            return Poll::Ready(Ok(false));
        };
        let mirror = &self.mirror;
        let asking = self.asking.get_mut().expect(UNPOISONED);
        let under_way = asking.get_or_insert_with(|| Box::pin(ask(Arc::clone(mirror), handle)));
        let part = ready!(under_way.as_mut().poll(context));
        *asking = None;
        Poll::Ready(part.map(|part| {
            self.here.extend(part.entries);
            self.more = part.more;
            true
        }))
    }
}

async fn ask(mirror: Arc<Mirror>, handle: u32) -> FsResult<FolderPart> {
    match mirror.ask(FileWant::ListOn { handle }).await? {
        FileReply::Listed(part) => Ok(part),
        FileReply::Fault(fault) => Err(SystemError::from(fault).into()),
        _ => Err(mirror.mistold()),
    }
}

impl Drop for AwayEntries {
    fn drop(&mut self) {
        if let Some(handle) = self.more {
            self.mirror.note(FileNote::Closed(handle));
        }
    }
}
