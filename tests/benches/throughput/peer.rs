//! The released Python server.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::site::{OWNER, Site};
use crate::support::guests;

/// Returns the server. It does not log what it answers wrongly: we count that.
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
        .env("LOGURU_LEVEL", "CRITICAL")
        .env("SYFTBOX_CLIENT_CONFIG_PATH", config);
    Ok(command)
}
