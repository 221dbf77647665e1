//! The wall clock, for what is written down and what expires.

use std::time::SystemTime;

use syft_protocol::timestamp::Timestamp;

/// Returns what the clock of this machine shows.
pub fn now() -> Timestamp {
    Timestamp::from_system_time(SystemTime::now())
}
