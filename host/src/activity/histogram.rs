//! How long calls took, in buckets that many threads count into.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where buckets end within a power of ten: none is more than a third wider than the one before.
const STEPS: [u64; 10] = [100, 125, 150, 200, 250, 300, 400, 500, 650, 800];

/// From 10 µs, by powers of ten.
const N_DECADES: usize = 8;
const N_BUCKETS: usize = STEPS.len() * N_DECADES + 1;

/// Where the buckets end that are published, in seconds.
pub const PUBLISHED_BOUNDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0,
];

/// Counts durations.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: [AtomicU64; N_BUCKETS],
    sum_micros: AtomicU64,
    max_micros: AtomicU64,
}

/// What is known of durations that were counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// All together, in milliseconds.
    pub sum_ms: f64,
    /// Half of them took less, in milliseconds.
    pub p50_ms: f64,
    /// Of a hundred, 99 took less.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// How many were not longer than each of [`PUBLISHED_BOUNDS`].
    pub at_most: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; N_BUCKETS],
            sum_micros: AtomicU64::new(0),
            max_micros: AtomicU64::new(0),
        }
    }
}

/// Returns where a bucket ends, in microseconds; the last one does not.
fn end(bucket: usize) -> u64 {
    let decade = u32::try_from(bucket / STEPS.len()).unwrap_or(u32::MAX);
    STEPS[bucket % STEPS.len()] * 10_u64.saturating_pow(decade) / 10
}

/// Returns the bucket that counts a duration.
fn bucket(micros: u64) -> usize {
    let scaled = micros.saturating_mul(10);
    let (mut decade, mut unit) = (0, 1);
    while decade < N_DECADES && scaled > STEPS[STEPS.len() - 1] * unit {
        decade += 1;
        unit *= 10;
    }
    let step = STEPS.partition_point(|step| step * unit < scaled);
    (decade * STEPS.len() + step).min(N_BUCKETS - 1)
}

impl Histogram {
    pub(super) fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros)].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
        // Reading is cheaper than writing what is there already.
        if self.max_micros.load(Ordering::Relaxed) < micros {
            self.max_micros.fetch_max(micros, Ordering::Relaxed);
        }
    }

    /// Returns what all of several histograms have counted.
    pub(super) fn latency<'a>(all: impl IntoIterator<Item = &'a Self>) -> Latency {
        let (mut counts, mut sum_micros, mut max_micros) = ([0; N_BUCKETS], 0, 0);
        for histogram in all {
            for (sum, count) in counts.iter_mut().zip(&histogram.counts) {
                *sum += count.load(Ordering::Relaxed);
            }
            sum_micros += histogram.sum_micros.load(Ordering::Relaxed);
            max_micros = histogram.max_micros.load(Ordering::Relaxed).max(max_micros);
        }
        let up_to = |bound: f64| -> u64 {
            let ends = (0..N_BUCKETS - 1)
                .take_while(|bucket| end(*bucket) as f64 <= (bound * 1e6).round());
            ends.map(|bucket| counts[bucket]).sum()
        };
        let max_ms = max_micros as f64 / 1e3;
        let count = counts.iter().sum();
        if count == 0 {
            return Latency::default();
        }
        Latency {
            count,
            sum_ms: sum_micros as f64 / 1e3,
            p50_ms: quantile(&counts, count, 0.5).min(max_ms),
            p99_ms: quantile(&counts, count, 0.99).min(max_ms),
            max_ms,
            at_most: PUBLISHED_BOUNDS.map(up_to).to_vec(),
        }
    }
}

/// Returns the time that such a part of all did not exceed, in milliseconds: within its bucket
/// durations are taken to be spread evenly.
fn quantile(counts: &[u64; N_BUCKETS], count: u64, part: f64) -> f64 {
    let wanted = (count as f64 * part).max(1.0);
    let mut before = 0;
    for (bucket, in_bucket) in counts.iter().enumerate() {
        let sum = before + in_bucket;
        if sum as f64 >= wanted {
            let begin = bucket.checked_sub(1).map_or(0, end) as f64;
            let end = end(bucket.min(N_BUCKETS - 2)) as f64;
            let within = (wanted - before as f64) / *in_bucket as f64;
            return (begin + (end - begin).max(0.0) * within) / 1e3;
        }
        before = sum;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_bucket_around_it() {
        for micros in (0..2_000).chain((1..3_000).map(|n| n * n * n)) {
            let bucket = bucket(micros);
            if bucket + 1 < N_BUCKETS {
                assert!(micros <= end(bucket), "{micros} in {bucket}");
            }
            if let Some(before) = bucket.checked_sub(1) {
                assert!(micros > end(before), "{micros} in {bucket}");
            }
        }
        assert_eq!(bucket(u64::MAX), N_BUCKETS - 1);
    }

    #[test]
    fn published_bounds_are_ends_of_buckets() {
        for bound in PUBLISHED_BOUNDS {
            let micros = (bound * 1e6).round() as u64;
            assert_eq!(end(bucket(micros)), micros, "{bound}");
        }
    }

    #[test]
    fn quantiles_are_near_to_what_they_are_of() {
        let histogram = Histogram::default();
        for millis in 1..=1_000 {
            histogram.add(Duration::from_millis(millis));
        }
        let latency = Histogram::latency([&histogram]);
        assert_eq!(latency.count, 1_000);
        assert!((450.0..550.0).contains(&latency.p50_ms), "{latency:?}");
        assert!((900.0..1_010.0).contains(&latency.p99_ms), "{latency:?}");
        assert_eq!(latency.at_most[6], 100, "{latency:?}");
        assert_eq!(latency.at_most[11], 1_000, "{latency:?}");
        let all = Histogram::latency([&histogram, &histogram]);
        assert_eq!((all.count, all.sum_ms), (2_000, 1_001_000.0));
        assert_eq!(Histogram::latency([]), Latency::default());
        let one = Histogram::default();
        one.add(Duration::from_micros(2_009));
        assert_eq!(Histogram::latency([&one]).p50_ms, 2.009);
    }
}
