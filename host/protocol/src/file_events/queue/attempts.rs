//! How often events failed.

use std::collections::HashMap;

use uuid::Uuid;

/// Events whose attempts are remembered.
const MOST: usize = 20_000;

/// How often an event failed, and when last, in microseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How often.
    pub n_failed: u32,
    /// When last.
    pub at: i64,
}

#[derive(Debug)]
pub(super) struct AttemptCounts(HashMap<Uuid, Attempts>);

impl AttemptCounts {
    pub(super) fn new(attempts: HashMap<Uuid, Attempts>) -> Self {
        Self(attempts)
    }

    pub(super) fn get(&self, id: &Uuid) -> Option<Attempts> {
        self.0.get(id).copied()
    }

    /// Tells whether there were any.
    pub(super) fn remove(&mut self, id: &Uuid) -> bool {
        self.0.remove(id).is_some()
    }

    /// Returns the events that are forgotten for it. A file that is changed again and again
    /// makes ever new events: the older half goes before there are too many.
    pub(super) fn insert(&mut self, id: Uuid, attempts: Attempts) -> Vec<Uuid> {
        self.0.insert(id, attempts);
        if self.0.len() <= MOST {
            return Vec::new();
        }
        let mut times: Vec<i64> = self.0.values().map(|attempts| attempts.at).collect();
        let half = times.len() / 2;
        let (_, middle, _) = times.select_nth_unstable(half);
        let oldest = *middle;
        let old = self.0.extract_if(|_, attempts| attempts.at < oldest);
        old.map(|(id, _)| id).collect()
    }
}
