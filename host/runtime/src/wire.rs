//! What the host of an owner and a worker say to each other, and how it is written.
//!
//! A worker runs calls for the host that has the tree. Both read what the other wrote as a
//! stranger's: [`decode`] takes no more bytes than it is told, and every list has a bound.
//!
//! - [`HandedCall`]: a call that a worker is to run
//! - [`HostCall`], [`HostReply`]: what a guest on a worker asks of its owner's host
//! - [`CallEnd`]: how the call ended, and what it changed
//! - [`OwnerLink`]: the worker's end of what carries these
//!
//! Nothing here knows what carries them, and nothing decides.
//!
//! Why: docs/decisions/88-the-owner-decides-about-remote-calls.md

mod ask;
mod bounds;
mod call;
mod end;
mod faults;
mod files;
mod guest_values;
mod http;
mod limits;
mod link;
mod messages;
mod state;

pub(crate) use ask::MOST_IDS;
pub use ask::{Ask, HostCall, HostReply, LogLevel, LogLine, LogStream, NetworkWish, StateRefusal};
pub use bounds::{Malformed, at_most, decode, encode};
pub use call::{
    HandedCall, Variable, WireDue, WireEvent, WireEventKind, WireMethod, WireProof, WireReply,
    WireRequest, Work,
};
pub(crate) use end::most_end_bytes;
pub use end::{CallEnd, CallTaken, OutcomeEnd, StateWrite};
pub use files::{
    FileCall, FileContent, FileEffect, FileFault, FileLimit, FileMoment, FileNote, FileReply,
    FileRight, FileWant, FolderPart, FoundThing, HandedFiles, ListPurpose, ListedEntry, Looked,
    MOST_ENTRIES, MOST_FILE_BYTES, MOST_LOOKED_AT, MOST_NOTES, NotedPath, Opened, OwnRoom, Seen,
    SeenStamp, WireFileId,
};
pub use http::{HttpBegin, HttpChunk, HttpFailure, HttpHead, HttpHeader, HttpName};
pub use limits::CallLimits;
pub(crate) use link::Unanswered;
pub use link::{Asked, Lost, OwnerLink};
pub use messages::{WireAnswer, WireMessage, WireMessageError, WireMessageOutcome, WireReplyTo};
pub use state::{StateError, StateSeen};
