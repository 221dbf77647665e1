//! Calls that wait for what becomes of messages.

use std::collections::HashSet;
use std::time::Instant;

use syft_protocol::outbox::MessageOutcome;
use syft_runtime::capability::messages::{Receive, ReceiveError, Received, Until};
use syft_runtime::state::{KeptOutcome, Store};
use uuid::Uuid;

/// Calls that wait.
#[derive(Default)]
pub(super) struct Waiting(Vec<Waiter>);

struct Waiter {
    receive: Receive,
    /// Of which it is not known what becomes of them.
    open: HashSet<Uuid>,
}

impl Waiter {
    fn is_due(&self, now: Instant) -> bool {
        let is_enough = match self.receive.until {
            Until::All => self.open.is_empty(),
            Until::Any => self.open.len() < self.receive.ids.len(),
        };
        is_enough || self.receive.deadline <= now
    }
}

impl Waiting {
    /// Has a call wait. `open` are those of its messages of which nothing is known.
    pub(super) fn add(&mut self, receive: Receive, open: HashSet<Uuid>) {
        self.0.push(Waiter { receive, open });
    }

    /// Takes note that it is known what became of a message.
    pub(super) fn ended(&mut self, id: Uuid) {
        for waiter in &mut self.0 {
            waiter.open.remove(&id);
        }
    }

    /// Returns the calls that are to be answered now, and lets those go that have ended.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Receive> {
        self.0.retain(|waiter| !waiter.receive.reply.is_closed());
        let is_due = |waiter: &mut Waiter| waiter.is_due(now);
        let due = self.0.extract_if(.., is_due);
        due.map(|waiter| waiter.receive).collect()
    }

    /// Returns when the next one is to be answered, whatever is known by then.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        self.0.iter().map(|waiter| waiter.receive.deadline).min()
    }
}

/// Returns those of the messages of which nothing is known.
pub(super) fn open_ones(store: &Store, ids: &[Uuid]) -> Result<HashSet<Uuid>, ReceiveError> {
    let mut open = HashSet::new();
    for id in ids {
        match store.is_ended(*id).map_err(unavailable)? {
            None => return Err(ReceiveError::Unknown(*id)),
            Some(true) => {}
            Some(false) => {
                open.insert(*id);
            }
        }
    }
    Ok(open)
}

/// Returns those of which nothing is known still.
pub(super) fn still_open(store: &Store, mut open: HashSet<Uuid>) -> HashSet<Uuid> {
    // What cannot be read now is looked at when the call is answered.
    open.retain(|id| store.is_ended(*id) == Ok(Some(false)));
    open
}

/// Answers a call with what is known.
pub(super) fn answer(store: &Store, receive: Receive) {
    let Receive {
        ids,
        most_bytes,
        reply,
        ..
    } = receive;
    if reply.send(received(store, &ids, most_bytes)).is_err() {
        tracing::debug!("a call has ended that waited for messages");
    }
}

fn received(store: &Store, ids: &[Uuid], most_bytes: usize) -> Result<Received, ReceiveError> {
    let mut left = most_bytes;
    let mut received = Vec::with_capacity(ids.len());
    for id in ids {
        received.push(match store.outcome(*id).map_err(unavailable)? {
            KeptOutcome::Unknown => return Err(ReceiveError::Unknown(*id)),
            KeptOutcome::Open => None,
            KeptOutcome::Ended(outcome) => {
                left = left
                    .checked_sub(MessageOutcome::size(&outcome))
                    .ok_or(ReceiveError::TooLarge(most_bytes))?;
                Some(outcome)
            }
        });
    }
    Ok(received)
}

/// Returns what a call is told where the host fails.
pub(super) fn unavailable(error: impl std::fmt::Display) -> ReceiveError {
    ReceiveError::Unavailable(error.to_string())
}
