//! What an app is told of files: every change that lasts, each once.
//!
//! Two things are known of each file: how it is in the tree ([`ObservedFiles`]), and how
//! the app was told that it is ([`DeliveredFiles`], one for each of its watches). The
//! difference is what the app is yet to be told. So a burst of changes is one event
//! without more ado, an event of a file that has changed again is out of date and
//! never told, and nothing waits in a queue that could be lost: what was told is
//! kept on the disk, and after a stop of any kind the difference to the tree is
//! again what is to be told.
//!
//! | told | in the tree | event |
//! |---|---|---|
//! | nothing | a file | created |
//! | a file | the same with another time, size or mode and time | modified |
//! | a file | another file | modified |
//! | a file | nothing | deleted |
//! | a file at `a` | the same, unchanged, at `b` | moved; what was at `b` is gone |
//! | a file at `a` | the same, changed, at `b` | deleted `a`, created or modified `b` |
//!
//! A change of the mode alone is none. Kinds that the app did not ask for are taken
//! as told; a move then counts as the deletion and the creation that it is.

mod delivered;
mod event;
mod observed;
mod stamp;
#[cfg(test)]
mod tests;

pub use delivered::{AfterFailure, DeliveredFiles, RetryPolicy};
pub use event::{EventKind, EventKinds, FileChange, FileEvent};
pub use observed::{FileHint, LookResult, ObservedFiles};
pub use stamp::{FileIdentity, FileStamp, FileTime};
