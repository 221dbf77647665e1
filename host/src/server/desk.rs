//! Where everything about requests is decided: the inbox, and what belongs to it.

use std::collections::HashMap;
use std::sync::Arc;

use syft_protocol::address::Address;
use syft_protocol::inbox::{self, Action, Inbox, Loaded, Now};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};

use super::suspects::Suspects;
use crate::journal::Entry;
use crate::memory::Room;
use crate::tree::Tree;

/// The inbox, with what is held against requests and what those at work hold. It is
/// behind a lock, which is held for as long as it takes to decide and no longer.
pub(super) struct Desk {
    pub(super) inbox: Inbox,
    pub(super) suspects: Suspects,
    tree: Arc<Tree>,
    /// What requests at work hold.
    held: HashMap<Address, Box<Held>>,
    /// Tasks that carry out one action after the other, and how many there may be. More
    /// than keep the processors busy would only stand in line there, where senders take
    /// no turns.
    n_workers: usize,
    most_workers: usize,
}

// Why: docs/decisions/20-workers-ask-for-work.md
/// What a request holds while it is at work.
pub(super) struct Held {
    pub(super) entry: Entry,
    /// No other is at work during which the host has crashed repeatedly.
    pub(super) _alone: Option<OwnedMutexGuard<()>>,
    /// For its memory, where there is any.
    pub(super) _memory: Option<(OwnedSemaphorePermit, Room)>,
}

/// What came of an action.
pub(super) enum Done {
    /// A request was opened and read.
    Loaded(Address, Loaded, Option<Box<Held>>),
    /// Work on a request ended.
    Closed(Address, inbox::Closed),
}

impl Desk {
    pub(super) fn new(
        inbox: Inbox,
        suspects: Suspects,
        tree: Arc<Tree>,
        most_workers: usize,
    ) -> Self {
        Self {
            inbox,
            suspects,
            tree,
            held: HashMap::new(),
            n_workers: 0,
            most_workers,
        }
    }

    /// Returns the app's folder.
    pub(super) fn tree(&self) -> Arc<Tree> {
        Arc::clone(&self.tree)
    }

    /// Has all that follows happen in another folder.
    pub(super) fn move_to(&mut self, tree: &Arc<Tree>) {
        self.tree = Arc::clone(tree);
    }

    /// Returns something to do for one worker more, if there may be one.
    pub(super) fn hire(&mut self, now: Now) -> Option<Action> {
        if self.n_workers >= self.most_workers {
            return None;
        }
        let action = self.inbox.poll(now)?;
        self.n_workers += 1;
        Some(action)
    }

    /// Returns the next thing to do for a worker. One that gets nothing is one no more.
    pub(super) fn next(&mut self, now: Now) -> Option<Action> {
        let action = self.inbox.poll(now);
        self.n_workers -= usize::from(action.is_none());
        action
    }

    /// Counts one worker less: it has to wait.
    pub(super) fn dismiss(&mut self) {
        self.n_workers -= 1;
    }

    /// Takes note of what came of an action.
    pub(super) fn take_note(&mut self, now: Now, done: Done) {
        match done {
            Done::Loaded(address, loaded, held) => {
                if let Some(held) = held {
                    self.held.insert(address.clone(), held);
                }
                self.inbox
                    .handle(now, inbox::Event::Loaded(address.clone(), loaded));
                if !self.inbox.is_busy(&address) {
                    self.held.remove(&address);
                    self.suspects.ended(&self.inbox, &address);
                }
            }
            Done::Closed(address, closed) => {
                let held = self.held.remove(&address);
                self.inbox
                    .handle(now, inbox::Event::Closed(address.clone(), closed));
                self.suspects.ended(&self.inbox, &address);
                if let (Some(held), inbox::Closed::Answered) = (held, closed) {
                    held.entry.answered();
                }
            }
        }
    }
}
