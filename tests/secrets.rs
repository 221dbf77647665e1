//! Secrets of owners: who gets them, and where they never are.

mod commands;
mod python;
mod requests;
mod variables;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::support::client::call;
use crate::support::host::{Ended, Host, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::web::WebServer;

static SERVER: LazyLock<WebServer> = LazyLock::new(WebServer::start);

/// What is to be seen nowhere.
const SECRET: &str = "s3cret-value";

/// Returns `syft-host secret …` of the owner.
fn secret(site: &Site, arguments: &[&str]) -> Command {
    let mut command = syft_host(site);
    command.arg("secret").args(arguments);
    command
        .args(["--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    command
}

/// Sets a secret of the app `app`, by standard input.
fn set(site: &Site, name: &str, value: &str) {
    let path = site.path().join("typed");
    fs::write(&path, value).unwrap();
    let mut command = secret(site, &["set", "app", name]);
    command.stdin(File::open(&path).unwrap());
    with_input(&mut command).succeeded();
    fs::remove_file(&path).unwrap();
}

/// Runs a command to its end that has something to read.
fn with_input(command: &mut Command) -> Ended {
    Ended::of(&command.output().unwrap())
}

/// Returns what the host wrote to stderr, also what is no line of the log.
fn stderr(site: &Site) -> String {
    fs::read_to_string(site.path().join("host.log")).unwrap()
}

/// Has the guest do something, and returns what came of it.
fn ask(host: &Host, endpoint: &str, body: &Value) -> Value {
    let answer = call(&host.rpc, endpoint, &body.to_string());
    assert_eq!(answer.status(), 200, "{endpoint} {body}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

/// Returns the files of a folder that have a text in them.
fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    let has = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    files
        .map(walkdir::DirEntry::into_path)
        .filter(has)
        .collect()
}
