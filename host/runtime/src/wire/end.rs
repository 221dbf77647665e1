//! How a call ended on a worker, and what it changed.

use serde::{Deserialize, Serialize};
use syft_manifest::Limits;

use super::bounds::at_most;
use super::{FileEffect, LogLine, WireAnswer, decode, encode};

/// What an end has beside what the guest gives.
const BESIDE_BYTES: usize = 1 << 20;

/// Returns the most bytes of the end of a call, as it is written: its answer, what it wrote to the
/// state, and what it said and changed in files.
pub(crate) fn most_end_bytes(limits: &Limits) -> usize {
    limits.hostcall_bytes + limits.state_call_bytes + limits.logged_bytes + BESIDE_BYTES
}

/// The end of a call. Nothing of what it says counts before the owner's host has judged it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEnd {
    /// How it ended.
    pub outcome: OutcomeEnd,
    /// What it wrote to the state: the last of each key.
    #[serde(deserialize_with = "at_most::<262_144, _, _>")]
    pub writes: Vec<StateWrite>,
    /// What it changed in files, in order.
    #[serde(deserialize_with = "at_most::<65_536, _, _>")]
    pub files: Vec<FileEffect>,
    /// What it said since the last host call.
    #[serde(deserialize_with = "at_most::<4_096, _, _>")]
    pub lines: Vec<LogLine>,
    /// What it took.
    pub taken: CallTaken,
}

impl CallEnd {
    /// Writes the end as the owner's host takes it. Where the guest makes more than any end has,
    /// it passed too much; else it could have the owner think that its worker breaks the rules.
    pub(crate) fn written_within(self, limits: &Limits) -> Vec<u8> {
        let written = encode(&self);
        if decode::<Self>(&written, most_end_bytes(limits)).is_ok() {
            return written;
        }
        encode(&Self {
            outcome: OutcomeEnd::TooMuchData,
            writes: Vec::new(),
            files: Vec::new(),
            ..self
        })
    }
}

/// A write to the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateWrite {
    /// The key.
    pub key: String,
    /// The value; none, where it was deleted.
    #[serde(with = "serde_bytes")]
    pub value: Option<Vec<u8>>,
}

/// What a call took on a worker, by what that says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTaken {
    /// The most memory that it took at one time.
    pub memory_bytes: u64,
    /// The time in microseconds, with that of its host calls.
    pub micros: u64,
}

/// How a call ended. Limits are the owner's, and are not said again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutcomeEnd {
    /// The handler of a request answered.
    Answered(WireAnswer),
    /// A handler of something else has taken it.
    Taken,
    /// The body does not fit the endpoint's parameters.
    InvalidArguments(String),
    /// The handler reported an error.
    Failed {
        /// The kind of error.
        kind: String,
        /// What went wrong.
        message: String,
        /// The handler.
        handler: String,
        /// The memory that it wanted and was refused.
        wanted: Option<u64>,
    },
    /// The time was up.
    TimedOut,
    /// The guest was refused memory.
    OutOfMemory {
        /// How much it wanted.
        wanted: u64,
    },
    /// The worker would have held too much for it.
    TooMuchHeld,
    /// The worker has no memory for it now.
    Exhausted,
    /// It wrote too much output.
    TooMuchOutput,
    /// It passed too much at once.
    TooMuchData,
    /// The guest ended itself.
    Trapped(String),
}
