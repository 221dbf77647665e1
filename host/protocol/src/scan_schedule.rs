//! When everything is scanned.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

/// The least time between two scans of everything. A scan that takes long is repeated less
/// often: scans that somebody requested take at most half of the time, the others at most
/// a twentieth. But no scan is later than a minute after the one before because of that.
const SCAN_EVERY: Duration = Duration::from_secs(5);
const SCAN_WITHIN: Duration = Duration::from_secs(60);
const SCAN_SHARE: u32 = 20;
const URGENT_EVERY: Duration = Duration::from_millis(100);

/// The time from one scan to the next of all scanners of a process together. It bounds what
/// many idle apps cost.
const ANY_SCAN_EVERY: Duration = Duration::from_millis(20);

/// When one scanner of an app scans everything: for requests, or for file events.
#[derive(Debug)]
pub struct ScanSchedule {
    next: Instant,
    is_scanning: bool,
    /// Somebody requested a scan since the last one began.
    is_urgent: bool,
    /// How long the parts of the scan took that have ended.
    took: Duration,
}

impl ScanSchedule {
    /// Returns a schedule whose first scan is due at this time.
    pub fn new(first: Instant) -> Self {
        Self {
            next: first,
            is_scanning: false,
            is_urgent: false,
            took: Duration::ZERO,
        }
    }

    /// Returns when the next scan is due; `None` while one is in progress.
    pub fn due_at(&self) -> Option<Instant> {
        (!self.is_scanning).then_some(self.next)
    }

    /// Moves the next scan forward, as far as the minimum interval allows. While a scan is in
    /// progress, another one follows: the first may have been past the place already.
    pub fn request(&mut self, now: Instant) {
        self.is_urgent = true;
        if !self.is_scanning {
            self.next = self.next.min(now + URGENT_EVERY);
        }
    }

    /// Takes note that a scan, or its next part, begins.
    pub fn begin(&mut self) {
        self.is_scanning = true;
        self.is_urgent = false;
    }

    /// Takes note that a part of a scan ended. The next part follows soon: there may be
    /// something in it that somebody waits for.
    pub fn end_part(&mut self, now: Instant, took: Duration) {
        self.took += took;
        self.end_with(now, URGENT_EVERY.max(took));
    }

    /// Takes note that a scan ended, given how many scanners the process has.
    pub fn end(&mut self, now: Instant, took: Duration, n_scanners: u32) {
        let all = std::mem::take(&mut self.took) + took;
        let pause = if self.is_urgent {
            URGENT_EVERY.max(took)
        } else {
            let share = (all * SCAN_SHARE).min(SCAN_WITHIN);
            SCAN_EVERY.max(share).max(ANY_SCAN_EVERY * n_scanners)
        };
        self.end_with(now, pause);
    }

    fn end_with(&mut self, now: Instant, pause: Duration) {
        self.is_scanning = false;
        self.next = now + pause;
    }
}
