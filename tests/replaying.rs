//! Calls that are recorded and run again.

mod differing;
mod hostile;
mod private;
mod programs;
mod recording;
mod same;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use uuid::Uuid;

use crate::support::client::call;
use crate::support::guests::example;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

/// Returns a command of the owner.
fn command(site: &Site, arguments: &[&str]) -> Command {
    let mut command = syft_host(site);
    command.args(arguments);
    command
        .args(["--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    command
}

fn run(site: &Site, arguments: &[&str]) -> Ended {
    Ended::of(&output(&mut command(site, arguments)))
}

/// Returns where the recordings of the app `app` lie.
fn folder(site: &Site) -> PathBuf {
    let apps = site.path().join(".local/share/syft-host/apps");
    apps.join(OWNER).join("app/recordings")
}

/// Starts a component as `app`, whose calls are recorded.
fn start_recorded(site: &Site, component: &Path, options: &[&str]) -> Host {
    let options = [&["--name", "app", "--record"], options].concat();
    Host::start(site, component, &options)
}

/// Returns a site with a recording of one call.
fn recorded() -> (Site, PathBuf) {
    let site = Site::new();
    let host = start_recorded(&site, &example("hello"), &[]);
    call(&host.rpc, "hello", r#"{"name":"Ada"}"#);
    let file = wait_for_kept(&site, 1);
    host.stop();
    (site, file)
}

/// Returns what is kept, the oldest first, by now.
fn kept(site: &Site) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder(site)) else {
        return Vec::new();
    };
    let is_recording = |path: &PathBuf| {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        Uuid::parse_str(stem).is_ok() && path.extension().is_some_and(|end| end == "json")
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter(is_recording).collect();
    found.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    found
}

/// Waits until there are so many recordings, and returns the last one.
fn wait_for_kept(site: &Site, n_kept: usize) -> PathBuf {
    let found = wait_for("a recording", || {
        Some(kept(site)).filter(|found| found.len() >= n_kept)
    });
    assert_eq!(found.len(), n_kept);
    found.last().unwrap().clone()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Replays a recording, and returns the exit code and the report for scripts.
fn replay(site: &Site, file: &Path, options: &[&str]) -> (Option<i32>, Value) {
    let file = file.to_str().unwrap();
    let arguments = [&["--json", "replay", file], options].concat();
    let ended = run(site, &arguments);
    let report = ended.stdout.lines().next().unwrap_or_else(|| {
        panic!("no report: {}", ended.stderr);
    });
    (ended.code, serde_json::from_str(report).unwrap())
}

#[track_caller]
fn assert_same(site: &Site, file: &Path, options: &[&str]) -> Value {
    let (code, report) = replay(site, file, options);
    assert_eq!(code, Some(0), "{report:#}\n{:#}", read(file));
    assert_eq!(report["same"], true, "{report:#}");
    assert_eq!(report["lacks"].as_array().unwrap().len(), 0, "{report:#}");
    report
}

/// Returns the names of what is different in the end.
fn ends(report: &Value) -> Vec<&str> {
    let ends = report["parts"]["end"].as_array().unwrap();
    ends.iter()
        .map(|part| part["what"].as_str().unwrap())
        .collect()
}

/// Writes a component in which some bytes stand in the place of others of the same length.
fn patched(site: &Site, component: &Path, from: &str, to: &str) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(component).unwrap();
    let mut n_found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            n_found += 1;
        }
    }
    assert!(n_found > 0, "there is no {from:?} in the component");
    let path = site.path().join("patched.wasm");
    fs::write(&path, bytes).unwrap();
    path
}
