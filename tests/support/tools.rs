//! Foreign tools, built where they are not there yet.

use std::path::PathBuf;
use std::process::Command;

use super::guests::repository;
use super::host::output_of_build;

/// Returns a program of a crate of crates.io, or says why it does not build.
pub fn install(name: &str, version: &str, program: &str) -> Result<PathBuf, String> {
    let root = repository().join("target/tools");
    let mut command = Command::new("cargo");
    command
        .args(["install", name, "--version", version, "--locked", "--debug"])
        .arg("--root")
        .arg(&root)
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .env_remove("CARGO_TARGET_DIR");
    let built = output_of_build(&mut command);
    match built.status.success() {
        true => Ok(root.join("bin").join(program)),
        false => Err(String::from_utf8_lossy(&built.stderr).into_owned()),
    }
}
