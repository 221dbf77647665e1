//! Measures `syft-host` beside the released Python server and beside no sandbox at
//! all: `just bench`.
//!
//! Each case has its entrants, which are measured in turn, round by round, each time on
//! a tree of its own. What is compared is divided within a round, so that a machine that
//! is slow for a while is so for all; the spread over the rounds is shown.
//!
//! Every answer is checked. What is wrong or missing is counted and shown, since the
//! released server answers some requests before they are written. Goals are shown as met
//! or not and never fail the run: a busy machine misses them.

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

#[path = "suite/arithmetic.rs"]
mod arithmetic;
#[path = "suite/case.rs"]
mod case;
#[path = "suite/cases.rs"]
mod cases;
#[path = "suite/collector.rs"]
mod collector;
#[path = "suite/files.rs"]
mod files;
#[path = "suite/machine.rs"]
mod machine;
#[path = "suite/measure.rs"]
mod measure;
#[path = "suite/native.rs"]
mod native;
#[path = "suite/program.rs"]
mod program;
#[path = "suite/report.rs"]
mod report;
#[path = "suite/server.rs"]
mod server;
#[path = "suite/site.rs"]
mod site;
#[path = "suite/workload.rs"]
mod workload;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Parser;

use cases::{KINDS, Kind, Plan};
use report::Report;

/// Measure syft-host beside syft-event and a native loop
#[derive(Debug, Parser)]
struct Args {
    /// Measure this case only; may be given more than once
    #[arg(long = "case", value_name = "NAME", value_parser = KINDS.map(|kind| kind.name))]
    cases: Vec<String>,

    /// Rounds; each measures all entrants of a case
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,

    /// Try out everything: one round, and little in it
    #[arg(long)]
    quick: bool,

    /// Have syft-event answer 100,000 requests as well, which takes minutes a round
    #[arg(long)]
    large: bool,

    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write figures and tables into this folder, named after the day and the commit
    #[arg(long, value_name = "FOLDER")]
    results: Option<PathBuf>,

    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// Returns what keeps a part of the suite from taking the place of the whole.
    fn suffix(&self) -> String {
        let quick = self.quick.then_some("quick");
        let words = self.cases.iter().map(String::as_str).chain(quick);
        words.map(|word| format!("-{word}")).collect()
    }
}

fn main() -> anyhow::Result<()> {
    // What comes with `cargo test` is meant for tests, and not understood here.
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    if cfg!(debug_assertions) || !is_bench {
        say("skipped: only `cargo bench` gives figures that mean something");
        return Ok(());
    }
    let args = Args::parse();
    let n_rounds = args.rounds.unwrap_or(if args.quick { 1 } else { 5 });
    ensure!(n_rounds > 0, "nothing to measure");
    let plan = Plan {
        is_quick: args.quick,
        is_large: args.large,
    };
    let mut report = Report::new(plan, n_rounds);
    let mut failed = Vec::new();
    for kind in &KINDS {
        if args.cases.is_empty() || args.cases.iter().any(|name| name == kind.name) {
            match run(kind, plan, n_rounds) {
                Ok(case) => report.add(kind, case),
                Err(error) => {
                    say(&format!("  failed: {error:#}"));
                    failed.push(kind.name);
                }
            }
        }
    }
    say(&format!("\n{}", report.tables()));
    if let Some(path) = &args.json {
        write(path, &report.json())?;
    }
    if let Some(folder) = &args.results {
        fs::create_dir_all(folder)?;
        let stem = [report.stem(), args.suffix()].concat();
        let path = |extension| folder.join(format!("{stem}.{extension}"));
        write(&path("json"), &report.json())?;
        write(&path("md"), &report.tables())?;
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

fn run(kind: &Kind, plan: Plan, n_rounds: usize) -> anyhow::Result<case::Case> {
    let start = Instant::now();
    say(&format!("{}: {}", kind.name, kind.about));
    if !plan.is_quick {
        say(&format!(
            "  about {} s on two idle cores",
            kind.seconds * n_rounds
        ));
    }
    let mut case = (kind.make)(plan)?;
    case.run(n_rounds)?;
    say(&format!("  took {} s", start.elapsed().as_secs()));
    Ok(case)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

#[expect(clippy::print_stdout, reason = "what a benchmark is for")]
fn say(text: &str) {
    println!("{text}");
}
