//! What the host says to the queue, and what the queue has the host do.

use std::time::Duration;

use uuid::Uuid;

use super::{DueCall, KeptCall, KeptSchedule};
use crate::file_events::Failure;
use crate::timestamp::Timestamp;

/// What earlier runs left behind.
#[derive(Clone, Debug, Default)]
pub struct LeftDue {
    /// Calls that did not end well yet.
    pub calls: Vec<(Uuid, KeptCall)>,
    /// Schedules by their names.
    pub schedules: Vec<(String, KeptSchedule)>,
}

/// What can happen.
#[derive(Debug)]
pub enum DueEvent {
    /// A call is due, and is kept already.
    Added(DueCall),
    /// A [`DueAction::Run`] ended.
    Ended(Uuid, DueResult),
    /// A [`DueAction::Record`] ended.
    Recorded {
        /// All of it is kept; otherwise nothing of it.
        is_kept: bool,
    },
    /// The owner wants a parked call to run again.
    Retry(Uuid),
    /// The owner wants a parked call to be forgotten.
    Drop(Uuid),
}

/// What the host is to do.
#[derive(Debug)]
pub enum DueAction {
    /// Call the app; then [`DueEvent::Ended`].
    Run(DueRun),
    /// Keep all of this or nothing of it; then [`DueEvent::Recorded`].
    Record(Vec<DueRecord>),
    /// Write the list of parked calls for the owner.
    ListParked,
    /// Write the list of schedules for the owner.
    ListSchedules,
    /// Write this to the log.
    Report(Box<DueReport>),
}

/// One attempt of a call. If it ends well, its transaction deletes what is kept of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRun {
    /// The call.
    pub call: DueCall,
    /// 1, or more where earlier attempts failed.
    pub attempt: u32,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum DueResult {
    /// It ended well, and the call is no longer kept.
    Done,
    /// The app failed.
    Failed(Failure),
    /// The host could not call the app, or not keep what came of the call.
    HostFailed,
}

/// A change of what is kept for the next run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueRecord {
    /// A call is kept so, or no longer.
    Call(Uuid, Option<KeptCall>),
    /// A schedule is kept so, or no longer.
    Schedule(String, Option<KeptSchedule>),
}

/// What becomes of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailedCall {
    /// It runs again after this time.
    Later(Duration),
    /// It was tried often enough: it is parked.
    Parked,
}

/// Something for the log.
#[derive(Debug)]
pub enum DueReport {
    /// A call failed.
    Failed {
        /// The call and the attempt.
        run: DueRun,
        /// How the app failed.
        failure: Failure,
        /// What becomes of it.
        after: AfterFailedCall,
    },
    /// Too many calls are parked: the oldest is gone.
    DroppedParked {
        /// Its id.
        id: Uuid,
        /// When it was parked, in microseconds since the epoch.
        at: i64,
    },
    /// Times of a schedule were missed.
    Missed {
        /// The schedule.
        schedule: String,
        /// The first of them.
        first: Timestamp,
        /// The last of all that are due, which may be the only one.
        last: Timestamp,
        /// A call stands for all of them.
        runs: bool,
    },
    /// The clock was put back to before the last call of a schedule, whose times count from now.
    ClockPutBack {
        /// The schedule.
        schedule: String,
        /// When its last call was due.
        last: Timestamp,
    },
    /// A call was due of a schedule that the app no longer has.
    NoSchedule {
        /// The call.
        id: Uuid,
        /// The schedule.
        schedule: String,
    },
}
