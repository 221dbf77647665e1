//! What the figures were taken on.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::cases::n_cores;
use crate::site::Place;
use crate::support::guests::repository;
use crate::venv;

/// Returns what tells one machine from another, but not whose it is.
pub(crate) fn machine() -> Value {
    json!({
        "cpu": after_colon("/proc/cpuinfo", "model name"),
        "cores": n_cores(),
        "memory": memory(),
        "kernel": said(Command::new("uname").arg("-r")),
        "memory_filesystem": filesystem(&Place::Memory.folder()),
        "disk_filesystem": filesystem(&Place::Disk.folder()),
    })
}

/// Returns the versions of what is compared and what it runs on.
pub(crate) fn versions() -> Value {
    let peer = "import platform, importlib.metadata as it\n\
                print(platform.python_version(), it.version('syft-event'))";
    let peer = venv::python().and_then(|python| said(Command::new(python).args(["-c", peer])));
    let mut peer = peer.iter().flat_map(|line| line.split(' '));
    json!({
        "syft_host": env!("CARGO_PKG_VERSION"),
        "rustc": said(Command::new("rustc").arg("--version")),
        "python": peer.next(),
        "syft_event": peer.next(),
    })
}

/// Returns what is measured, as git calls it.
pub(crate) fn commit() -> Option<String> {
    let describe = ["describe", "--always", "--dirty"];
    said(Command::new("git").args(describe).current_dir(repository()))
}

fn said(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn memory() -> Option<String> {
    let total = after_colon("/proc/meminfo", "MemTotal")?;
    let kib: f64 = total.trim_end_matches(" kB").parse().ok()?;
    Some(format!("{:.1} GiB", kib / 1024.0 / 1024.0))
}

fn after_colon(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Returns the kind of the file system in which a folder lies.
fn filesystem(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let found = mounts
        .filter(|(place, _)| folder.starts_with(place))
        // Of those at the same place the last lies on top.
        .max_by_key(|(place, _)| place.len());
    found.map(|(_, kind)| kind.to_owned())
}
