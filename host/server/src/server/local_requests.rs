//! Requests of apps of this process that wait for their answers here.

use std::collections::HashMap;
use std::sync::Arc;

use syft_manifest::clock::now;
use syft_protocol::address::Address;
use syft_protocol::inbox::{Content, Stamp, Version};

use tokio::sync::oneshot;

use crate::local::{LocalRequest, ReadRequest};

/// Requests that were handed over and are not answered.
#[derive(Default)]
pub(super) struct LocalRequests {
    waiting: HashMap<Address, Waiting>,
    n_taken: u64,
}

struct Waiting {
    stamp: Stamp,
    read: Arc<ReadRequest>,
    answer: oneshot::Sender<Arc<Vec<u8>>>,
}

/// A request that was handed over, to be read.
pub(super) struct LocalFile {
    stamp: Stamp,
    read: Arc<ReadRequest>,
}

impl LocalRequests {
    /// Takes a request. One that was handed over before under this address is no longer waited
    /// for: its sender is the same.
    pub(super) fn take(&mut self, request: LocalRequest) -> Address {
        let LocalRequest {
            address,
            n_bytes,
            read,
            answer,
        } = request;
        self.n_taken += 1;
        let stamp = Stamp {
            // No file has such a number.
            inode: u64::MAX - self.n_taken,
            bytes: n_bytes,
            changed: i128::from(now().micros()) * 1_000,
        };
        let waiting = Waiting {
            stamp,
            read: Arc::new(read),
            answer,
        };
        self.waiting.insert(address.clone(), waiting);
        address
    }

    /// Returns a request that somebody waits for.
    pub(super) fn find(&mut self, address: &Address) -> Option<LocalFile> {
        let waiting = self.waiting.get(address)?;
        if waiting.answer.is_closed() {
            self.waiting.remove(address);
            return None;
        }
        Some(LocalFile {
            stamp: waiting.stamp,
            read: Arc::clone(&waiting.read),
        })
    }

    /// Gives the answer to who waits for it. Tells whether somebody does: an answer to another
    /// file belongs into the tree.
    pub(super) fn answer(
        &mut self,
        address: &Address,
        version: &Version,
        answer: &Arc<Vec<u8>>,
    ) -> bool {
        let is_of = |waiting: &Waiting| waiting.stamp.inode == version.stamp.inode;
        if !self.waiting.get(address).is_some_and(is_of) {
            return false;
        }
        if let Some(waiting) = self.waiting.remove(address)
            && waiting.answer.send(Arc::clone(answer)).is_err()
        {
            tracing::debug!(%address, "nobody waits for its answer any more");
        }
        true
    }

    /// Returns all that wait: some may have found no room in the inbox.
    pub(super) fn addresses(&self) -> Vec<Address> {
        self.waiting.keys().cloned().collect()
    }

    /// Gives back what nobody is going to answer here.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl LocalFile {
    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Returns what the request says; nothing if it is over.
    pub(super) fn read(&self) -> Option<Vec<u8>> {
        (self.read)()
    }

    pub(super) fn version(&self, bytes: &[u8]) -> Version {
        Version {
            stamp: self.stamp,
            born: None,
            content: Some(Content::of(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        let text = "/echo/a@x.org/c9c22855-686a-49f9-b6f2-11c98f11b79a";
        Address::parse(text).expect("an address")
    }

    fn request(says: &'static str) -> (LocalRequest, oneshot::Receiver<Arc<Vec<u8>>>) {
        let (answer, answered) = oneshot::channel();
        let request = LocalRequest {
            address: address(),
            n_bytes: says.len() as u64,
            read: Box::new(|| Some(says.as_bytes().to_vec())),
            answer,
        };
        (request, answered)
    }

    fn version(file: &LocalFile) -> Version {
        file.version(&file.read().expect("it is not over"))
    }

    #[test]
    fn an_answer_goes_to_who_waits_for_it() {
        let mut requests = LocalRequests::default();
        let (first, mut answered) = request("{}");
        requests.take(first);
        let version = version(&requests.find(&address()).expect("it waits"));
        let of_a_file = Version::unread(Stamp {
            inode: 1,
            ..version.stamp
        });
        let answer = Arc::new(b"yes".to_vec());
        assert!(!requests.answer(&address(), &of_a_file, &answer));
        assert!(requests.answer(&address(), &version, &answer));
        assert_eq!(answered.try_recv(), Ok(answer.clone()));
        assert!(!requests.answer(&address(), &version, &answer));
        assert!(requests.find(&address()).is_none());
    }

    #[test]
    fn one_that_nobody_waits_for_is_not_found() {
        let mut requests = LocalRequests::default();
        let (first, answered) = request("{}");
        requests.take(first);
        drop(answered);
        assert!(requests.find(&address()).is_none());
        assert_eq!(requests.addresses(), []);
    }

    #[test]
    fn one_that_is_handed_over_again_is_another_file_that_says_the_same() {
        let mut requests = LocalRequests::default();
        let (first, mut first_answer) = request("{}");
        requests.take(first);
        let before = version(&requests.find(&address()).expect("it waits"));
        let (second, mut second_answer) = request("{}");
        requests.take(second);
        let now = version(&requests.find(&address()).expect("it waits"));
        assert!(!now.is_same_file(&before) && now.says_the_same(&before));
        let answer = Arc::new(b"yes".to_vec());
        assert!(!requests.answer(&address(), &before, &answer));
        assert!(first_answer.try_recv().is_err());
        assert!(requests.answer(&address(), &now, &answer));
        assert_eq!(second_answer.try_recv(), Ok(answer));
    }
}
