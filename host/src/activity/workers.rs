//! The machines that run calls for this host, as it knows them.

use serde::{Deserialize, Serialize};

/// What is known of workers, and of the calls that they are given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkersStatistics {
    /// The address of the NATS server by which they are reached.
    pub server: String,
    /// It is reached now.
    pub is_connected: bool,
    /// Calls that wait for a worker.
    pub queued: usize,
    /// Calls that workers run.
    pub running: usize,
    /// Calls that ended on a worker.
    pub finished: u64,
    /// Times that a call was given out again.
    pub redelivered: u64,
    /// Times that a worker did not bring a call to its end.
    pub lost: u64,
    /// What workers asked for or sent that was not theirs to ask for or send.
    pub refused: u64,
    /// The workers, by name.
    pub workers: Vec<WorkerStatistics>,
}

/// What is known of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatistics {
    /// Its name.
    pub name: String,
    /// What its owner says of it.
    pub labels: Vec<String>,
    /// Calls that it runs at a time.
    pub concurrency: usize,
    /// Calls that it runs now.
    pub running: usize,
    /// How long ago it was last heard, in milliseconds.
    pub heard_ms_ago: u64,
    /// Calls that it brought to their end.
    pub finished: u64,
    /// Those that it did not.
    pub lost: u64,
}
