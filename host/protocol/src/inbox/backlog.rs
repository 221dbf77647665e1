//! What lies in the tree and does not stand in line yet. A sender has one request in line,
//! and the next one takes its place: so many may lie there and few are kept in mind.

use std::collections::HashMap;
use std::sync::Arc;
use std::vec;

use crate::address::{Address, Folder, RequestId};

/// Requests that a scan has found in a folder.
#[derive(Clone, Debug)]
pub struct Found {
    /// The folder.
    pub folder: Arc<Folder>,
    /// The requests.
    pub ids: Vec<RequestId>,
}

/// What was found of each sender and has not been in line since. All those that no folder
/// is named for are one.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    senders: HashMap<Option<Arc<str>>, Vec<(Arc<Folder>, vec::IntoIter<RequestId>)>>,
}

impl Backlog {
    /// Takes what a scan has found in a folder.
    pub(super) fn add(&mut self, found: Found) {
        let sender = found.folder.sender_name().cloned();
        let own = self.senders.entry(sender).or_default();
        own.push((found.folder, found.ids.into_iter()));
    }

    /// Forgets everything: a newer scan knows better.
    pub(super) fn clear(&mut self) {
        self.senders.clear();
    }

    /// Returns the next one of a sender.
    pub(super) fn next(&mut self, sender: &Option<Arc<str>>) -> Option<Address> {
        let own = self.senders.get_mut(sender)?;
        while let Some((folder, ids)) = own.last_mut() {
            match ids.next() {
                Some(id) => return Some(Address::new(Arc::clone(folder), id)),
                None => drop(own.pop()),
            }
        }
        self.senders.remove(sender);
        None
    }
}
