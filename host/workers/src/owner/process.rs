//! What the desk has for each process of a worker.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::exchanges::Exchanges;
use crate::ledger::WorkerId;

/// Processes that one key can have at a time.
const MOST_INSTANCES: usize = 64;

/// What is said of one process in the log before the rest of it is only counted.
const MOST_COMPLAINTS: u32 = 20;

/// The processes that were heard of late.
#[derive(Default)]
pub(super) struct Processes(BTreeMap<WorkerId, Process>);

pub(super) struct Process {
    pub(super) exchanges: Exchanges,
    last_heard: Instant,
    n_complaints: u32,
}

impl Processes {
    /// Returns the one that was heard, and how many bytes are held for others of its name;
    /// nothing, where the name has too many.
    pub(super) fn heard(&mut self, now: Instant, id: &WorkerId) -> Option<(&mut Process, usize)> {
        let of_name = self.0.iter();
        let of_name = of_name.filter(|(other, _)| other.name == id.name && *other != id);
        let (mut n_others, mut held) = (0, 0);
        for (_, other) in of_name {
            n_others += 1;
            held += other.exchanges.held();
        }
        if n_others >= MOST_INSTANCES && !self.0.contains_key(id) {
            return None;
        }
        let process = self.0.entry(id.clone()).or_insert_with(|| Process {
            exchanges: Exchanges::default(),
            last_heard: now,
            n_complaints: 0,
        });
        process.last_heard = now;
        Some((process, held))
    }

    pub(super) fn get(&mut self, id: &WorkerId) -> Option<&mut Process> {
        self.0.get_mut(id)
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Process> {
        self.0.values_mut()
    }

    /// Forgets those that were not heard since.
    pub(super) fn forget_silent(&mut self, since: Instant) {
        self.0.retain(|_, process| process.last_heard >= since);
    }

    pub(super) fn remove_name(&mut self, name: &str) {
        self.0.retain(|id, _| id.name != name);
    }

    /// Says in the log what a process did that was refused, as long as it is not too much of it.
    pub(super) fn complain(&mut self, id: &WorkerId, why: &str) {
        let n_before = self.0.get_mut(id).map_or(0, |process| {
            process.n_complaints += 1;
            process.n_complaints - 1
        });
        let worker = &id.name;
        if n_before < MOST_COMPLAINTS {
            tracing::warn!(worker, "refused: {why}");
        } else {
            tracing::debug!(worker, "refused: {why}");
        }
    }
}
