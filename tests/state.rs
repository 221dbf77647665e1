//! What apps keep between calls.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::client::{Sent, call, send};
use crate::support::guests::guest;
use crate::support::host::{Host, output, syft_host};
use crate::support::site::{OWNER, Site};

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
    for (endpoint, body, expected) in [
        ("long-key", json!({"n_bytes": 1025}), "1 to 1024 bytes"),
        ("long-key", json!({"n_bytes": 0}), "1 to 1024 bytes"),
        (
            "set",
            json!({"key": "a", "value": "x".repeat((1 << 20) + 1)}),
            "at most 1048576 bytes",
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
