//! Answers that were written recently, so that one that sync lost can be written again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem::size_of;
use std::sync::Arc;
use std::time::{Duration, Instant};

use syft_protocol::address::Address;

/// The most bytes that are kept for an app.
const MOST_BYTES: usize = 8 << 20;

/// How long they are kept. A lost answer is noticed within half a minute, and writing it again
/// may fail once as well.
const KEEP: Duration = Duration::from_secs(120);

type Sender = Option<Arc<str>>;

/// The answers, by sender. If there are too many, the sender with the most bytes loses its oldest.
#[derive(Default)]
pub(super) struct WrittenAnswers {
    senders: HashMap<Sender, Own>,
    /// The bytes of each sender.
    by_bytes: BTreeSet<(usize, Sender)>,
    n_bytes: usize,
}

/// The answers to one sender, the oldest first.
#[derive(Default)]
struct Own {
    answers: VecDeque<Kept>,
    n_bytes: usize,
}

struct Kept {
    at: Instant,
    address: Address,
    answer: Arc<Vec<u8>>,
}

impl Kept {
    fn n_bytes(&self) -> usize {
        size_of::<Self>() + self.answer.capacity()
    }
}

impl Own {
    fn push(&mut self, kept: Kept) {
        self.n_bytes += kept.n_bytes();
        self.answers.push_back(kept);
    }

    fn drop_oldest(&mut self) {
        let oldest = self.answers.pop_front();
        self.n_bytes -= oldest.map_or(0, |kept| kept.n_bytes());
    }
}

impl WrittenAnswers {
    /// Keeps an answer that lies beside its request.
    pub(super) fn keep(&mut self, now: Instant, address: &Address, answer: Arc<Vec<u8>>) {
        let kept = Kept {
            at: now,
            address: address.clone(),
            answer,
        };
        let sender = address.folder().sender_name().cloned();
        self.change(&sender, |own| own.push(kept));
        while self.n_bytes > MOST_BYTES
            && let Some((_, heaviest)) = self.by_bytes.last().cloned()
        {
            self.change(&heaviest, Own::drop_oldest);
        }
    }

    /// Returns the answer that a request got last.
    pub(super) fn get(&self, address: &Address) -> Option<Arc<Vec<u8>>> {
        let own = self.senders.get(&address.folder().sender_name().cloned())?;
        let mut latest = own.answers.iter().rev();
        let kept = latest.find(|kept| kept.address == *address)?;
        Some(Arc::clone(&kept.answer))
    }

    /// Forgets those whose time is over.
    pub(super) fn forget_old(&mut self, now: Instant) {
        let is_old = |kept: &Kept| kept.at + KEEP <= now;
        let due = |(sender, own): (&Sender, &Own)| {
            own.answers
                .front()
                .is_some_and(is_old)
                .then(|| sender.clone())
        };
        let senders: Vec<Sender> = self.senders.iter().filter_map(due).collect();
        for sender in senders {
            self.change(&sender, |own| {
                while own.answers.front().is_some_and(is_old) {
                    own.drop_oldest();
                }
            });
        }
    }

    /// Changes the answers to one sender, and keeps count.
    fn change(&mut self, sender: &Sender, change: impl FnOnce(&mut Own)) {
        let own = self.senders.entry(sender.clone()).or_default();
        let before = own.n_bytes;
        change(own);
        let after = own.n_bytes;
        self.n_bytes = self.n_bytes - before + after;
        self.by_bytes.remove(&(before, sender.clone()));
        if own.answers.is_empty() {
            self.senders.remove(sender);
        } else {
            self.by_bytes.insert((after, sender.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(sender: &str, n: usize) -> Address {
        let text = format!("/echo/{sender}/c9c22855-686a-49f9-b6f2-{n:012x}");
        Address::parse(&text).expect("an address")
    }

    #[test]
    fn the_last_answer_is_kept_for_a_while() {
        let (mut given, start) = (WrittenAnswers::default(), Instant::now());
        let (bob, carol) = (address("bob@x.org", 1), address("carol@x.org", 1));
        given.keep(start, &bob, Arc::new(b"first".to_vec()));
        given.keep(start + KEEP / 2, &bob, Arc::new(b"second".to_vec()));
        let get =
            |given: &WrittenAnswers, address| given.get(address).map(|answer| answer.to_vec());
        assert_eq!(get(&given, &bob), Some(b"second".to_vec()));
        assert_eq!(get(&given, &carol), None);
        given.forget_old(start + KEEP);
        assert_eq!(get(&given, &bob), Some(b"second".to_vec()));
        given.forget_old(start + KEEP + KEEP / 2);
        assert_eq!(get(&given, &bob), None);
        assert!(given.n_bytes == 0 && given.senders.is_empty() && given.by_bytes.is_empty());
    }

    #[test]
    fn whoever_has_most_makes_room() {
        let (mut given, now) = (WrittenAnswers::default(), Instant::now());
        given.keep(now, &address("bob@x.org", 1), Arc::new(vec![0; 10]));
        for n in 0..1_000 {
            let answer = Arc::new(vec![0; 64 << 10]);
            given.keep(now, &address("flood@x.org", n), answer);
            assert!(given.n_bytes <= MOST_BYTES);
        }
        assert!(given.get(&address("bob@x.org", 1)).is_some());
        assert!(given.get(&address("flood@x.org", 0)).is_none());
        assert!(given.get(&address("flood@x.org", 999)).is_some());
        // One that alone is too large is not kept, and keeps nobody else's out.
        given.keep(
            now,
            &address("huge@x.org", 1),
            Arc::new(vec![0; MOST_BYTES]),
        );
        assert!(given.get(&address("huge@x.org", 1)).is_none());
        assert!(given.get(&address("bob@x.org", 1)).is_some());
    }
}
