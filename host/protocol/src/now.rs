//! The time of one step.

use std::time::Instant;

use crate::timestamp::Timestamp;

/// The two clocks, read once per step.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For delays.
    pub instant: Instant,
    /// For comparison with the times in messages.
    pub wall: Timestamp,
}
