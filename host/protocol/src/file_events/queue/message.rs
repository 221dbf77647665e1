//! What the host says to the queue, and what the queue has the host do.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{Attempts, OwnWrite, WatchNumber};
use crate::file_events::{
    AfterFailure, FileChange, FileEvent, FileHint, FileStamp, LookResult, ParkedEvent,
};

/// What can happen.
#[derive(Debug)]
pub enum Event {
    /// A file may have changed.
    Hinted {
        /// The file.
        path: Arc<str>,
        /// What is known of who writes it.
        hint: FileHint,
        /// A watch matches it and the app may read it.
        is_covered: bool,
    },
    /// A folder was made or moved in.
    FolderCame(Arc<str>),
    /// A folder was removed or moved away.
    FolderLeft(Arc<str>),
    /// Any file may have changed.
    HintsLost,
    /// An [`EventAction::Look`] ended.
    Looked(Arc<str>, LookResult),
    /// An [`EventAction::Scan`] ended.
    Scanned(Scanned),
    /// A call of the app is about to change a file.
    OwnWriteBegan(Arc<str>),
    /// The last call ended that changed a file.
    OwnWriteEnded {
        /// The file.
        path: Arc<str>,
        /// What they did.
        write: OwnWrite,
        /// A watch matches it and the app may read it.
        is_covered: bool,
    },
    /// An [`EventAction::Deliver`] ended, which had this key.
    Delivered(u64, DeliveryResult),
    /// An [`EventAction::Record`] ended.
    Recorded {
        /// All of it is kept; otherwise nothing of it.
        is_kept: bool,
    },
    /// The owner wants a parked event to be delivered again.
    Retry(Uuid),
    /// The owner wants a parked event to be forgotten.
    Drop(Uuid),
}

/// What the host is to do.
#[derive(Debug)]
pub enum EventAction {
    /// Look at a file; then [`Event::Looked`].
    Look(Arc<str>),
    /// Find files, which takes its time; then [`Event::Scanned`].
    Scan(ScanScope),
    /// Call the app; then [`Event::Delivered`].
    Deliver(Box<Delivery>),
    /// Keep all of this or nothing of it; then [`Event::Recorded`].
    Record(Vec<Record>),
    /// Write the list of parked events for the owner.
    ListParked,
    /// Write this to the log.
    Report(Box<Report>),
}

/// Which files to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanScope {
    /// Those in these folders, with all below.
    Folders(Vec<Arc<str>>),
    /// The next part of all.
    Everything,
}

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Files.
    pub files: HashMap<Arc<str>, FileStamp>,
    /// There is more to be read.
    pub is_cut: bool,
    /// More of a scan of everything.
    pub part: Option<ScanPart>,
}

/// What a part of a scan of everything found, besides files.
#[derive(Debug, Default)]
pub struct ScanPart {
    /// Datasites that were read to their end, with all files that were found there.
    pub complete: Vec<(Arc<str>, HashSet<Arc<str>>)>,
    /// Datasites that are no longer there.
    pub gone: Vec<Arc<str>>,
    /// How long it took.
    pub took: Duration,
    /// How many scanners the process has.
    pub n_scanners: u32,
}

/// One attempt to deliver an event.
#[derive(Debug)]
pub struct Delivery {
    /// Names the attempt.
    pub key: u64,
    /// Names the event, the same in each attempt.
    pub id: Uuid,
    /// Which of the app's watches it is for, from 0.
    pub watch: usize,
    /// The event.
    pub event: FileEvent,
    /// What is to be kept in the transaction of the call.
    pub records: Vec<Record>,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum DeliveryResult {
    /// The app took the event, and its records are kept.
    Delivered,
    /// The app failed.
    Failed(Failure),
    /// The host could not call the app, or not keep what came of the call.
    HostFailed,
}

/// How the app failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In one word.
    pub name: &'static str,
    /// In more.
    pub detail: String,
}

impl Failure {
    /// Returns the failure of a call during which the host crashed too often.
    pub(crate) fn crash() -> Self {
        Self {
            name: "crashed",
            detail: "the host crashed during the call".to_owned(),
        }
    }
}

/// A change of what is kept for the next run.
#[derive(Clone, Debug)]
pub enum Record {
    /// There is a watch.
    Watch(WatchNumber, String),
    /// There is no such watch any more, and nothing that was delivered for it.
    NoWatch(WatchNumber),
    /// The app knows a file from now on.
    Delivered(WatchNumber, FileChange),
    /// An event failed, or is over.
    Attempts(Uuid, Option<Attempts>),
    /// An event was given up, or is no longer kept.
    Parked(Uuid, Option<ParkedEvent>),
}

/// Something for the log.
#[derive(Debug)]
pub enum Report {
    /// The app failed to take an event.
    Failed {
        /// The event's id.
        id: Uuid,
        /// The event.
        event: Box<FileEvent>,
        /// How the app failed.
        failure: Failure,
        /// What becomes of the event.
        after: AfterFailure,
    },
    /// Too many events are parked: the oldest is gone.
    DroppedParked {
        /// The event's id.
        id: Uuid,
        /// When it was parked, in microseconds since the epoch.
        at: i64,
    },
    /// An event cannot be delivered again: the app no longer has its watch.
    NoWatch(Uuid),
    /// There are more files than are looked at.
    TooManyFiles {
        /// The datasite that has the most of them; empty for files beside the datasites.
        datasite: String,
        /// How many of it are looked at.
        n_files: usize,
    },
}
