//! Foreign tools, built where they are not there yet.

use std::path::PathBuf;
use std::process::Command;

use super::guests::repository;
use super::host::output_of_build;

/// Returns a program of a crate of crates.io, of the version in `.ci/tools.txt`; or says why
/// it does not build.
pub fn install(name: &str, program: &str) -> Result<PathBuf, String> {
    let mut command = Command::new(repository().join(".ci/tools"));
    let built = output_of_build(command.arg(name));
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    Ok(repository().join("target/tools/bin").join(program))
}
