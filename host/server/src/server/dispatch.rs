//! The dispatcher: hands the inbox's actions to workers and takes their results.

use std::collections::HashMap;
use std::sync::Arc;

use syft_protocol::address::Address;
use syft_protocol::inbox::{self, Action, Inbox, Loaded};
use syft_protocol::now::Now;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};

use super::crash_suspects::CrashSuspects;
use crate::journal::JournalEntry;
use crate::tree::Tree;
use syft_runtime::memory::Room;

/// The inbox, with the requests suspected of crashes and the resources of requests at work. It
/// is behind a lock, which is held only while something is decided.
pub(super) struct Dispatcher {
    pub(super) inbox: Inbox,
    pub(super) suspects: CrashSuspects,
    tree: Arc<Tree>,
    /// The resources of requests at work.
    held: HashMap<Address, Box<HeldResources>>,
    /// Tasks that carry out one action after the other, and their bound. More tasks than
    /// processors would queue for a processor, and that queue is not fair to senders.
    n_workers: usize,
    most_workers: usize,
}

// Why: docs/decisions/20-workers-ask-for-work.md
/// What a request holds while it is at work.
pub(super) struct HeldResources {
    pub(super) entry: JournalEntry,
    /// No other is at work during which the host has crashed repeatedly.
    pub(super) _alone: Option<OwnedMutexGuard<()>>,
    /// For its memory, where there is any.
    pub(super) _memory: Option<(OwnedSemaphorePermit, Room)>,
}

/// The result of an action.
pub(super) enum Finished {
    /// A request was opened and read.
    Loaded(Address, Loaded, Option<Box<HeldResources>>),
    /// Work on a request ended.
    Closed(Address, inbox::Closed),
}

impl Dispatcher {
    pub(super) fn new(
        inbox: Inbox,
        suspects: CrashSuspects,
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

    /// Carries out all later actions in another folder.
    pub(super) fn move_to(&mut self, tree: &Arc<Tree>) {
        self.tree = Arc::clone(tree);
    }

    /// Returns the first action of another worker, if there is room for one.
    pub(super) fn start_worker(&mut self, now: Now) -> Option<Action> {
        if self.n_workers >= self.most_workers {
            return None;
        }
        let action = self.poll(now)?;
        self.n_workers += 1;
        Some(action)
    }

    /// Returns the next action of a worker, or `None` when idle; the worker then exits.
    pub(super) fn next(&mut self, now: Now) -> Option<Action> {
        let action = self.poll(now);
        self.n_workers -= usize::from(action.is_none());
        action
    }

    fn poll(&mut self, now: Now) -> Option<Action> {
        let action = self.inbox.poll(now)?;
        if let Action::Refuse(address, ..) = &action {
            // Before the refusal can be seen: the host may crash in the next call, which would
            // end this without a record.
            self.suspects.park_if_given_up(&self.inbox, address);
        }
        Some(action)
    }

    /// Makes room for another worker, since this one has to wait.
    pub(super) fn park_worker(&mut self) {
        self.n_workers -= 1;
    }

    /// Records the result of an action.
    pub(super) fn finish(&mut self, now: Now, done: Finished) {
        match done {
            Finished::Loaded(address, loaded, held) => {
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
            Finished::Closed(address, closed) => {
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
