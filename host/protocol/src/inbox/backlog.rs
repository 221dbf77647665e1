//! What lies in the tree and does not stand in line yet. A sender has one request in line,
//! and the next one takes its place: so many may lie there and few are kept in mind.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::vec;

use crate::address::{Address, Folder, RequestId};

/// Requests that are kept in mind of one sender, and of all, where there are not so many
/// senders that each has the fewest. What is left out is found again by a later scan.
const MOST_OF_ONE: usize = 50_000;
const MOST_OF_ALL: usize = 1_000_000;
const FEWEST_OF_ONE: usize = 16;

/// Requests that a scan has found in a folder.
#[derive(Clone, Debug)]
pub struct Found {
    /// The folder.
    pub folder: Arc<Folder>,
    /// The requests.
    pub ids: Vec<RequestId>,
    /// They are what comes first in the folder: what was found there before is out of
    /// date. Otherwise they are found beside it.
    pub is_first: bool,
}

/// What was found of each sender and has not been in line since. All those that no folder
/// is named for are one.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    senders: HashMap<Option<Arc<str>>, Own>,
    /// Of all of them together: who asks for it does not wait for a count.
    length: usize,
    /// Those of whom something was left out.
    short: HashSet<Option<Arc<str>>>,
}

/// What was found of one sender. Its folders take turns.
#[derive(Debug, Default)]
struct Own {
    piles: VecDeque<Pile>,
    length: usize,
}

/// What is left of one folder.
#[derive(Debug)]
struct Pile {
    folder: Arc<Folder>,
    ids: vec::IntoIter<RequestId>,
}

impl Backlog {
    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Takes what a scan has found in a folder.
    pub(super) fn add(&mut self, found: Found) {
        let sender = found.folder.sender_name().cloned();
        let most = (MOST_OF_ALL / self.senders.len().max(1)).clamp(FEWEST_OF_ONE, MOST_OF_ONE);
        let own = self.senders.entry(sender.clone()).or_default();
        let before = own.length;
        if found.is_first {
            own.forget(&found.folder);
        }
        let mut ids = found.ids;
        if own.length + ids.len() > most {
            ids.truncate(most.saturating_sub(own.length));
            self.short.insert(sender);
        }
        own.length += ids.len();
        self.length = self.length - before + own.length;
        own.piles.push_back(Pile {
            folder: found.folder,
            ids: ids.into_iter(),
        });
    }

    /// Returns the next one of a sender.
    pub(super) fn next(&mut self, sender: &Option<Arc<str>>) -> Option<Address> {
        let own = self.senders.get_mut(sender)?;
        while let Some(mut pile) = own.piles.pop_front() {
            if let Some(id) = pile.ids.next() {
                let address = Address::new(Arc::clone(&pile.folder), id);
                own.piles.push_back(pile);
                own.length -= 1;
                self.length -= 1;
                return Some(address);
            }
        }
        self.senders.remove(sender);
        None
    }

    /// Tells whether nothing is in mind of a sender any more, of whom something was left
    /// out, and forgets that.
    pub(super) fn has_run_short(&mut self, sender: &Option<Arc<str>>) -> bool {
        !self.senders.contains_key(sender) && self.short.remove(sender)
    }
}

impl Own {
    fn forget(&mut self, folder: &Folder) {
        self.piles.retain(|pile| *pile.folder != *folder);
        self.length = self.piles.iter().map(|pile| pile.ids.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &[&str], ids: std::ops::Range<usize>, is_first: bool) -> Found {
        let id = |n| RequestId::parse(&format!("00000000-0000-4000-8000-{n:012}"));
        Found {
            folder: Arc::new(Folder::parse(path).expect("a folder")),
            ids: ids.map(|n| id(n).expect("an id")).collect(),
            is_first,
        }
    }

    fn rest(backlog: &mut Backlog, sender: Option<&str>) -> Vec<String> {
        let sender = sender.map(Arc::from);
        std::iter::from_fn(|| backlog.next(&sender))
            .map(|address| {
                let id = address.id().to_string();
                format!("{}{}", address.endpoint(), id[24..].trim_start_matches('0'))
            })
            .collect()
    }

    #[test]
    fn the_folders_of_a_sender_take_turns() {
        let mut backlog = Backlog::default();
        backlog.add(found(&["a"], 1..4, true));
        backlog.add(found(&["b"], 4..6, true));
        assert_eq!(
            rest(&mut backlog, None),
            ["/a1", "/b4", "/a2", "/b5", "/a3"]
        );
        assert!(backlog.senders.is_empty());
        assert_eq!(backlog.len(), 0);
    }

    #[test]
    fn a_new_scan_of_a_folder_knows_better_and_its_next_part_adds_to_it() {
        let mut backlog = Backlog::default();
        backlog.add(found(&["a", "b@x.org"], 1..9, true));
        backlog.add(found(&["a", "b@x.org"], 1..3, true));
        backlog.add(found(&["a", "b@x.org"], 5..6, false));
        assert_eq!(backlog.len(), 3);
        assert_eq!(rest(&mut backlog, Some("b@x.org")), ["/a1", "/a5", "/a2"]);
    }

    #[test]
    fn what_is_left_out_of_a_flood_is_asked_for_once_the_rest_has_gone() {
        let mut backlog = Backlog::default();
        let sender = Some(Arc::from("b@x.org"));
        backlog.add(found(&["a", "b@x.org"], 1..MOST_OF_ONE + 9, true));
        backlog.add(found(&["a", "c@x.org"], 1..2, true));
        assert_eq!(backlog.senders[&sender].length, MOST_OF_ONE);
        assert!(!backlog.has_run_short(&sender));
        assert_eq!(rest(&mut backlog, Some("b@x.org")).len(), MOST_OF_ONE);
        assert!(backlog.has_run_short(&sender));
        assert!(!backlog.has_run_short(&sender));
        assert_eq!(rest(&mut backlog, Some("c@x.org")), ["/a1"]);
    }
}
