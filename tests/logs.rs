//! What is kept of what apps did, and `syft-host logs`.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::support::client::{call, send};
use crate::support::guests::{example, guest};
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::wait_for;

fn run(guest_name: &str, options: &[&str]) -> (Site, Host) {
    let site = Site::new();
    let options = [&["--name", "app"], options].concat();
    let host = Host::start(&site, &guest(guest_name), &options);
    (site, host)
}

fn command(site: &Site, verb: &str) -> Command {
    let mut command = syft_host(site);
    command.arg(verb);
    command.args(["--email", OWNER, "--data-dir"]);
    command.arg(site.data_dir());
    command
}

fn logs(site: &Site, options: &[&str]) -> Ended {
    Ended::of(&output(command(site, "logs").args(options)))
}

/// Returns the entries that are kept.
fn entries(site: &Site, options: &[&str]) -> Vec<Value> {
    let options = [options, &["--json"]].concat();
    let ended = logs(site, &options).succeeded();
    let lines = ended.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn wait_for_entry(site: &Site, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, || {
        entries(site, &["-n", "10000"])
            .into_iter()
            .find(|entry| is_it(entry))
    })
}

fn log_folder(site: &Site) -> PathBuf {
    site.path().join(".local/share/syft-host/logs").join(OWNER)
}

fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

#[test]
fn what_no_app_has_is_refused_as_a_feature() {
    let (site, host) = run("probe", &[]);
    let sent = send(&host.rpc, "connect", Some(b"{}"));
    assert_eq!(sent.answer().text(), "PermissionDenied");
    let is_it = |entry: &Value| entry["kind"] == "denied" && entry["id"] == sent.id();
    let entry = wait_for_entry(&site, "the refused socket", is_it);
    assert_eq!(entry["what"], "feature");
    let message = entry["message"].as_str().unwrap();
    assert!(message.contains("a TCP socket"), "{entry}");
    assert!(
        entry["hint"].as_str().unwrap().contains("[http] allow = "),
        "{entry}"
    );
    let shown = logs(&site, &["--id", sent.id()]).succeeded().stdout;
    assert!(
        shown.contains("network refused: the app asks for a TCP socket"),
        "{shown}"
    );

    host.stop();
    let (site, host) = run("hostile", &[]);
    let sent = send(&host.rpc, "thread", Some(b"{}"));
    assert_eq!(sent.answer().status(), 500);
    let is_it = |entry: &Value| entry["kind"] == "call" && entry["id"] == sent.id();
    let entry = wait_for_entry(&site, "the call that wants a thread", is_it);
    assert!(
        entry["detail"]
            .as_str()
            .unwrap()
            .contains("failed to spawn thread"),
        "{entry}"
    );
    let hint = entry["fields"]["hint"].as_str().unwrap();
    assert!(hint.contains("an app has one thread"), "{entry}");
    let shown = logs(&site, &["--id", sent.id()]).succeeded().stdout;
    assert!(shown.contains("an app has one thread"), "{shown}");
}

/// As it is asked for by whoever has just got an answer.
#[test]
fn a_call_is_found_right_after_its_answer() {
    let (site, host) = run("probe", &[]);
    for _ in 0..5 {
        let failed = send(&host.rpc, "fail", Some(b"{}"));
        assert_eq!(failed.answer().status(), 500);
        let shown = logs(&site, &["--id", failed.id()]).succeeded().stdout;
        assert!(shown.contains("/fail"), "{shown}");
    }
}

