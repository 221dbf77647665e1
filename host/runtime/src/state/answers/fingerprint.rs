//! What tells a request from another of the same name.

use std::ops::Range;

use sha2::{Digest, Sha256};
use syft_protocol::inbox::{Stamp, Version};

use crate::wit::rpc::Request;

const DIGEST_BYTES: usize = 32;

/// Where the parts of a fingerprint are.
const STAMP: Range<usize> = 0..32;
const CONTENT: Range<usize> = 32..64;
const WHOLE: Range<usize> = 64..96;
const FILE: Range<usize> = 96..128;

/// What tells a request from another of the same name: which file it is, what it says,
/// what it says besides its times, and the bytes of the file, which alone know a request
/// again that says no times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFingerprint {
    version: Version,
    content: [u8; DIGEST_BYTES],
    whole: [u8; DIGEST_BYTES],
}

/// How a request is like the one of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It is the same.
    Same,
    /// It says the same at another time.
    SentAnew,
    /// It says something else.
    Other,
}

impl RequestFingerprint {
    /// Returns the fingerprint of a request.
    pub fn new(version: Version, request: &Request) -> Self {
        let content = digest(request);
        let whole = Sha256::new()
            .chain_update(content)
            .chain_update(request.created.to_be_bytes())
            .chain_update(request.expires.to_be_bytes());
        Self {
            version,
            content,
            whole: whole.finalize().into(),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let Stamp {
            inode,
            bytes,
            changed,
        } = self.version.stamp;
        let file = self.version.content;
        [
            &inode.to_be_bytes()[..],
            &bytes.to_be_bytes(),
            &changed.to_be_bytes(),
            &self.content,
            &self.whole,
            file.as_ref().map_or(&[], |file| &file.as_bytes()[..]),
        ]
        .concat()
    }

    /// Compares with the bytes of another fingerprint.
    pub(super) fn likeness(&self, other: &[u8]) -> Likeness {
        let own = self.to_bytes();
        let is_equal = |part: Range<usize>| {
            let own = own.get(part.clone());
            own.is_some() && own == other.get(part)
        };
        match () {
            () if is_equal(STAMP) || is_equal(WHOLE) || is_equal(FILE) => Likeness::Same,
            () if is_equal(CONTENT) => Likeness::SentAnew,
            () => Likeness::Other,
        }
    }
}

/// Returns the digest of all that a request says but its times.
fn digest(request: &Request) -> [u8; DIGEST_BYTES] {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(request.sender.as_bytes());
    add(request.url.as_bytes());
    add(&[request.method as u8]);
    for (name, value) in &request.headers {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    // No body is not an empty one.
    add(&[u8::from(request.body.is_some())]);
    add(request.body.as_deref().unwrap_or_default());
    hash.finalize().into()
}
