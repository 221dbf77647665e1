//! What a worker and the owner's host say to each other, beside calls themselves.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use syft_manifest::Digest;
use syft_runtime::wire::{CallLimits, HandedCall, HostReply, at_most};

use crate::ledger::Claim;

/// The most bytes of a question that is no host call and no end.
pub const QUESTION_BYTES: usize = 1 << 20;

/// What a worker asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// To be known.
    Hello(Hello),
    /// It is there.
    Beat(Beat),
    /// Which apps there are.
    Apps,
    /// A call. The answer takes as long as there is none.
    Next,
    /// What a guest asks.
    Ask {
        /// Of which call.
        claim: Claim,
        /// The first one of a call has 0, and each one more than the one before.
        number: u64,
        /// A `HostCall`.
        call: ByteBuf,
    },
    /// How a call ended: a `CallEnd`.
    End {
        /// Which.
        claim: Claim,
        /// The end.
        end: ByteBuf,
    },
    /// It does not run a call.
    Refuse {
        /// Which.
        claim: Claim,
        /// Why.
        why: String,
    },
    /// It takes no more calls.
    Leave,
    /// It goes.
    Bye,
}

/// What a worker says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of its program.
    pub program: String,
    /// What it has.
    #[serde(deserialize_with = "at_most::<64, _, _>")]
    pub labels: Vec<String>,
    /// How many calls it runs at a time.
    pub concurrency: u32,
    /// The memory that a call can have there, and all together, in bytes.
    pub memory_bytes: u64,
    /// The apps that it runs; all, where it names none.
    #[serde(deserialize_with = "at_most::<1_024, _, _>")]
    pub apps: Vec<String>,
}

/// What a worker says from time to time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Higher than those before.
    pub number: u64,
    /// The calls that it has.
    #[serde(deserialize_with = "at_most::<4_096, _, _>")]
    pub claims: Vec<Claim>,
    /// How far it is with components, if that is new: whether it runs them, or why not.
    #[serde(deserialize_with = "some_at_most")]
    pub apps: Option<Vec<(Digest, Option<String>)>>,
}

/// What the owner's host replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuestionReply {
    /// To a hello.
    Welcome,
    /// The worker is not known: it has to say hello.
    Unknown,
    /// To a beat.
    Heard {
        /// Calls that are not the worker's, or not any more.
        #[serde(deserialize_with = "at_most::<4_096, _, _>")]
        void: Vec<Claim>,
        /// Another number than before, if there are other apps.
        apps: u64,
    },
    /// The apps that there are.
    Apps {
        /// See [`QuestionReply::Heard`].
        number: u64,
        /// The apps.
        #[serde(deserialize_with = "at_most::<4_096, _, _>")]
        apps: Vec<OfferedApp>,
    },
    /// A call.
    Work {
        /// By which it is named.
        claim: Claim,
        /// The call.
        call: Box<HandedCall>,
    },
    /// There is no call.
    Nothing,
    /// To what a guest asks.
    Reply(HostReply),
    /// It is taken.
    Taken,
    /// It is not taken: why, in words.
    Refused(String),
}

/// An app whose calls go to workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedApp {
    /// Its name.
    pub name: String,
    /// Its component, with its signatures.
    pub component: Digest,
    /// How many bytes that has.
    pub bytes: u64,
    /// Whose it is: authors take turns at the compiler.
    pub author: String,
    /// What its calls may use.
    pub limits: CallLimits,
}

fn some_at_most<'de, D>(from: D) -> Result<Option<Vec<(Digest, Option<String>)>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    #[derive(Deserialize)]
    struct Bounded(
        #[serde(deserialize_with = "at_most::<4_096, _, _>")] Vec<(Digest, Option<String>)>,
    );
    let read = Option::<Bounded>::deserialize(from)?;
    Ok(read.map(|Bounded(apps)| apps))
}
