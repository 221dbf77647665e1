//! Numbers over time, for the charts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use syft_system::machine;

use crate::activity::AppStatistics;

/// How often they are taken, and how many are kept: ten minutes.
pub(super) const EVERY: Duration = Duration::from_secs(2);
const MOST: usize = 300;

/// The numbers of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sample {
    /// Calls a second since the one before.
    pub(super) calls_per_second: f64,
    /// Of these, those that failed.
    pub(super) errors_per_second: f64,
    /// How long a call took on average, in milliseconds; 0 where there was none.
    pub(super) mean_ms: f64,
    /// What the host has in memory, in bytes.
    pub(super) memory_bytes: f64,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) refused: u64,
    pub(super) denied: u64,
    pub(super) sum_ms: f64,
}

impl Totals {
    pub(super) fn of(apps: &[AppStatistics]) -> Self {
        apps.iter().fold(Self::default(), |sum, app| Self {
            calls: sum.calls + app.calls.count,
            errors: sum.errors + app.calls.errors,
            refused: sum.refused + app.refused,
            denied: sum.denied + app.denied,
            sum_ms: sum.sum_ms + app.calls.latency.sum_ms,
        })
    }
}

/// The samples of the last minutes, the oldest first.
#[derive(Default)]
pub(super) struct Samples {
    samples: VecDeque<Sample>,
    before: Option<(Instant, Totals)>,
}

impl Samples {
    /// Takes a sample.
    pub(super) fn take(&mut self, now: Instant, totals: Totals, memory_bytes: u64) {
        if let Some((then, before)) = self.before.replace((now, totals)) {
            let seconds = now.duration_since(then).as_secs_f64().max(1e-3);
            // An app that was removed takes its counts with it.
            let calls = totals.calls.saturating_sub(before.calls) as f64;
            let mean_ms = (totals.sum_ms - before.sum_ms).max(0.0) / calls.max(1.0);
            self.samples.push_back(Sample {
                calls_per_second: calls / seconds,
                errors_per_second: totals.errors.saturating_sub(before.errors) as f64 / seconds,
                mean_ms,
                memory_bytes: memory_bytes as f64,
            });
            self.samples
                .drain(..self.samples.len().saturating_sub(MOST));
        }
    }

    /// Returns one number of each sample.
    pub(super) fn of(&self, number: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(number).collect()
    }

    /// Returns the last sample.
    pub(super) fn last(&self) -> Sample {
        self.samples.back().copied().unwrap_or_default()
    }
}

/// Returns what this process has in memory, in bytes; 0 where the system does not tell.
pub(super) fn memory_of_host() -> u64 {
    machine::own_memory().map_or(0, |bytes| bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_differences_over_time() {
        let (mut samples, start) = (Samples::default(), Instant::now());
        let totals = |calls, errors, sum_ms| Totals {
            calls,
            errors,
            sum_ms,
            ..Totals::default()
        };
        samples.take(start, totals(10, 1, 100.0), 5);
        samples.take(start + EVERY, totals(30, 5, 140.0), 6);
        samples.take(start + EVERY * 2, totals(30, 5, 140.0), 7);
        assert_eq!(samples.of(|sample| sample.calls_per_second), [10.0, 0.0]);
        assert_eq!(samples.of(|sample| sample.errors_per_second), [2.0, 0.0]);
        assert_eq!(samples.of(|sample| sample.mean_ms), [2.0, 0.0]);
        assert_eq!(samples.last().memory_bytes, 7.0);
        for n in 3..1_000 {
            samples.take(start + EVERY * n, totals(0, 0, 0.0), 0);
        }
        assert_eq!(samples.of(|sample| sample.mean_ms).len(), MOST);
    }

    #[test]
    fn a_process_is_in_memory() {
        assert!(memory_of_host() > 1 << 20);
    }
}
