//! What is measured of a program, each time on a site of its own.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;

use crate::arithmetic::percentile;
use crate::case::{AT_ONCE, CPU, MEMORY, Measured, P50, P99, START, TOOK};
use crate::native::Loop;
use crate::program::Program;
use crate::server::{self, IsRight, Live, Server, send_at, warm_up};
use crate::site::{self, Cue, Place, Site, is_copied};
use crate::workload::Workload;

/// A start that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Files that may be lost before a server sees what comes while it runs.
const N_WARM_UP: usize = 30;

/// Requests that lie there at the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    pub(crate) workload: Workload,
    pub(crate) place: Place,
    pub(crate) n_requests: usize,
}

impl Backlog {
    /// Times a server from the moment it says that it is ready, before it has looked at
    /// the tree, until the last answer is made (its time of creation). So finding
    /// the requests counts; starting a process does not.
    pub(crate) fn of(self, program: &Program) -> anyhow::Result<Measured> {
        let (n_answered, took, measured) = self.time(program)?;
        Ok(measured.with_pace(n_answered, took))
    }

    /// As [`Backlog::of`], for handlers that each take a second.
    pub(crate) fn of_seconds(self, program: &Program) -> anyhow::Result<Measured> {
        let (n_answered, took, measured) = self.time(program)?;
        let took = took.as_secs_f64();
        Ok(measured
            .with(&TOOK, took)
            .with(&AT_ONCE, n_answered as f64 / took))
    }

    fn time(self, program: &Program) -> anyhow::Result<(usize, Duration, Measured)> {
        let site = Site::new(self.place)?;
        let answers = site.fill(&self.workload, self.n_requests)?;
        let server = program.start(&site)?;
        let before = server.processor_time();
        let is_right = |answer: &Path| self.workload.is_right(answer);
        let (n_answered, took) = server.finish(&answers, server.ready, &is_right)?;
        let measured = Measured::new(self.workload.n_bad(&answers))
            .with(&CPU, used_each(&server, before, n_answered))
            .with(&MEMORY, server.peak_memory());
        Ok((n_answered, took, measured))
    }

    /// Times the native loop.
    pub(crate) fn of_native(self, native: Loop) -> anyhow::Result<Measured> {
        let site = Site::new(self.place)?;
        let answers = site.fill(&self.workload, self.n_requests)?;
        let took = native.answer_all(&site, self.workload.endpoint)?;
        let n_bad = self.workload.n_bad(&answers);
        Ok(Measured::new(n_bad).with_pace(answers.len(), took))
    }
}

/// Sends requests at a rate to a server that runs.
pub(crate) fn live(
    program: &Program,
    workload: Workload,
    per_second: u32,
    n_requests: usize,
) -> anyhow::Result<Measured> {
    let site = Site::new(Place::Memory)?;
    let first = site.requests(&workload, N_WARM_UP)?;
    let server = program.start(&site)?;
    let is_right = |answer: &Path| workload.is_right(answer);
    warm_up(&first, &is_right)?;
    let cues = site.requests(&workload, n_requests)?;
    let before = server.processor_time();
    let live = send_at(per_second, &cues, &is_right)?;
    Ok(latencies(&live, &server).with(&CPU, used_each(&server, before, n_requests)))
}

/// Sends requests all at once to a server that runs, and times from the first until the last
/// answer.
pub(crate) fn flood(
    program: &Program,
    workload: Workload,
    n_requests: usize,
) -> anyhow::Result<Measured> {
    let site = Site::new(Place::Memory)?;
    let first = site.requests(&workload, N_WARM_UP)?;
    let server = program.start(&site)?;
    let is_right = |answer: &Path| workload.is_right(answer);
    warm_up(&first, &is_right)?;
    let requests = site.requests(&workload, n_requests)?;
    all_at_once(&server, requests, &is_right)
}

/// As [`live`], with files that an app copies which watches them.
pub(crate) fn watch(
    program: &Program,
    per_second: u32,
    n_files: usize,
) -> anyhow::Result<Measured> {
    let site = Site::new(Place::Memory)?;
    let server = program.start(&site)?;
    warm_up(&site.files(N_WARM_UP), &is_copied)?;
    let live = send_at(per_second, &site.files(n_files), &is_copied)?;
    Ok(latencies(&live, &server))
}

/// Writes files all at once that an app copies which watches them, and times from the
/// first until the last copy.
pub(crate) fn watch_burst(program: &Program, n_files: usize) -> anyhow::Result<Measured> {
    let site = Site::new(Place::Memory)?;
    let server = program.start(&site)?;
    warm_up(&site.files(N_WARM_UP), &is_copied)?;
    all_at_once(&server, site.files(n_files), &is_copied)
}

/// Writes files all at once, and times from the first until the last answer.
fn all_at_once(server: &Server, cues: Vec<Cue>, is_right: IsRight<'_>) -> anyhow::Result<Measured> {
    let (n_cues, start) = (cues.len(), SystemTime::now());
    let answers = site::write(cues)?;
    let (n_answered, took) = server.finish(&answers, start, is_right)?;
    let measured = Measured::new(n_cues - n_answered).with_pace(n_answered, took);
    Ok(measured.with(&MEMORY, server.peak_memory()))
}

/// Returns the processor time that a server used for each of so many requests, in microseconds.
/// The kernel counts hundredths of a second, so it takes many to tell.
fn used_each(server: &Server, before: Option<Duration>, n_requests: usize) -> Option<f64> {
    const FEW: usize = 100;
    let used = server.processor_time()?.checked_sub(before?)?;
    (n_requests >= FEW).then(|| used.as_secs_f64() / n_requests as f64 * 1e6)
}

fn latencies(live: &Live, server: &Server) -> Measured {
    let at = |percent| {
        let latency = percentile(&live.latencies, percent);
        latency.map(|latency| latency.as_secs_f64() * 1e3)
    };
    Measured::new(live.n_bad)
        .with(&P50, at(50))
        .with(&P99, at(99))
        .with(&MEMORY, server.peak_memory())
}

/// Times from the start of a process until a request that lay there is answered: the
/// median of so many starts.
pub(crate) fn start(
    program: &Program,
    workload: Workload,
    n_starts: usize,
) -> anyhow::Result<Measured> {
    let (mut times, mut memory, mut n_bad) = (Vec::new(), None, 0);
    for _ in 0..n_starts {
        let site = Site::new(Place::Memory)?;
        let cues = site.requests(&workload, 1)?;
        let cue = cues.first().context("one request")?;
        cue.write()?;
        let (_watcher, changes) = server::watch(&cues)?;
        let is_right = |answer: &Path| workload.is_right(answer);
        let spawned = Instant::now();
        let server = program.start(&site)?;
        let took = server::wait(cue, &changes, spawned, PATIENCE, &is_right);
        times.extend(took);
        n_bad += usize::from(is_right(&cue.answer) != Some(true));
        memory = server.peak_memory();
    }
    times.sort();
    let median = percentile(&times, 50).map(|time| time.as_secs_f64() * 1e3);
    Ok(Measured::new(n_bad)
        .with(&START, median)
        .with(&MEMORY, memory))
}
