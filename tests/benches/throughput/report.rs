//! The figures, as a table and as JSON.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Measured;

pub(crate) const SYFT_HOST: &str = "syft-host";
pub(crate) const SYFT_EVENT: &str = "syft-event 0.4.3";
pub(crate) const NATIVE: &str = "native, 1 thread";
pub(crate) const NATIVE_2: &str = "native, 2 threads";

/// One contestant in one round. A figure that was not measured is `None`.
struct Row {
    round: usize,
    name: &'static str,
    per_second: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    start_ms: Option<f64>,
    n_bad: usize,
}

/// All figures of a run.
pub(crate) struct Report {
    n_requests: usize,
    n_live: usize,
    folder: PathBuf,
    not_run: Option<String>,
    rows: Vec<Row>,
}

type Figure = fn(&Row) -> Option<f64>;

/// What is compared: over, under, of which figure.
const RATIOS: [(&str, &str, &str, &str, Figure); 4] = [
    ("backlog: syft-host is faster than syft-event by", SYFT_HOST, SYFT_EVENT, "×", |row| Some(row.per_second)),
    ("live p50: syft-event takes longer than syft-host by", SYFT_EVENT, SYFT_HOST, "×", |row| row.p50_ms),
    ("backlog: native, 1 thread, is faster than syft-host by", NATIVE, SYFT_HOST, "×", |row| Some(row.per_second)),
    ("backlog: native, 2 threads, is faster than syft-host by", NATIVE_2, SYFT_HOST, "×", |row| Some(row.per_second)),
];
