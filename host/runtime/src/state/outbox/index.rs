//! What is held in memory of the outbox: how many messages are open, and what they take.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use syft_manifest::Limits;
use syft_manifest::units::show_size;
use thiserror::Error;
use tokio::sync::Notify;
use uuid::Uuid;

use super::OpenMessage;
use crate::state::StoreError;

/// Why an app may send no more messages for the time being.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutboxFull {
    /// Too many are open.
    #[error(
        "{0} messages of this app are not answered yet, or it was not told of their answers; \
         there are no more at one time"
    )]
    Messages(usize),
    /// Too many to one receiver are open.
    #[error("{1} messages of this app to {0} are not answered yet; there are no more at one time")]
    Receiver(String, usize),
    /// They take too much.
    #[error("the messages of this app that are not answered yet take {}, which is the most", show_size(*.0))]
    Bytes(u64),
}

/// How far a message is, as far as that decides what it counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// There is no outcome.
    Open,
    /// The app is to be told of the outcome.
    Untold,
    /// It is kept in case that somebody asks.
    Kept,
}

/// What is held of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) receiver: String,
    pub(super) bytes: u64,
    pub(super) weight: Weight,
}

/// What a look into the file finds.
pub(super) struct FoundMessages {
    pub(super) all: Vec<(Uuid, Entry)>,
    /// Those of which something is to be done.
    pub(super) open: Vec<OpenMessage>,
}

/// All messages of an app that are kept.
pub(crate) struct OutboxIndex {
    most_open: usize,
    most_per_receiver: usize,
    pub(super) most_bytes: u64,
    known: Mutex<Known>,
    arrived: Notify,
}

/// What is known, and what a transaction would change of it.
struct Known {
    messages: Messages,
    staged: Vec<(Uuid, Option<Entry>)>,
    staged_arrivals: Vec<OpenMessage>,
    arrived: Vec<OpenMessage>,
    /// It has to be read from the file.
    is_stale: bool,
    n_changes: u64,
}

#[derive(Default)]
struct Messages {
    entries: HashMap<Uuid, Entry>,
    open_to: HashMap<String, usize>,
    n_open: usize,
    open_bytes: u64,
    untold_bytes: u64,
    kept_bytes: u64,
}

impl Messages {
    fn set(&mut self, id: Uuid, entry: Option<Entry>) {
        let before = match entry.clone() {
            Some(entry) => self.entries.insert(id, entry),
            None => self.entries.remove(&id),
        };
        if let Some(before) = before {
            *self.bytes_of(before.weight) -= before.bytes;
            if before.weight != Weight::Kept {
                self.n_open -= 1;
                let n_open = self.open_to.get_mut(&before.receiver);
                let n_open = n_open.expect("it was counted");
                *n_open -= 1;
                if *n_open == 0 {
                    self.open_to.remove(&before.receiver);
                }
            }
        }
        if let Some(entry) = entry {
            *self.bytes_of(entry.weight) += entry.bytes;
            if entry.weight != Weight::Kept {
                self.n_open += 1;
                *self.open_to.entry(entry.receiver).or_default() += 1;
            }
        }
    }

    fn bytes_of(&mut self, weight: Weight) -> &mut u64 {
        match weight {
            Weight::Open => &mut self.open_bytes,
            Weight::Untold => &mut self.untold_bytes,
            Weight::Kept => &mut self.kept_bytes,
        }
    }
}

impl OutboxIndex {
    pub(in crate::state) fn new(limits: &Limits) -> Self {
        Self {
            most_open: limits.open_messages,
            most_per_receiver: limits.open_messages_per_receiver,
            most_bytes: limits.outbox_bytes,
            known: Mutex::new(Known {
                messages: Messages::default(),
                staged: Vec::new(),
                staged_arrivals: Vec::new(),
                arrived: Vec::new(),
                is_stale: true,
                n_changes: 0,
            }),
            arrived: Notify::new(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of this lock panics")
    }

    pub(super) fn n_open(&self) -> usize {
        self.known().messages.n_open
    }

    /// Tells whether there is room for another message beside those that are queued.
    pub(super) fn room(
        &self,
        receiver: &str,
        n_queued: usize,
        queued_bytes: u64,
    ) -> Result<(), OutboxFull> {
        let known = self.known();
        let messages = &known.messages;
        let open_to = messages.open_to.get(receiver).copied().unwrap_or(0);
        if messages.n_open + n_queued >= self.most_open {
            return Err(OutboxFull::Messages(self.most_open));
        }
        if open_to + n_queued >= self.most_per_receiver {
            return Err(OutboxFull::Receiver(
                receiver.to_owned(),
                self.most_per_receiver,
            ));
        }
        if messages.open_bytes + queued_bytes > self.most_bytes {
            return Err(OutboxFull::Bytes(self.most_bytes));
        }
        Ok(())
    }

    pub(super) fn has_room_for_outcomes(&self) -> bool {
        self.known().messages.untold_bytes < self.most_bytes
    }

    /// Returns what is kept of messages for which somebody may ask, in bytes.
    pub(super) fn kept_bytes(&self) -> u64 {
        self.known().messages.kept_bytes
    }

    /// Takes note of what a transaction is about to change.
    pub(super) fn stage(&self, id: Uuid, entry: Option<Entry>) {
        self.known().staged.push((id, entry));
    }

    /// Takes note of a message that a transaction is about to keep.
    pub(super) fn stage_arrival(&self, message: OpenMessage) {
        self.known().staged_arrivals.push(message);
    }

    /// Takes note that a transaction is forced.
    pub(in crate::state) fn committed(&self) {
        let mut known = self.known();
        for (id, entry) in std::mem::take(&mut known.staged) {
            known.messages.set(id, entry);
            known.n_changes += 1;
        }
        let arrivals = std::mem::take(&mut known.staged_arrivals);
        if !arrivals.is_empty() {
            known.arrived.extend(arrivals);
            drop(known);
            self.arrived.notify_one();
        }
    }

    /// Takes note that a transaction failed. The disk may have failed before or after it took
    /// hold: a look into the file decides.
    pub(in crate::state) fn failed(&self) {
        let mut known = self.known();
        if known.staged.is_empty() && known.staged_arrivals.is_empty() {
            return;
        }
        known.staged.clear();
        known.staged_arrivals.clear();
        known.is_stale = true;
        drop(known);
        self.arrived.notify_one();
    }

    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Returns what has arrived since the last time.
    pub(super) fn take_arrived(&self) -> Vec<OpenMessage> {
        std::mem::take(&mut self.known().arrived)
    }

    /// Takes all from what `read` finds in the file, where nothing certain is known. What has to
    /// be done about messages counts as arrived then.
    pub(super) fn load(
        &self,
        read: impl Fn() -> Result<FoundMessages, StoreError>,
    ) -> Result<(), StoreError> {
        loop {
            let n_changes = {
                let known = self.known();
                if !known.is_stale {
                    return Ok(());
                }
                known.n_changes
            };
            // Not under the lock, which the thread that commits takes.
            let FoundMessages { all, open } = read()?;
            let mut known = self.known();
            if known.n_changes != n_changes {
                continue;
            }
            known.is_stale = false;
            known.arrived = open;
            known.messages = Messages::default();
            for (id, entry) in all {
                known.messages.set(id, Some(entry));
            }
        }
    }
}
