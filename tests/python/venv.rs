//! The virtual environment with the released packages, made once by the tests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::support::guests::repository;
use crate::support::not_run;

/// Returns the interpreter of the environment. Where there can be none, on
/// somebody's own machine, says so past the capturing of output and returns
/// `None`; under CI that fails the test.
pub(crate) fn python() -> Option<&'static Path> {
    static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(make);
    match &*PYTHON {
        Ok(python) => Some(python),
        Err(error) => {
            not_run(&format!("no Python with the released packages: {error}"));
            None
        }
    }
}

/// Makes the environment, unless one of the same packages and the same Python is
/// there and complete.
fn make() -> Result<PathBuf, String> {
    let requirements = repository().join("tests/python/requirements.txt");
    let version = run(Command::new("python3").arg("--version"))?;
    let digest = HEXLOWER.encode(
        &Sha256::new()
            .chain_update(&version)
            .chain_update(fs::read(&requirements).unwrap())
            .finalize(),
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-venv");
    let python = folder.join("bin/python");
    // Held until the end of this function: others wait, then find it complete.
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let stamp = folder.join("complete");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == digest) {
        return Ok(python);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "--disable-pip-version-check"]);
    run(pip
        .args(["install", "--quiet", "--no-deps", "-r"])
        .arg(&requirements))?;
    // Without dependencies of its own choice: what is not in the list is missing.
    run(Command::new(&python).args(["-m", "pip", "check"]))?;
    fs::write(&stamp, digest).unwrap();
    Ok(python)
}

/// Returns what a program printed, or how it failed.
fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!(
            "{command:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        ))
    }
}
