//! What a call leaves in pages that were swapped out is cleared, too.
//!
//! Swap is the whole machine's, so this is run by its own recipe (`just swap`), and not with
//! other tests. Where nobody may add swap it is said that it was not run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{App, new_mark, split_random, told};
use crate::support::guests::repository;
use crate::support::{tell_not_run, wait_for};

/// A file of swap, until it is dropped.
struct Swap {
    file: PathBuf,
    _folder: TempDir,
}

impl Swap {
    /// Adds one, or says why there is none.
    fn add() -> Option<Self> {
        // Not in memory, and of a file system that can have swap.
        let folder = tempfile::tempdir_in(repository().join("target")).unwrap();
        let file = folder.path().join("swap");
        fs::write(&file, vec![0; 256 << 20]).unwrap();
        let swap = Self {
            file,
            _folder: folder,
        };
        let is_added = swap.run("chmod", &["600"]) && swap.run("mkswap", &[]);
        if !is_added || !swap.run("swapon", &[]) {
            tell_not_run("no swap can be added on this machine");
            return None;
        }
        Some(swap)
    }

    fn run(&self, program: &str, options: &[&str]) -> bool {
        let output = Command::new(program).args(options).arg(&self.file).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        self.run("swapoff", &[]);
    }
}

/// Writes all memory of the host to swap, as far as it goes, and returns how much of it lies
/// there.
fn page_out(app: &App) -> usize {
    let script = repository().join("tests/residue/page_out.py");
    let pid = app.host.pid().as_raw_nonzero().to_string();
    let output = Command::new("python3").arg(script).arg(pid).output();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let kib: usize = text.trim().parse().unwrap_or_else(|_| panic!("{output:?}"));
    kib << 10
}

/// Has a call fill its memory, which is swapped out before it ends, and looks at what the
/// next ones find.
fn check_nothing_is_left(app: &App, first: &Value) {
    let mark = new_mark();
    let spoil = app.spoil(&mark, "loop");
    // Most of the 24 MiB that the call fills before it loops for 5 seconds.
    wait_for("what the call has written to be in swap", || {
        (page_out(app) > 20 << 20).then_some(())
    });
    app.wait_for_end(&spoil, "timed-out");
    for _ in 0..3 {
        let (seen, _) = split_random(told(&app.look(&mark).answer()));
        assert_eq!(&seen, first);
    }
}

#[test]
#[ignore = "it adds swap to the machine: just swap"]
fn nothing_is_left_in_swap_that_was_there_before() {
    let Some(_swap) = Swap::add() else {
        return;
    };
    let app = App::start(&["--concurrency", "1"]);
    // With the patched wasmtime nothing is slower, and there is no warning.
    if !cfg!(feature = "patched-wasmtime") {
        app.host.wait_for_log("the warning", |line| {
            line["message"].to_string().contains("can be swapped out")
        });
    }
    let (first, _) = split_random(told(&app.look(&new_mark()).answer()));
    check_nothing_is_left(&app, &first);
}

#[test]
#[ignore = "it adds swap to the machine: just swap"]
fn nothing_is_left_in_swap_that_came_later() {
    let app = App::start(&["--concurrency", "1"]);
    let (first, _) = split_random(told(&app.look(&new_mark()).answer()));
    let Some(_swap) = Swap::add() else {
        return;
    };
    check_nothing_is_left(&app, &first);
}
