//! The clocks that a call reads.

use super::Given;

/// A clock that a call reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// In nanoseconds since 1970.
    Wall,
    /// In nanoseconds.
    Monotonic,
    /// What is left of its time, in microseconds.
    TimeLeft,
}

/// By how much a clock goes on of which no reading is left.
const TICK: u64 = 1_000;

impl Clock {
    /// Returns what it shows after the last reading that there is.
    pub(super) fn after(self, last: u64) -> u64 {
        match self {
            Self::Wall | Self::Monotonic => last.saturating_add(TICK),
            Self::TimeLeft => last.saturating_sub(1),
        }
    }
}

impl Given {
    pub(super) fn readings(&self, clock: Clock) -> &Vec<u64> {
        match clock {
            Clock::Wall => &self.wall_clock,
            Clock::Monotonic => &self.monotonic_clock,
            Clock::TimeLeft => &self.time_left,
        }
    }

    pub(super) fn readings_mut(&mut self, clock: Clock) -> &mut Vec<u64> {
        match clock {
            Clock::Wall => &mut self.wall_clock,
            Clock::Monotonic => &mut self.monotonic_clock,
            Clock::TimeLeft => &mut self.time_left,
        }
    }
}
