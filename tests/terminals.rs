//! What the tutorials show of terminals is what is seen there: `docs/terminals/record` types their
//! commands. `BLESS=1` has it write what is seen.
//!
//! Why: docs/decisions/80-pages-are-recorded-in-place.md

use std::path::Path;
use std::process::Command;

use crate::python::venv;
use crate::support::guests::repository;
use crate::support::host::{Ended, output_of_build, shared_cache};

fn check(page: &str) {
    // The one with the released client, which a caller uses.
    let Some(python) = venv::python() else {
        return;
    };
    let docs = repository().join("docs");
    let mut command = Command::new(python);
    command
        .arg("-B")
        .arg(docs.join("terminals/record"))
        .args(["--program", env!("CARGO_BIN_EXE_syft-host")])
        .arg("--path")
        .arg(python.parent().unwrap())
        .arg("--cache")
        .arg(shared_cache())
        // What is built in Rust shares its dependencies with the last run.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects"),
        );
    if std::env::var_os("BLESS").is_none() {
        command.arg("--check");
    }
    command.arg(docs.join("tutorials").join(page));
    let ended = Ended::of(&output_of_build(&mut command));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn who_writes_an_app_sees_what_the_page_shows() {
    check("author.md");
}

#[test]
fn who_runs_apps_of_others_sees_what_the_page_shows() {
    check("owner.md");
}

#[test]
fn who_calls_an_app_sees_what_the_page_shows() {
    check("caller.md");
}
