//! What is kept to save time stays within bounds, and can be cleared.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;

use crate::support::client::call;
use crate::support::guests::example;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{OWNER, Site};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns `syft-host` with caches of its own.
fn command(site: &Site) -> Command {
    let mut command = syft_host(site);
    command.env("XDG_CACHE_HOME", site.path().join("cache"));
    command
}

fn caches(site: &Site) -> PathBuf {
    site.path().join("cache/syft-host")
}

fn compiled(site: &Site) -> PathBuf {
    caches(site).join("compiled")
}

fn start(site: &Site) -> Host {
    let mut command = command(site);
    command.arg("run").arg(example("hello"));
    command.args(["--email", OWNER, "--data-dir"]);
    command.arg(site.data_dir());
    Host::spawn(site, command)
}

fn clean(site: &Site, options: &[&str]) -> Value {
    let mut command = command(site);
    command.args(["--json", "clean"]).args(options);
    let ended = Ended::of(&output(&mut command)).succeeded();
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Returns a number that was said of a kind.
fn said(said: &Value, kind: &str, key: &str) -> u64 {
    let caches = said["caches"].as_array().unwrap();
    let cache = caches.iter().find(|cache| cache["kind"] == kind).unwrap();
    cache[key].as_u64().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Plants a file that was used so long ago.
fn plant(folder: &Path, name: &str, age: Duration, bytes: u64) {
    make_private(folder);
    let file = File::create(folder.join(name)).unwrap();
    file.set_len(bytes).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

fn make_private(folder: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder).unwrap();
}

#[test]
fn all_goes_on_while_caches_are_cleared() {
    let site = Site::new();
    let host = start(&site);
    let there = clean(&site, &["--dry-run"]);
    assert_eq!(said(&there, "compiled_code", "items"), 1);
    assert!(said(&there, "compiled_code", "bytes") > 0);
    assert_eq!(there["deleted_bytes"], 0);
    assert_eq!(names(&compiled(&site)).len(), 1);

    let cleared = clean(&site, &[]);
    assert_eq!(said(&cleared, "compiled_code", "deleted"), 1);
    assert_eq!(cleared["deleted_bytes"], there["bytes"]);
    assert_eq!(names(&compiled(&site)), Vec::<String>::new());
    assert_eq!(call(&host.rpc, "hello", "{}").status(), 200);
    host.stop();
    let again = start(&site);
    assert_eq!(call(&again.rpc, "hello", "{}").status(), 200);
    assert_eq!(names(&compiled(&site)).len(), 1);
}

#[test]
fn nothing_to_clear_is_no_error() {
    let site = Site::new();
    let shown = Ended::of(&output(command(&site).arg("clean"))).succeeded();
    assert!(shown.stdout.contains("Compiled code"), "{}", shown.stdout);
    assert!(shown.stdout.contains("Cleared 0.0 MiB"), "{}", shown.stdout);
}

#[test]
fn what_was_not_used_for_long_is_deleted_at_the_start() {
    let site = Site::new();
    let folder = compiled(&site);
    plant(&folder, "old.cwasm", 31 * DAY, 1);
    plant(&folder, "young.cwasm", 29 * DAY, 1);
    let host = start(&site);
    let left = names(&folder);
    assert!(left.contains(&"young.cwasm".to_owned()), "{left:?}");
    assert_eq!(left.len(), 2, "{left:?}");
    // What is used is not old.
    host.stop();
    let own = left.iter().find(|name| *name != "young.cwasm").unwrap();
    let file = File::options().write(true).open(folder.join(own)).unwrap();
    file.set_modified(SystemTime::now() - 29 * DAY).unwrap();
    start(&site).stop();
    let used = fs::metadata(folder.join(own)).unwrap().modified().unwrap();
    assert!(used.elapsed().unwrap() < DAY);
}

#[test]
fn of_too_much_the_least_recently_used_is_deleted_at_the_start() {
    let site = Site::new();
    let folder = compiled(&site);
    // With nothing in them they take no room on the disk.
    for (name, age) in [("a.cwasm", 1), ("b.cwasm", 3), ("c.cwasm", 2)] {
        plant(&folder, name, age * DAY, 3 << 29);
    }
    start(&site).stop();
    let left = names(&folder);
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(!left.contains(&"b.cwasm".to_owned()), "{left:?}");
}

#[test]
fn what_a_killed_host_left_is_deleted_at_the_start() {
    let site = Site::new();
    let folder = compiled(&site);
    for name in [".scratch-forgotten", ".scratch-held"] {
        make_private(&folder.join(name));
        fs::write(folder.join(name).join("code"), "x").unwrap();
    }
    plant(&folder, ".tmpForgotten", DAY, 1);
    let held = File::open(folder.join(".scratch-held")).unwrap();
    flock(&held, FlockOperation::LockShared).unwrap();
    start(&site).stop();
    let left = names(&folder);
    assert_eq!(left[0], ".scratch-held", "another host works with it");
    assert_eq!(left.len(), 2, "{left:?}");
    let cleared = clean(&site, &[]);
    assert_eq!(said(&cleared, "unfinished", "in_use"), 1);
    drop(held);
    let cleared = clean(&site, &[]);
    assert_eq!(said(&cleared, "unfinished", "deleted"), 1);
    assert_eq!(names(&folder), Vec::<String>::new());
}

#[test]
fn tools_stay_as_long_as_somebody_builds_with_them() {
    let site = Site::new();
    let python = caches(&site).join("python");
    let tools = python.join("componentize-py-0.1.0");
    make_private(&tools);
    plant(&tools, "complete", 40 * DAY, 7);
    let lock = File::create(python.join("componentize-py-0.1.0.lock")).unwrap();
    flock(&lock, FlockOperation::LockShared).unwrap();
    plant(&python.join("components"), "a.wasm", DAY, 5);
    plant(&python.join("components"), "a.name", DAY, 1);
    let cleared = clean(&site, &[]);
    assert_eq!(said(&cleared, "python_tools", "in_use"), 1);
    assert_eq!(said(&cleared, "python_builds", "deleted_bytes"), 6);
    assert!(tools.exists());
    drop(lock);
    let cleared = clean(&site, &[]);
    assert_eq!(said(&cleared, "python_tools", "deleted_bytes"), 7);
    assert!(!tools.exists());
}
