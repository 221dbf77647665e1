//! What apps keep between calls.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::host::{Host, output, run_after, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

fn start(site: &Site, options: &[&str]) -> Host {
    start_as(site, "app", options)
}

fn start_as(site: &Site, name: &str, options: &[&str]) -> Host {
    let options = [&["--name", name], options].concat();
    Host::start(site, &guest("stateful"), &options)
}

/// Calls an endpoint, and returns the status and the JSON or the text of the answer.
fn ask(host: &Host, endpoint: &str, body: &Value) -> (u64, Value) {
    let answer = call(&host.rpc, endpoint, &body.to_string());
    let text = answer.text();
    (
        answer.status(),
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

fn get(host: &Host, key: &str) -> Value {
    let (status, value) = ask(host, "get", &json!({"key": key}));
    assert_eq!(status, 200, "{value}");
    value
}

#[test]
fn the_interfaces_do_what_they_say() {
    let site = Site::new();
    let host = start(&site, &[]);
    for (endpoint, body, status, expected) in [
        ("get", json!({"key": "a"}), 200, Value::Null),
        ("set", json!({"key": "a", "value": "1"}), 200, json!(true)),
        ("get", json!({"key": "a"}), 200, json!("1")),
        ("keys", json!({}), 200, json!(["a"])),
        ("delete", json!({"key": "a"}), 200, json!(false)),
        ("delete", json!({"key": "a"}), 200, json!(false)),
        ("keys", json!({}), 200, json!([])),
        ("increment", json!({"key": "n", "delta": 5}), 200, json!(5)),
        (
            "increment",
            json!({"key": "n", "delta": -7}),
            200,
            json!(-2),
        ),
        ("get", json!({"key": "n"}), 200, json!("-2")),
        (
            "set",
            json!({"key": "t", "value": "text"}),
            200,
            json!(true),
        ),
        (
            "increment",
            json!({"key": "t", "delta": 1}),
            409,
            json!(r#"Error::Other("\"t\" holds no integer")"#),
        ),
        (
            "increment",
            json!({"key": "n", "delta": i64::MIN}),
            409,
            json!(r#"Error::Other("\"n\" would overflow")"#),
        ),
        (
            "swap",
            json!({"key": "s", "value": "1"}),
            200,
            json!("swapped"),
        ),
        ("get", json!({"key": "s"}), 200, json!("1")),
        (
            "swap",
            json!({"key": "s", "between": "2", "value": "3"}),
            200,
            json!("2"),
        ),
        ("get", json!({"key": "s"}), 200, json!("3")),
        ("many", json!({}), 200, json!(["x", null, "z"])),
        ("keys", json!({}), 200, json!(["n", "s", "t", "x", "z"])),
        ("open", json!({"name": "default"}), 200, json!(true)),
        ("open", json!({"name": ""}), 200, json!(true)),
        (
            "open",
            json!({"name": "other"}),
            409,
            json!("Error::NoSuchStore"),
        ),
    ] {
        assert_eq!(
            ask(&host, endpoint, &body),
            (status, expected),
            "{endpoint} {body}"
        );
    }
}

#[test]
fn a_call_that_does_not_answer_leaves_nothing() {
    let site = Site::new();
    let host = start(&site, &["--time", "1s"]);
    for (end, status, is_kept) in [
        ("answer", 200, true),
        ("fail", 500, false),
        ("status", 409, true),
        ("panic", 500, false),
        ("hang", 500, false),
    ] {
        let before = get(&host, "ended");
        let body = json!({"value": end, "end": end});
        assert_eq!(ask(&host, "set-and", &body).0, status, "{end}");
        let expected = if is_kept { json!(end) } else { before };
        assert_eq!(get(&host, "ended"), expected, "{end}");
    }
}

#[test]
fn many_calls_at_once_that_read_and_write_lose_nothing() {
    let site = Site::new();
    let host = start(&site, &[]);
    let sent: Vec<Sent> = (0..300)
        .map(|_| send(&host.rpc, "count", Some(b"{}")))
        .collect();
    let counts: BTreeSet<u64> = sent
        .iter()
        .map(|sent| sent.answer().text().parse().unwrap())
        .collect();
    assert_eq!(counts, (1..=300).collect());
}

#[test]
fn what_was_answered_is_kept_when_the_host_is_killed() {
    let site = Site::new();
    for n in 1..=5 {
        let host = start(&site, &[]);
        assert_eq!(ask(&host, "count", &json!({})), (200, json!(n)));
        drop(host); // kills it
    }
}

#[test]
fn each_app_has_its_own() {
    let site = Site::new();
    let (one, two) = (start_as(&site, "one", &[]), start_as(&site, "two", &[]));
    assert_eq!(ask(&one, "set", &json!({"key": "a", "value": "1"})).0, 200);
    assert_eq!(get(&two, "a"), Value::Null);
    assert_eq!(get(&one, "a"), json!("1"));
}

#[test]
fn what_an_app_keeps_is_bounded() {
    let site = Site::new();
    let host = start(&site, &["--state", "2MiB"]);
    // Each call may write more than all of it.
    let (status, n_set) = ask(&host, "fill", &json!({"n_values": 4, "n_bytes": 1 << 20}));
    assert_eq!(
        (status, n_set),
        (200, json!(1)),
        "two of them and their keys are too much"
    );
    let (_, n_set) = ask(&host, "fill", &json!({"n_values": 5_000, "n_bytes": 1_000}));
    assert!((1..5_000).contains(&n_set.as_u64().unwrap()), "{n_set}");
    let line = host.wait_for_log("what was refused", |line| {
        let message = line["message"].as_str().unwrap_or_default();
        message.contains("the state of an app has at most 2 MiB")
    });
    assert_eq!(
        (&line["app"], &line["endpoint"]),
        (&json!("app"), &json!("/fill"))
    );
    let hint = line["hint"].as_str().unwrap();
    for allows in ["[state] quota = \"4MiB\"", "--state 4MiB"] {
        assert!(hint.contains(allows), "{hint}");
    }
    for (endpoint, body, expected) in [
        ("long-key", json!({"n_bytes": 1025}), "at most 1 KiB"),
        (
            "set",
            json!({"key": "a", "value": "x".repeat((1 << 20) + 1)}),
            "at most 1 MiB",
        ),
    ] {
        let (status, error) = ask(&host, endpoint, &body);
        assert_eq!(status, 409, "{endpoint}");
        assert!(error.as_str().unwrap().contains(expected), "{error}");
    }
    assert_eq!(
        ask(&host, "fill", &json!({"n_values": 1, "n_bytes": 1})),
        (200, json!(1))
    );
}

#[test]
fn a_call_cannot_fill_the_hosts_memory() {
    let site = Site::new();
    let host = start(&site, &["--state", "1GiB"]);
    let sent: Vec<Sent> = (0..20)
        .map(|_| {
            let body = json!({"n_values": 1_000, "n_bytes": 1 << 20}).to_string();
            send(&host.rpc, "fill", Some(body.as_bytes()))
        })
        .collect();
    for sent in sent {
        let n_set: u64 = sent.answer().text().parse().unwrap();
        assert_eq!(n_set, 15, "16 MiB a call, with the keys");
    }
    assert!(host.peak_memory() < 1 << 30, "{} bytes", host.peak_memory());
}

#[test]
fn the_owner_sees_where_it_lies_and_nobody_else() {
    use std::os::unix::fs::MetadataExt;
    let site = Site::new();
    let host = start(&site, &[]);
    assert_eq!(ask(&host, "count", &json!({})).0, 200);
    let folder = site
        .path()
        .join(".local/share/syft-host/apps")
        .join(OWNER)
        .join("app");
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert!(folder.join("state.redb").is_file());
}

#[test]
fn state_in_a_synced_folder_is_refused() {
    let site = Site::new();
    let mut command = syft_host(&site);
    command
        .env("XDG_DATA_HOME", site.datasites().join(OWNER))
        .args(["run", "--email", OWNER, "--data-dir"])
        .arg(site.data_dir())
        .arg(guest("stateful"));
    let refused = output(&mut command);
    assert_eq!(refused.status.code(), Some(2));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("inside the synced folder"), "{error}");
}

#[test]
fn a_host_that_is_killed_again_and_again_counts_each_request_once() {
    let n_kills = count_through_kills(400, &[]);
    assert!(n_kills >= 10, "{n_kills} kills show nothing");
}

/// Kills the host whenever some more answers have come, and returns how often. Between
/// the moment when a call is kept and the one when its answer can be seen there is
/// always some other call.
pub(crate) fn count_through_kills(n_requests: usize, options: &[&str]) -> usize {
    let site = Site::new();
    let folders: Vec<PathBuf> = (0..4)
        .map(|n| site.rpc("app").join(format!("count/user{n}@example.com")))
        .collect();
    let sent: Vec<Sent> = (0..n_requests)
        .map(|n| {
            let (id, sender) = (Uuid::new_v4(), format!("user{}@example.com", n % 4));
            let request = request(id, &sender, "count", Some(b"{}")).to_string();
            Sent::write(&folders[n % 4], id, request.as_bytes())
        })
        .collect();
    let n_answered = || {
        sent.iter()
            .filter(|sent| sent.response_path().exists())
            .count()
    };
    let (mut n_kills, mut step) = (0, 1);
    while n_answered() < n_requests {
        let host = start(&site, options);
        let enough = (n_answered() + step).min(n_requests);
        wait_for("more answers", || (n_answered() >= enough).then_some(()));
        drop(host); // kills it
        n_kills += 1;
        step = step % 23 + 7;
    }
    let counts: BTreeSet<u64> = sent
        .iter()
        .map(|sent| sent.peek().unwrap().text().parse().unwrap())
        .collect();
    assert_eq!(counts, (1..=n_requests as u64).collect());
    let host = start(&site, options);
    assert_eq!(
        ask(&host, "count", &json!({})),
        (200, json!(n_requests + 1))
    );
    n_kills
}

/// A disk that is full, for the host alone: no file of it grows beyond a size.
#[test]
fn a_full_disk_delays_answers_and_loses_none() {
    let site = Site::new();
    start(&site, &[]).stop(); // compiles the guest, which takes more room
    // In blocks of 512 bytes: 1 MiB.
    let words = r#"trap "" XFSZ; ulimit -S -f 2048;"#;
    let command = run_after(&site, &[], words, &guest("stateful"));
    let host = Host::spawn(&site, command);
    assert_eq!(ask(&host, "count", &json!({})), (200, json!(1)));
    let body = json!({"n_values": 12, "n_bytes": 100_000}).to_string();
    let waits = send(&host.rpc, "fill", Some(body.as_bytes()));
    host.wait_for_log("the trouble", |line| {
        line.to_string().contains("trying again later")
    });
    assert!(waits.peek().is_none());
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    prlimit(Some(host.pid()), Resource::Fsize, unlimited).unwrap();
    assert_eq!(waits.answer().text(), "12");
    assert_eq!(ask(&host, "count", &json!({})), (200, json!(2)));
    assert_eq!(get(&host, "fill 11").as_str().map(str::len), Some(100_000));
}

#[test]
fn a_state_that_is_away_for_a_while_delays_answers_and_loses_none() {
    let site = Site::new();
    let host = start(&site, &[]);
    assert_eq!(ask(&host, "count", &json!({})), (200, json!(1)));
    let [folder, away] = [".local/share/syft-host/apps", "away"].map(|name| site.path().join(name));
    std::fs::rename(&folder, &away).unwrap();
    let waits = send(&host.rpc, "count", Some(b"{}"));
    host.wait_for_log("the trouble", |line| {
        let line = line.to_string();
        line.contains("trying again later") && line.contains("state.redb")
    });
    assert!(waits.peek().is_none() && !folder.exists());
    std::fs::rename(&away, &folder).unwrap();
    assert_eq!(waits.answer().text(), "2");
    host.stop();
    let host = start(&site, &[]);
    assert_eq!(ask(&host, "count", &json!({})), (200, json!(3)));
}
