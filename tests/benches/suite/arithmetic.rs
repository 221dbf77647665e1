//! What is made of times: percentiles, ratios, spreads, and when requests are due.

use std::fmt;
use std::time::{Duration, Instant};

/// The middle, the least and the most of some figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Returns the spread, of one figure at least.
    pub(crate) fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let (min, max) = (*figures.first()?, *figures.last()?);
        let (low, high) = ((figures.len() - 1) / 2, figures.len() / 2);
        let median = f64::midpoint(figures[low], figures[high]);
        Some(Self { median, min, max })
    }

    pub(crate) fn show(&self, digits: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.digits$} ({min:.digits$} – {max:.digits$})")
    }
}

/// Returns a percentile of times in ascending order: the least of them that so
/// many percent do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// Divides round by round. A round in which one of both is missing has no ratio.
pub(crate) fn ratios(over: &[Option<f64>], under: &[Option<f64>]) -> Vec<f64> {
    let pairs = over.iter().zip(under);
    pairs
        .filter_map(|(over, under)| Some((*over)? / (*under)?))
        .collect()
}

/// What a figure is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub(crate) fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(bound) => figure >= bound,
            Self::AtMost(bound) => figure <= bound,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
        }
    }
}

/// When requests are due that come at a rate, whatever becomes of those before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) start: Instant,
    pub(crate) per_second: u32,
}

impl Schedule {
    pub(crate) fn due(&self, number: usize) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 / f64::from(self.per_second))
    }

    /// Returns how long after its being due something came: the time that it took, and
    /// the time that it was begun too late.
    pub(crate) fn latency(&self, number: usize, came: Instant) -> Duration {
        came.saturating_duration_since(self.due(number))
    }
}
