//! Answers whose request was gone when they were to be written: it was moved away, or was about
//! to be written again. If it comes back, it gets this answer and its handler does not run again.

use std::collections::VecDeque;
use std::sync::Arc;

use syft_protocol::address::Address;
use syft_protocol::inbox::Version;

/// How many are kept, and what they take together. The oldest go first.
const MOST: usize = 1_024;
const MOST_BYTES: usize = 16 << 20;

/// Answers whose request has not come back, the oldest first.
#[derive(Default)]
pub(super) struct UnclaimedAnswers {
    all: VecDeque<(Address, Version, Arc<Vec<u8>>)>,
    n_bytes: usize,
}

impl UnclaimedAnswers {
    /// Keeps an answer for a while.
    pub(super) fn keep(&mut self, address: &Address, version: Version, answer: Arc<Vec<u8>>) {
        self.n_bytes += answer.len();
        self.all.push_back((address.clone(), version, answer));
        while self.all.len() > MOST || self.n_bytes > MOST_BYTES {
            self.remove(0);
        }
    }

    /// Returns the answer that a request got while it was not there.
    pub(super) fn take(&mut self, address: &Address, version: &Version) -> Option<Arc<Vec<u8>>> {
        let mut all = self.all.iter();
        let at = all.position(|(other, of, _)| other == address && of.says_the_same(version))?;
        self.remove(at)
    }

    fn remove(&mut self, at: usize) -> Option<Arc<Vec<u8>>> {
        let (_, _, answer) = self.all.remove(at)?;
        self.n_bytes -= answer.len();
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use syft_protocol::inbox::{Content, Stamp};

    use super::*;

    fn address(n: usize) -> Address {
        let text = format!("/echo/a@x.org/c9c22855-686a-49f9-b6f2-{n:012}");
        Address::parse(&text).expect("an address")
    }

    fn version(inode: u64, bytes: &[u8]) -> Version {
        let stamp = Stamp {
            inode,
            bytes: 2,
            changed: 0,
        };
        Version {
            content: Some(Content::of(bytes)),
            ..Version::unread(stamp)
        }
    }

    #[test]
    fn an_answer_is_for_the_request_that_said_the_same_once() {
        let mut unclaimed = UnclaimedAnswers::default();
        unclaimed.keep(&address(1), version(1, b"{}"), Arc::new(b"yes".to_vec()));
        assert_eq!(unclaimed.take(&address(2), &version(1, b"{}")), None);
        assert_eq!(unclaimed.take(&address(1), &version(1, b"[]")), None);
        let unread = Version::unread(version(1, b"{}").stamp);
        assert_eq!(unclaimed.take(&address(1), &unread), None);
        let taken = unclaimed.take(&address(1), &version(2, b"{}"));
        assert_eq!(taken.as_deref(), Some(&b"yes".to_vec()));
        assert_eq!(unclaimed.take(&address(1), &version(1, b"{}")), None);
        assert_eq!(unclaimed.n_bytes, 0);
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_size() {
        let mut unclaimed = UnclaimedAnswers::default();
        for n in 0..=MOST {
            unclaimed.keep(&address(n), version(1, b"{}"), Arc::new(vec![0; 9]));
        }
        assert_eq!(unclaimed.all.len(), MOST);
        assert_eq!(unclaimed.take(&address(0), &version(1, b"{}")), None);
        let large = Arc::new(vec![0; MOST_BYTES - 9]);
        unclaimed.keep(&address(0), version(1, b"{}"), large);
        assert_eq!((unclaimed.all.len(), unclaimed.n_bytes), (2, MOST_BYTES));
    }
}
