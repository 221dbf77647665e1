//! The recording of a call that runs again, as far as it was used.

use std::collections::HashSet;

use super::clocks::Clock;
use super::{CallStep, FoundAtPath, Given, HttpAnswer, Recording};

/// The recording whose call runs again.
pub(super) struct Earlier {
    pub(super) given: Given,
    /// The next reading of each clock.
    at: [usize; 3],
    /// Keys of the state whose values are known.
    pub(super) keys: HashSet<String>,
    pub(super) is_listed: bool,
    /// HTTP requests that were not sent again yet.
    requests: Vec<CallStep>,
    /// Looks at what became of messages that were not repeated yet.
    received: Vec<CallStep>,
    pub(super) lacks: Vec<Lack>,
}

/// Something that a call asked for and that its recording does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// How many things it had asked for before.
    pub n_before: usize,
    /// What it is.
    pub what: String,
}

/// The most of these that are named.
const MAX_LACKS: usize = 100;

impl Earlier {
    pub(super) fn of(recording: &Recording) -> Self {
        let steps = &recording.steps;
        let known = |step: &CallStep| match step {
            CallStep::State { operation, key, .. } if operation == "get" => Some(key.clone()),
            _ => None,
        };
        let is_list = |step: &CallStep| matches!(step, CallStep::State { operation, .. } if operation == "list");
        let is_look = |step: &&CallStep| matches!(step, CallStep::Receive { .. });
        let is_request = |step: &&CallStep| matches!(step, CallStep::Http { .. });
        Self {
            given: recording.given.clone(),
            at: [0; 3],
            keys: steps.iter().filter_map(known).collect(),
            is_listed: steps.iter().any(is_list),
            requests: steps.iter().filter(is_request).cloned().collect(),
            received: steps.iter().filter(is_look).cloned().collect(),
            lacks: Vec::new(),
        }
    }

    /// Returns the next reading of a clock, if one is left.
    pub(super) fn next_reading(&mut self, clock: Clock) -> Option<u64> {
        let at = &mut self.at[clock as usize];
        let reading = self.given.readings(clock).get(*at).copied();
        *at += 1;
        reading
    }

    /// Tells whether it does not say what is now found at a path.
    pub(super) fn lacks_at(&self, path: &str, found: &FoundAtPath) -> bool {
        let is_whole = |found: &FoundAtPath| found.content().is_some();
        match self.given.files.get(path) {
            None => true,
            Some(FoundAtPath::File { content: None, .. }) => is_whole(found),
            Some(_) => false,
        }
    }

    /// Returns what came back for an HTTP request that was not sent again yet, if anything did.
    pub(super) fn take_answer(&mut self, method: &str, url: &str) -> Option<Option<HttpAnswer>> {
        let is_it = |step: &CallStep| match step {
            CallStep::Http {
                method: its,
                url: to,
                ..
            } => its == method && to == url,
            _ => false,
        };
        let at = self.requests.iter().position(is_it)?;
        match self.requests.remove(at) {
            CallStep::Http { answer, .. } => Some(answer),
            _ => None,
        }
    }

    /// Returns the next look at what became of these messages that was not repeated yet.
    pub(super) fn take_received(&mut self, wanted: &[String]) -> Option<CallStep> {
        let is_it = |step: &CallStep| match step {
            CallStep::Receive { ids, .. } => ids == wanted,
            _ => false,
        };
        let at = self.received.iter().position(is_it)?;
        Some(self.received.remove(at))
    }

    pub(super) fn lack(&mut self, lack: Lack) {
        let is_known = self.lacks.iter().any(|known| known.what == lack.what);
        if !is_known && self.lacks.len() < MAX_LACKS {
            self.lacks.push(lack);
        }
    }
}