#[test]
fn a_call_is_found_by_its_id_while_the_host_runs_and_afterwards() {
    let (site, host) = run("probe", &[]);
    let sent = send(&host.rpc, "log", Some(br#"{"line":"hello from here"}"#));
    assert_eq!(sent.answer().status(), 200);
    let failed = send(&host.rpc, "fail", Some(b"{}"));
    assert_eq!(failed.answer().status(), 500);
    let entry = wait_for_entry(&site, "the failed call", |entry| entry["id"] == failed.id());
    for (key, expected) in [
        ("kind", json!("call")),
        ("level", json!("warn")),
        ("app", json!("app")),
        ("endpoint", json!("/fail")),
        ("sender", json!(CALLER)),
        ("status", json!(500)),
    ] {
        assert_eq!(entry[key], expected, "{entry}");
    }
    assert!(entry["ms"].as_f64().unwrap() > 0.0, "{entry}");
    assert!(entry["memory_bytes"].as_u64().unwrap() > 0, "{entry}");
    host.stop();

    let short = &sent.id()[..8];
    let of_call = entries(&site, &["app", "--id", short]);
    let kinds: Vec<_> = of_call.iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["output", "output", "output", "call"]);
    let text = logs(&site, &["app", "--id", short]).succeeded().stdout;
    let last = text.lines().last().unwrap();
    assert!(last.contains("app /log") && last.ends_with(short), "{text}");
    assert!(
        last.contains(" 200 ") && last.contains(" ms answered"),
        "{text}"
    );
    assert!(text.contains("stdout: stdout: hello from here"), "{text}");

    let errors = entries(&site, &["--errors"]);
    assert!(errors.iter().any(|entry| entry["id"] == failed.id()));
    assert!(errors.iter().all(|entry| entry["level"] != "info"));
    assert_eq!(entries(&site, &["-n", "1"]).len(), 1);
    assert_eq!(entries(&site, &["--since", "30d", "--id", short]).len(), 4);
}

#[test]
fn a_host_that_logs_little_keeps_as_much() {
    let (site, host) = run("probe", &["--log", "error"]);
    let sent = send(&host.rpc, "whoami", Some(b"{}"));
    assert_eq!(sent.answer().status(), 200);
    wait_for_entry(&site, "the call", |entry| entry["id"] == sent.id());
}

#[test]
fn no_guest_forges_a_line() {
    let (site, host) = run("probe", &[]);
    let forged = r#"{"time":"2026-01-01T00:00:00+00:00","level":"error","app":"bank","kind":"other","message":"forged"}"#;
    let line = format!("x\n{forged}\r\n\u{1b}[2J\u{2028}{forged}\u{202e}");
    let sent = send(
        &host.rpc,
        "log",
        Some(json!({"line": line}).to_string().as_bytes()),
    );
    assert_eq!(sent.answer().status(), 200);
    wait_for_entry(&site, "the call", |entry| entry["id"] == sent.id());
    host.stop();
    let all = entries(&site, &[]);
    assert!(
        all.iter()
            .any(|entry| entry["message"].to_string().contains("forged"))
    );
    for entry in &all {
        assert_eq!(entry["app"], "app", "{entry}");
        let is_output = entry["kind"] == "output";
        assert!(
            is_output || !entry.to_string().contains("forged"),
            "{entry}"
        );
    }
    for file in fs::read_dir(log_folder(&site).join("app")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let is_fit = |c: char| c == '\n' || syft_manifest::sanitize::is_plain(c);
        assert!(text.chars().all(is_fit), "{text:?}");
    }
    let shown = logs(&site, &["app"]).succeeded().stdout;
    let day = &all[0]["time"].as_str().unwrap()[..10];
    assert!(shown.lines().all(|line| line.starts_with(day)), "{shown}");
}

#[test]
fn no_guest_makes_a_log_grow_beyond_its_bound() {
    let (site, host) = run("hostile", &["--logs-per-app", "64KiB"]);
    for _ in 0..10 {
        assert_eq!(call(&host.rpc, "print", "{}").status(), 500);
    }
    let last = send(&host.rpc, "ok", Some(b"{}"));
    assert_eq!(last.answer().text(), "ok");
    wait_for_entry(&site, "the last call", |entry| entry["id"] == last.id());
    let folder = log_folder(&site).join("app");
    let kept = bytes(&folder);
    assert!((20 << 10..=64 << 10).contains(&kept), "{kept} bytes");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

/// `syft-host logs --follow`, until it is dropped.
struct Following {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn start(site: &Site, options: &[&str]) -> Self {
        let mut command = command(site, "logs");
        command.args(["--json", "--follow"]).args(options);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn until(&mut self, is_it: impl Fn(&Value) -> bool) {
        let line = self.lines.find(|line| {
            let line = line.as_ref().unwrap();
            is_it(&serde_json::from_str(line).unwrap())
        });
        assert!(line.is_some(), "it has ended");
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn who_follows_sees_what_comes_also_in_the_next_file() {
    let (site, host) = run("hostile", &["--logs-per-app", "64KiB"]);
    let first = send(&host.rpc, "ok", Some(b"{}"));
    let mut following = Following::start(&site, &[]);
    following.until(|entry| entry["id"] == first.id());
    let number = || {
        let files = fs::read_dir(log_folder(&site).join("app")).unwrap();
        files.map(|file| file.unwrap().file_name()).max().unwrap()
    };
    let before = number();
    for _ in 0..3 {
        call(&host.rpc, "print", "{}");
    }
    let last = send(&host.rpc, "ok", Some(b"{}"));
    following.until(|entry| entry["id"] == last.id());
    assert_ne!(number(), before);
}

#[test]
fn each_app_has_its_own_log_and_loses_it_with_its_data() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let hello = fs::read(example("hello")).unwrap();
    for app in ["one", "two"] {
        installed.put(app, &hello);
    }
    let serving = Serving::start(&site, &[]);
    let [one, two] = ["one", "two"].map(|app| {
        let sent = send(&site.rpc(app), "hello", Some(b"{}"));
        assert_eq!(sent.answer().status(), 200);
        wait_for_entry(&site, "the call", |entry| entry["id"] == sent.id());
        sent.id().to_owned()
    });
    let has = |options: &[&str], id: &str| {
        let all = entries(&site, options);
        all.iter().any(|entry| entry["id"] == id)
    };
    assert!(has(&["one"], &one) && !has(&["one"], &two));
    assert!(has(&[], &one) && has(&[], &two));
    let unknown = logs(&site, &["three"]).refused();
    assert!(unknown.contains("there are: one, two"), "{unknown}");
    serving.stop();
    let stays = Ended::of(&output(command(&site, "remove").arg("one"))).succeeded();
    assert!(stays.stdout.contains("its logs, "), "{}", stays.stdout);
    assert!(has(&["one"], &one));
    Ended::of(&output(
        command(&site, "remove").args(["one", "--delete-data"]),
    ))
    .succeeded();
    assert!(!has(&[], &one) && has(&[], &two));
}
