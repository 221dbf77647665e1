//! The released Python server, in a virtual environment of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::json;

use crate::guests;
use crate::site::{OWNER, Site};

/// Returns a Python that has syft-event, installed now if need be.
pub(crate) fn python() -> anyhow::Result<PathBuf> {
    let root = guests::repository();
    let venv = root.join("target/bench-venv");
    let python = venv.join("bin/python");
    if !python.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    let requirements = root.join("tests/python/requirements.txt");
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements))?;
    Ok(python)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// Returns the server, which says less than by default, as `syft-host` does here.
pub(crate) fn command(site: &Site, python: &Path) -> anyhow::Result<Command> {
    let config = site.path().join("config.json");
    let content = json!({
        "data_dir": site.data_dir(),
        "email": OWNER,
        "server_url": "http://127.0.0.1:9/",
        "client_url": "http://127.0.0.1:9/",
    });
    fs::write(&config, content.to_string())?;
    let mut command = Command::new(python);
    command
        .arg(guests::repository().join("tests/benches/throughput/hello.py"))
        .env("HOME", site.path())
        .env("LOGURU_LEVEL", "WARNING")
        .env("SYFTBOX_CLIENT_CONFIG_PATH", config);
    Ok(command)
}
