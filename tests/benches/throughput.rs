//! Compares `syft-host run` with the released Python server and with no sandbox
//! at all: `just bench`.
//!
//! Each contestant answers the same requests to an equal `/hello`, on trees of
//! its own in memory, one contestant after the other, round by round.
//!
//! - *Backlog*: requests that lie there at the start. Timed from the moment the
//!   server says that it is ready, before it has looked at the tree, until the
//!   last answer is written (its modification time). So finding the requests
//!   counts; starting a process does not, and has a column of its own.
//! - *Live*: then, in the same process, one request at a time, written in place
//!   as released clients do. Timed from the end of the write until the caller
//!   has read the whole answer. The caller learns of it by a watcher, not by
//!   polling: it would take one of few cores.
//!
//! Every answer is checked. What is wrong or missing is counted and shown, since
//! the released server answers some requests before they are written.

#[path = "../support"]
#[allow(
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "made for tests"
)]
mod support {
    pub(crate) mod guests;

    pub(crate) fn not_run(why: &str) {
        super::say(why);
    }
}
#[path = "../python/venv.rs"]
#[allow(clippy::unwrap_used, reason = "made for tests")]
mod venv;

#[path = "throughput/native.rs"]
mod native;
#[path = "throughput/peer.rs"]
mod peer;
#[path = "throughput/report.rs"]
mod report;
#[path = "throughput/server.rs"]
mod server;
#[path = "throughput/site.rs"]
mod site;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use report::Report;
use server::Server;
use site::{OWNER, Site};
use support::guests;

/// Compare syft-host with syft-event and with a native loop
#[derive(Debug, Parser)]
struct Args {
    /// Requests that lie there at the start
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    requests: usize,

    /// Requests that are sent one at a time
    #[arg(long, value_name = "N", default_value_t = 300)]
    live: usize,

    /// Rounds; each runs all contestants
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,

    /// Write all figures to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Contestant {
    SyftHost {
        name: &'static str,
        component: PathBuf,
    },
    SyftEvent {
        python: &'static Path,
    },
    Native {
        n_threads: usize,
    },
}

/// What one contestant did in one round.
#[derive(Debug)]
struct Measured {
    /// From the start of the process until it was ready.
    start: Option<Duration>,
    backlog: Duration,
    /// Of live requests that were answered well, in ascending order.
    latencies: Vec<Duration>,
    /// Answers that are wrong or missing.
    n_bad: usize,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if cfg!(debug_assertions) || !args.bench {
        say("skipped: only `cargo bench` gives figures that mean something");
        return Ok(());
    }
    anyhow::ensure!(args.requests > 0 && args.rounds > 0, "nothing to measure");
    let contestants = contestants()?;
    let mut report = Report::new(args.requests, args.live, Site::folder());
    say(&report.heading());
    for round in 1..=args.rounds {
        for contestant in &contestants {
            let name = contestant.name();
            let measured = contestant
                .measure(&args)
                .with_context(|| format!("measure {name}"))?;
            let rate = report.add(round, name, &measured);
            say(&format!("round {round}: {name:<18} {rate:>8.0} requests/s"));
        }
    }
    say(&report.summary());
    if let Some(path) = &args.json {
        fs::write(path, report.json()).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Returns all that can be run here: syft-event only where there is a Python.
fn contestants() -> anyhow::Result<Vec<Contestant>> {
    let mut contestants = vec![guest(report::SYFT_HOST, guests::example("hello"))?];
    if let Some(python) = venv::python() {
        contestants.push(guest(report::SYFT_HOST_PYTHON, build_python()?)?);
        contestants.push(Contestant::SyftEvent { python });
    }
    contestants.extend([1, 2].map(|n_threads| Contestant::Native { n_threads }));
    Ok(contestants)
}

fn guest(name: &'static str, component: PathBuf) -> anyhow::Result<Contestant> {
    // Compiles it, which is done once and not measured.
    Server::start(syft_host(&Site::new()?, &component))?;
    Ok(Contestant::SyftHost { name, component })
}

/// Builds the guest that is written in Python.
fn build_python() -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-home");
    fs::create_dir_all(&folder)?;
    let component = folder.join("hello.wasm");
    let program = guests::repository().join("tests/benches/throughput/hello_guest.py");
    let status = Command::new(env!("CARGO_BIN_EXE_syft-host"))
        .arg("build")
        .arg(program)
        .arg("-o")
        .arg(&component)
        .env("SYFT_HOST_HOME", &folder)
        .status()?;
    anyhow::ensure!(status.success(), "the Python guest does not build");
    Ok(component)
}

impl Contestant {
    fn name(&self) -> &'static str {
        match self {
            Self::SyftHost { name, .. } => name,
            Self::SyftEvent { .. } => report::SYFT_EVENT,
            Self::Native { n_threads: 1 } => report::NATIVE,
            Self::Native { .. } => report::NATIVE_2,
        }
    }

    fn measure(&self, args: &Args) -> anyhow::Result<Measured> {
        let site = Site::new()?;
        let backlog = site.fill(args.requests)?;
        let command = match self {
            Self::SyftHost { component, .. } => syft_host(&site, component),
            Self::SyftEvent { python } => peer::command(&site, python)?,
            Self::Native { n_threads } => {
                return Ok(Measured {
                    start: None,
                    backlog: native::answer_all(&site, *n_threads)?,
                    latencies: Vec::new(),
                    n_bad: site.n_bad(&backlog),
                });
            }
        };
        let server = Server::start(command)?;
        let took = server.finish_backlog(&site, &backlog)?;
        let live = server.answer_live(&site, args.live)?;
        Ok(Measured {
            start: Some(server.start),
            backlog: took,
            latencies: live.latencies,
            n_bad: site.n_bad(&backlog) + live.n_bad,
        })
    }
}

fn syft_host(site: &Site, component: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syft-host"));
    command
        .env_clear()
        .env("HOME", site.path())
        .env(
            "SYFT_HOST_HOME",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-home"),
        )
        .arg("run")
        .arg(component)
        .args(["--json", "--log", "warn", "--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    command
}

#[expect(clippy::print_stdout, reason = "what a benchmark is for")]
fn say(text: &str) {
    println!("{text}");
}
