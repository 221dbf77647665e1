//! Limits of the system that are reached.

use std::process::Command;

use serde_json::{Value, json};
use uuid::Uuid;

use super::works;
use crate::support::apps::granted;
use crate::support::client::{Sent, request};
use crate::support::guests::guest;
use crate::support::host::{Host, run_after};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;
use crate::watching::site::{ALL, brief, journal, watcher};

const NEW_USER: [&str; 2] = ["unshare", "-Ur"];

fn says(line: &Value, text: &str) -> bool {
    line.to_string().contains(text)
}

/// Raises a limit of the user that a host runs as.
fn raise(host: &Host, sysctl: &str) {
    let pid = host.pid().as_raw_nonzero().to_string();
    let words = format!("echo 1000 > /proc/sys/user/{sysctl}");
    let mut command = Command::new("nsenter");
    command.args([
        "-U",
        "--preserve-credentials",
        "-t",
        &pid,
        "sh",
        "-c",
        &words,
    ]);
    assert!(command.status().unwrap().success());
}

/// Without inotify everything is found by scanning, and the owner is told what to do.
#[test]
fn without_inotify_everything_is_found_by_scanning() {
    for sysctl in ["max_inotify_instances", "max_inotify_watches"] {
        let words = format!("echo 0 > /proc/sys/user/{sysctl};");
        if !works(&NEW_USER, &words) {
            return;
        }
        let site = Site::new();
        let component = watcher(&site, ALL, &["{datasite}/public/**"], &[]);
        let host = Host::spawn(&site, run_after(&site, &NEW_USER, &words, &component));
        site.write("public/a", "");
        host.wait_for_log("the app to be told", |line| {
            says(line, "delivered") && says(line, "public/a")
        });
        let journal = journal(&host);
        assert!(
            journal
                .iter()
                .any(|event| brief(event) == "created public/a")
        );
        let expected = format!("fs.inotify.{}", sysctl.replace("inotify", "user"));
        let log = host.log();
        let warned = log.iter().filter(|line| says(line, &expected)).count();
        assert_eq!(warned, 1, "{log:?}");
        raise(&host, sysctl);
        wait_for("it to watch", || (n_watched(&host) > 0).then_some(()));
    }
}

/// Counts the folders that a host watches.
fn n_watched(host: &Host) -> usize {
    let folder = format!("/proc/{}/fdinfo", host.pid().as_raw_nonzero());
    let count = |entry: std::io::Result<std::fs::DirEntry>| {
        // It may have been closed since.
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        text.matches("inotify wd:").count()
    };
    std::fs::read_dir(folder).unwrap().map(count).sum()
}

/// Where more folders hold requests than can be watched, the rest is scanned, until there is
/// room for it.
#[test]
fn folders_that_cannot_be_watched_are_scanned() {
    let words = "echo 20 > /proc/sys/user/max_inotify_watches;";
    if !works(&NEW_USER, words) {
        return;
    }
    let site = Site::new();
    let send = |n: usize| {
        let (id, sender) = (Uuid::new_v4(), format!("user{n}@example.com"));
        let request = request(id, &sender, "echo", Some(b"x")).to_string();
        let folder = site.rpc("app").join("echo").join(sender);
        Sent::write(&folder, id, request.as_bytes())
    };
    let first: Vec<Sent> = (0..50).map(send).collect();
    let host = Host::spawn(&site, run_after(&site, &NEW_USER, words, &guest("probe")));
    let later: Vec<Sent> = first
        .iter()
        .zip(0..)
        .map(|(sent, n)| {
            assert_eq!(sent.answer().status(), 200);
            send(n)
        })
        .collect();
    for sent in &later {
        assert_eq!(sent.answer().status(), 200);
    }
    assert_eq!(n_watched(&host), 20);
    let log = host.log();
    let warned = log
        .iter()
        .filter(|line| says(line, "fs.inotify.max_user_watches"));
    assert_eq!(warned.count(), 1, "{log:?}");
    raise(&host, "max_inotify_watches");
    wait_for("all to be watched", || {
        (n_watched(&host) > 50).then_some(())
    });
}

/// Where few files can be open, calls that open files leave the host its own.
#[test]
fn with_few_open_files_everything_is_answered() {
    let site = Site::new();
    site.write("public/open.txt", "open");
    let path = format!("{OWNER}/public/open.txt");
    let body = json!([{"raw": {"hold_open": ["root", path, 16]}}, {"sleep": 20}]).to_string();
    let sent: Vec<Sent> = (0..500)
        .map(|n| {
            let (id, sender) = (Uuid::new_v4(), format!("user{}@example.com", n % 50));
            let request = request(id, &sender, "ops", Some(body.as_bytes())).to_string();
            let folder = site.rpc("app").join("ops").join(sender);
            Sent::write(&folder, id, request.as_bytes())
        })
        .collect();
    let component = granted(&site, &guest("files"), &["**"], &[], &[]);
    let host = Host::spawn(&site, run_after(&site, &[], "ulimit -n 100;", &component));
    for sent in &sent {
        let held = json!([{"ok": {"held": 16}}, {"ok": null}]);
        assert_eq!(sent.answer().text(), held.to_string());
    }
    let is_trouble = |line: &&Value| line["level"] == "WARN" || line["level"] == "ERROR";
    let trouble: Vec<Value> = host.log().iter().filter(is_trouble).cloned().collect();
    assert!(
        trouble.len() == 1 && says(&trouble[0], "fewer calls run"),
        "{trouble:?}"
    );
}
