//! The figures, as a table and as JSON.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Measured;

pub(crate) const SYFT_HOST: &str = "syft-host";
pub(crate) const SYFT_HOST_PYTHON: &str = "syft-host, Python";
pub(crate) const SYFT_EVENT: &str = "syft-event";
pub(crate) const NATIVE: &str = "native, 1 thread";
pub(crate) const NATIVE_2: &str = "native, 2 threads";

const CONTESTANTS: [&str; 5] = [SYFT_HOST, SYFT_HOST_PYTHON, SYFT_EVENT, NATIVE, NATIVE_2];

/// One contestant in one round. What was not measured is `None`.
struct Row {
    round: usize,
    name: &'static str,
    per_second: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    start_ms: Option<f64>,
    n_bad: usize,
}

type Figure = fn(&Row) -> Option<f64>;

/// The columns, with the digits after their points.
const COLUMNS: [(&str, usize, Figure); 4] = [
    ("backlog, requests/s", 0, |row| Some(row.per_second)),
    ("live p50, ms", 2, |row| row.p50_ms),
    ("live p99, ms", 2, |row| row.p99_ms),
    ("start, ms", 0, |row| row.start_ms),
];

/// What is compared: a figure of the first, divided by that of the second in the
/// same round.
const RATIOS: [(&str, &str, &str, Figure); 6] = [
    ("backlog rate", SYFT_HOST, SYFT_EVENT, |row| {
        Some(row.per_second)
    }),
    ("backlog rate", SYFT_HOST, SYFT_HOST_PYTHON, |row| {
        Some(row.per_second)
    }),
    ("live p50", SYFT_EVENT, SYFT_HOST, |row| row.p50_ms),
    ("live p99", SYFT_EVENT, SYFT_HOST, |row| row.p99_ms),
    ("backlog rate", NATIVE, SYFT_HOST, |row| {
        Some(row.per_second)
    }),
    ("backlog rate", NATIVE_2, SYFT_HOST, |row| {
        Some(row.per_second)
    }),
];

/// All figures of a run.
pub(crate) struct Report {
    n_requests: usize,
    n_live: usize,
    folder: PathBuf,
    rows: Vec<Row>,
}

impl Report {
    /// Returns a report without figures.
    pub(crate) fn new(n_requests: usize, n_live: usize, folder: PathBuf) -> Self {
        Self {
            n_requests,
            n_live,
            folder,
            rows: Vec::new(),
        }
    }

    pub(crate) fn heading(&self) -> String {
        format!(
            "{} requests lie there at the start, then {} come one at a time; trees in {}, {} cores",
            self.n_requests,
            self.n_live,
            self.folder.display(),
            n_cores(),
        )
    }

    /// Adds figures, and returns the rate of the backlog.
    pub(crate) fn add(&mut self, round: usize, name: &'static str, measured: &Measured) -> f64 {
        let per_second = self.n_requests as f64 / measured.backlog.as_secs_f64();
        self.rows.push(Row {
            round,
            name,
            per_second,
            p50_ms: percentile(&measured.latencies, 50),
            p99_ms: percentile(&measured.latencies, 99),
            start_ms: measured.start.map(milliseconds),
            n_bad: measured.n_bad,
        });
        per_second
    }

    /// Returns the tables: medians, with the least and the most in brackets.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("\n{:<18}", "median (min – max)");
        for (title, ..) in COLUMNS {
            text += &format!("  {title:<24}");
        }
        text += "  wrong or lost\n";
        for name in CONTESTANTS {
            let rows = || self.rows_of(name);
            if rows().next().is_none() {
                continue;
            }
            text += &format!("{name:<18}");
            for (_, digits, figure) in COLUMNS {
                let cell = Spread::of(rows().filter_map(figure).collect());
                let cell = cell.map_or("–".to_owned(), |it| it.show(digits));
                text += &format!("  {cell:<24}");
            }
            let n_bad: usize = rows().map(|row| row.n_bad).sum();
            text += &format!("  {n_bad}\n");
        }
        text += "\nratios, round by round\n";
        for (what, over, under, figure) in RATIOS {
            if let Some(spread) = self.ratio(over, under, figure) {
                let what = format!("{what}, {over} : {under}");
                text += &format!("{what:<44}  {}\n", spread.show(2));
            }
        }
        if self.rows_of(SYFT_EVENT).next().is_none() {
            text += "\n*** NOT COMPARED with the released syft-event: it does not run here.\n";
            text += "*** It needs Python with the packages of tests/python/requirements.txt.\n";
        }
        text
    }

    fn rows_of(&self, name: &str) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.name == name)
    }

    fn ratio(&self, over: &str, under: &str, figure: Figure) -> Option<Spread> {
        let of = |name, round| {
            let mut rows = self.rows_of(name);
            rows.find(|row| row.round == round).and_then(figure)
        };
        let ratios = self
            .rows_of(over)
            .filter_map(|row| Some(figure(row)? / of(under, row.round)?));
        Spread::of(ratios.collect())
    }

    pub(crate) fn json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            json!({
                "round": row.round,
                "contestant": row.name,
                "backlog_per_second": row.per_second,
                "live_p50_ms": row.p50_ms,
                "live_p99_ms": row.p99_ms,
                "start_ms": row.start_ms,
                "n_wrong_or_lost": row.n_bad,
            })
        });
        let ratios = RATIOS.into_iter().map(|(what, over, under, figure)| {
            json!({
                "what": what,
                "over": over,
                "under": under,
                "spread": self.ratio(over, under, figure).map(Spread::json),
            })
        });
        let report = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "n_requests": self.n_requests,
            "n_live": self.n_live,
            "folder": self.folder,
            "n_cores": n_cores(),
            "measured": rows.collect::<Vec<_>>(),
            "ratios": ratios.collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

/// The middle, the least and the most of some figures.
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let (min, max) = (*figures.first()?, *figures.last()?);
        let (low, high) = ((figures.len() - 1) / 2, figures.len() / 2);
        let median = (figures[low] + figures[high]) / 2.0;
        Some(Self { median, min, max })
    }

    fn show(&self, digits: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.digits$} ({min:.digits$} – {max:.digits$})")
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "min": self.min, "max": self.max })
    }
}

/// Returns a percentile of times in ascending order: the least of them that so
/// many percent do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied().map(milliseconds)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn n_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
