//! Which envelopes were opened, and for which request.
//!
//! An envelope does not say for which request it was made: whoever has seen one could send it
//! with a request of their own making.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use syft_protocol::address::Address;

/// The most envelopes that are remembered; the oldest are forgotten first.
const MOST: usize = 1 << 16;

type Mark = [u8; 28];

/// Which envelopes were opened since the host began. Copies know the same.
#[derive(Debug, Clone, Default)]
pub struct OpenedEnvelopes(Arc<Mutex<Marks>>);

#[derive(Debug, Default)]
struct Marks {
    requests: HashMap<Mark, Address>,
    oldest: VecDeque<Mark>,
}

impl OpenedEnvelopes {
    /// Tells whether an envelope was opened for no request but this one, for which it may be
    /// opened again.
    pub(super) fn is_first_of(&self, mark: Mark, address: &Address) -> bool {
        let mut marks = self.0.lock().expect("no holder of this lock panics");
        if let Some(known) = marks.requests.get(&mark) {
            return known == address;
        }
        if marks.oldest.len() >= MOST
            && let Some(oldest) = marks.oldest.pop_front()
        {
            marks.requests.remove(&oldest);
        }
        marks.oldest.push_back(mark);
        marks.requests.insert(mark, address.clone());
        true
    }
}
