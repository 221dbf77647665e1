//! How a worker's questions and the answers to them get over, in parts that a server takes.
//!
//! A question has a number. It is sent again as long as there is no answer, and the answer to it
//! is kept until the worker says that it has it: what was asked twice is done once.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use syft_manifest::Digest;
use syft_runtime::wire::at_most;

/// The version of all of this. Who speaks another one is refused.
pub const VERSION: u8 = 1;

/// The most bytes of a part. With what is around it, a server takes it that takes 1 MiB.
pub const PART_BYTES: usize = 512 << 10;

/// The most parts of a question, or of an answer.
pub const MOST_PARTS: u32 = 256;

/// The most bytes of a question, or of an answer.
pub const MOST_BYTES: usize = PART_BYTES * MOST_PARTS as usize;

/// The most questions of which a part says that they are answered, beside those with low numbers.
/// One that waits for a call stays open while many others come and go.
pub const MOST_DONE: usize = 64;

/// The most bytes of a frame.
pub const FRAME_BYTES: usize = PART_BYTES + (4 << 10);

/// What a worker sends at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// See [`VERSION`].
    pub version: u8,
    /// Which process of the worker.
    pub instance: u64,
    /// What it sends.
    pub sent: Sent,
}

/// See [`Frame`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sent {
    /// A part of a question.
    Part {
        /// The number of the question.
        id: u64,
        /// It has the answers to all with lower numbers.
        done_below: u64,
        /// It has the answers to these as well.
        #[serde(deserialize_with = "at_most::<MOST_DONE, _, _>")]
        done: Vec<u64>,
        /// Which part.
        part: u32,
        /// Of how many.
        of: u32,
        /// What it says.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// It wants a part of the answer.
    Rest {
        /// The number of the question.
        id: u64,
        /// Which part.
        part: u32,
    },
    /// It wants a piece of a component.
    Component {
        /// Which.
        digest: Digest,
        /// The number of the piece before it, or 0.
        after: u64,
    },
}

/// What the owner's host answers to a [`Frame`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameAnswer {
    /// The part has arrived, and another one is to follow.
    More,
    /// The question has arrived. The answer takes a while: ask for its first part again.
    Wait,
    /// A part of the answer.
    Part {
        /// Of how many.
        of: u32,
        /// What it says.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// A piece of a component, with its number; none, where there is none any more.
    Piece(Option<(u64, ByteBuf)>),
    /// Nothing is known of that question: send it from the beginning.
    Unknown,
    /// It is not answered: why, in words.
    Refused(String),
    /// Nothing of this worker is answered.
    Dismissed(String),
}

/// Returns how many parts so many bytes have.
pub fn n_parts(bytes: usize) -> u32 {
    let parts = bytes.div_ceil(PART_BYTES).max(1);
    u32::try_from(parts).unwrap_or(u32::MAX)
}

/// Returns a part of bytes; nothing, where they have no such part.
pub fn part_of(bytes: &[u8], part: u32) -> Option<&[u8]> {
    let start = (part as usize).checked_mul(PART_BYTES)?;
    let is_there = part < n_parts(bytes.len());
    is_there.then(|| &bytes[start..bytes.len().min(start + PART_BYTES)])
}
