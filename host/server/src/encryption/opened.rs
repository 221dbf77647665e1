//! Which envelopes were opened, and for which request.
//!
//! An envelope does not say for which request it was made: whoever has seen one could send it
//! with a request of their own making.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use syft_protocol::address::{Address, AppName};

/// The most envelopes that are remembered; the oldest are forgotten first.
const MOST: usize = 1 << 16;

type Mark = [u8; 28];

/// Which envelopes were opened since the host began. Copies know the same.
#[derive(Debug, Clone, Default)]
pub struct OpenedEnvelopes(Arc<Mutex<Marks>>);

#[derive(Debug, Default)]
struct Marks {
    requests: HashMap<Mark, (AppName, Address)>,
    oldest: VecDeque<Mark>,
}

impl OpenedEnvelopes {
    /// Tells whether an envelope was opened for no request but this one of an app, for which it
    /// may be opened again.
    pub(super) fn is_first_of(&self, mark: Mark, app: &AppName, address: &Address) -> bool {
        let mut marks = self.0.lock().expect("no holder of this lock panics");
        if let Some(known) = marks.requests.get(&mark) {
            return (&known.0, &known.1) == (app, address);
        }
        if marks.oldest.len() >= MOST
            && let Some(oldest) = marks.oldest.pop_front()
        {
            marks.requests.remove(&oldest);
        }
        marks.oldest.push_back(mark);
        let request = (app.clone(), address.clone());
        marks.requests.insert(mark, request);
        true
    }
}

#[cfg(test)]
mod tests {
    use syft_protocol::address::{Folder, RequestId};

    use super::*;

    fn address(stem: &str) -> Address {
        let folder = Folder::parse(&["echo"]).expect("a folder");
        Address::new(Arc::new(folder), RequestId::parse(stem).expect("an id"))
    }

    fn mark(number: u32) -> Mark {
        let mut mark = [0; 28];
        mark[..4].copy_from_slice(&number.to_be_bytes());
        mark
    }

    #[test]
    fn an_envelope_belongs_to_its_first_request() {
        let [first, second] = [
            "c9c22855-686a-49f9-b6f2-11c98f11b79a",
            "2cca7d20-9eac-455b-9338-ea96ebfb2dbb",
        ]
        .map(address);
        let [app, other_app] = ["app", "other"].map(|name| AppName::parse(name).expect("a name"));
        let opened = OpenedEnvelopes::default();
        let elsewhere = opened.clone();
        assert!(opened.is_first_of(mark(1), &app, &first));
        assert!(
            elsewhere.is_first_of(mark(1), &app, &first),
            "it may run again"
        );
        assert!(!elsewhere.is_first_of(mark(1), &app, &second));
        assert!(!elsewhere.is_first_of(mark(1), &other_app, &first));
        assert!(opened.is_first_of(mark(2), &app, &second));
        // Bounded: the oldest is forgotten for the newest.
        for number in 3..=u32::try_from(MOST).expect("few") {
            assert!(opened.is_first_of(mark(number), &app, &first));
        }
        assert!(!opened.is_first_of(mark(1), &app, &second));
        assert!(opened.is_first_of(mark(0), &app, &first));
        assert!(opened.is_first_of(mark(1), &app, &second));
        assert_eq!(opened.0.lock().expect("no panic").requests.len(), MOST);
    }
}
