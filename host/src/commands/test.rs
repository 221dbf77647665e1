//! `syft-host test`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use syft_manifest::Limits;

use super::Exit;
use super::run::parse_call_time;
use crate::app_builder::{self, NativeBuild, ProgramInputs, TestResult, TestedProgram};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;

/// Run the tests of an app
///
/// Tests of a Python program are functions in files `test_*.py` or `*_test.py` beside it or in
/// `tests/`, whose names begin with `test`. Each runs in the sandbox together with the program: in
/// an instance of its own, with an empty state, and in a datasite that is thrown away, where the
/// app has the files that its `syft-app.toml` asks for. No SyftBox is needed.
///
/// Tests of a crate are run by `cargo test`. That runs code of its author outside of any sandbox,
/// so you are asked before, unless you approved the folder for good.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Folder of the guest crate; Python program, or folder with `app.py`
    #[arg(default_value = ".", value_name = "PATH")]
    path: PathBuf,

    /// Run only tests whose names contain this
    #[arg(
        short = 'k',
        long = "filter",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    filter: Option<String>,

    /// Time that a test of a Python program may take [default: that of a call]
    #[arg(long, value_name = "DURATION", value_parser = parse_call_time)]
    time: Option<Duration>,

    /// File beside a Python program that goes into the app; may be given more than once
    #[arg(long, value_name = "FILE")]
    include: Vec<String>,

    /// Test a crate without asking, although that runs code of its author outside of any sandbox
    #[arg(long)]
    allow_native_build: bool,
}

pub(super) async fn test(
    ui: Ui,
    overrides: &Overrides,
    args: &TestArgs,
) -> Result<Exit, CommandError> {
    let inputs = ProgramInputs {
        included: &args.include,
        arguments: &[],
        variables: &[],
    };
    let config = Config::load(overrides)?;
    let limits = |limits: Limits| Limits {
        time: args.time.unwrap_or(limits.time),
        ..limits
    };
    let tested =
        app_builder::tested_program(ui, overrides, &config, &args.path, inputs, limits).await?;
    match tested {
        Some(program) => test_program(ui, args, &program).await,
        None => test_crate(ui, overrides, args),
    }
}

async fn test_program(
    ui: Ui,
    args: &TestArgs,
    program: &TestedProgram,
) -> Result<Exit, CommandError> {
    let tests = program.tests(args.filter.as_deref().unwrap_or_default());
    if tests.is_empty() {
        let message = "there are no such tests";
        return Err(CommandError::new(message)
            .hint("names of tests begin with `test`; -k TEXT takes those with TEXT in it"));
    }
    let (begun, n_tests) = (Instant::now(), tests.len());
    let mut n_failed = 0;
    for test in tests {
        let result = program.run(test).await?;
        n_failed += usize::from(result.failure.is_some());
        show(ui, &result)?;
    }
    let (n_passed, took) = (n_tests - n_failed, begun.elapsed());
    ui.json(&json!({
        "event": "tested",
        "passed": n_passed,
        "failed": n_failed,
        "ms": ms(took),
    }))?;
    let failed = match n_failed {
        0 => String::new(),
        n_failed => format!(", {n_failed} failed"),
    };
    ui.line(&format!(
        "{n_passed} passed{failed} in {:.1} s",
        took.as_secs_f64()
    ))?;
    Ok(exit(n_failed == 0))
}

fn show(ui: Ui, result: &TestResult) -> Result<(), CommandError> {
    let TestResult {
        name,
        failure,
        output,
        took,
    } = result;
    ui.json(&json!({
        "event": "test",
        "name": name,
        "ok": failure.is_none(),
        "ms": ms(*took),
        "failure": failure,
        "output": output,
    }))?;
    let word = if failure.is_some() { "FAILED" } else { "ok" };
    ui.line(&format!("{word:<6} {name}  {} ms", took.as_millis()))?;
    if let Some(failure) = failure {
        for line in failure.lines() {
            ui.line(&format!("    {line}"))?;
        }
        if !output.is_empty() {
            ui.line("    It printed:")?;
        }
        for line in output.lines() {
            ui.line(&format!("    | {line}"))?;
        }
    }
    Ok(())
}

fn test_crate(ui: Ui, overrides: &Overrides, args: &TestArgs) -> Result<Exit, CommandError> {
    if !args.path.is_dir() {
        let message = format!("{}: no sources are there", args.path.display());
        return Err(CommandError::new(message)
            .hint("give a Python program, or the folder of a guest crate"));
    }
    if args.path.join("package.json").exists() && !args.path.join("Cargo.toml").exists() {
        let message = format!(
            "{}: tests in JavaScript run by Node.js",
            args.path.display()
        );
        return Err(CommandError::new(message).hint("npm test"));
    }
    let native = NativeBuild::by_option(args.allow_native_build);
    let filter = args.filter.as_deref();
    let (said, passes) = app_builder::test_crate(ui, overrides, &args.path, filter, native)?;
    if ui.is_json() {
        ui.status(&String::from_utf8_lossy(&said));
        ui.json(&json!({"event": "tested", "ok": passes}))?;
    } else {
        ui.bytes(&said)?;
    }
    Ok(exit(passes))
}

fn exit(passes: bool) -> Exit {
    if passes {
        Exit::Success
    } else {
        Exit::TestFailed
    }
}

/// Returns milliseconds with one decimal.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}
