//! Which changes of files are delivered to an app: every change that lasts, each once.
//!
//! Two things are known of each file: how it is in the tree ([`ObservedFiles`]), and how
//! the app knows it ([`DeliveredFiles`], one for each of its watches). The difference is
//! what is still to be delivered. So a burst of changes is one event without further ado,
//! an event about a file that has changed again is outdated and never delivered, and no
//! queue on the disk can be lost: what was delivered is kept there, and after a stop of any
//! kind the difference from the tree is again what is to be delivered.
//!
//! | the app knows | in the tree | event |
//! |---|---|---|
//! | nothing | a file | created |
//! | a file | the same with another time, size or mode and time | modified |
//! | a file | another file | modified |
//! | a file | nothing | deleted |
//! | a file at `a` | the same, unchanged, at `b` | moved; what was at `b` is gone |
//! | a file at `a` | the same, changed, at `b` | deleted `a`, created or modified `b` |
//!
//! A change of the mode alone is no event. Kinds that the app did not ask for are taken as
//! delivered; a move then counts as the deletion and the creation that it is.
//!
//! [`EventQueue`] decides what is done, and when.

mod delivered;
mod event;
mod observed;
mod parked;
mod queue;
mod stamp;
#[cfg(test)]
mod tests;

pub use delivered::{AfterFailure, DeliveredFiles, RetryPolicy};
pub use event::{EventKind, EventKinds, FileChange, FileEvent};
pub use observed::{FileHint, LookResult, ObservedFiles};
pub use parked::ParkedEvent;
pub use queue::{
    Attempts, Delivery, DeliveryResult, Event, EventAction, EventQueue, Failure, LeftBehind,
    NumberedWatch, OwnWrite, QueueOptions, Record, Report, ScanPart, ScanScope, Scanned,
    WatchNumber,
};
pub use stamp::{FileIdentity, FileStamp, FileTime};
