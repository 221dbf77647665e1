//! What runs again does the same, whatever has changed meanwhile.

use std::fs;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{assert_same, kept, read, run, start_recorded, wait_for_kept};
use crate::support::apps::{granted, requesting, with_manifest};
use crate::support::client::{call, send};
use crate::support::guests::{example, guest};
use crate::support::site::{OWNER, Site};
use crate::support::web::WebServer;

static SERVER: LazyLock<WebServer> = LazyLock::new(WebServer::start);

#[test]
fn an_answer_is_the_same() {
    let site = Site::new();
    let host = start_recorded(&site, &example("hello"), &[]);
    assert_eq!(
        call(&host.rpc, "hello", r#"{"name":"Ada"}"#).text(),
        "Hello, Ada!"
    );
    let file = wait_for_kept(&site, 1);
    host.stop();
    let report = assert_same(&site, &file, &[]);
    assert_eq!(report["outcome"], "answered");
    let ended = run(&site, &["replay", file.to_str().unwrap()]).succeeded();
    assert!(
        ended.stdout.contains("/hello of app, called by"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("The same:"), "{}", ended.stdout);
}

#[test]
fn clocks_and_random_numbers_are_those_of_before() {
    let site = Site::new();
    let host = start_recorded(&site, &guest("probe"), &[]);
    // The second and the third may run in an instance that was made ahead.
    for n_kept in 1..=3 {
        let answer = call(&host.rpc, "now", "{}").text();
        let file = wait_for_kept(&site, n_kept);
        assert_eq!(read(&file)["end"]["answer"]["body"], answer);
        assert_same(&site, &file, &[]);
    }
    call(&host.rpc, "whoami", "{}");
    assert_same(&site, &wait_for_kept(&site, 4), &[]);
}

#[test]
fn the_state_is_that_of_before() {
    let site = Site::new();
    let host = start_recorded(&site, &guest("stateful"), &[]);
    let calls = [
        ("count", json!({})),
        ("count", json!({})),
        ("many", json!({})),
        ("keys", json!({})),
        ("increment", json!({"key": "n", "delta": 5})),
        ("swap", json!({"key": "x", "between": "b", "value": "c"})),
        ("delete", json!({"key": "x"})),
    ];
    let mut files = Vec::new();
    for (n, (endpoint, body)) in calls.iter().enumerate() {
        call(&host.rpc, endpoint, &body.to_string());
        files.push(wait_for_kept(&site, n + 1));
    }
    host.stop();
    for file in files {
        assert_same(&site, &file, &[]);
    }
}

fn public(name: &str) -> String {
    format!("{OWNER}/public/{name}")
}

#[test]
fn files_are_those_of_before() {
    let at = |name: &str| format!("/datasites/{}", public(name));
    let ops = json!([
        {"read": at("a.txt")},
        {"list": at("")},
        {"stat": at("a.txt")},
        {"stat": at("absent")},
        {"write": [at("new.txt"), "new"]},
        {"append": [at("a.txt"), " more"]},
        {"rename": [at("new.txt"), at("newer.txt")]},
        {"read": at("newer.txt")},
        {"unlink": at("folder/b.txt")},
        {"mkdir": at("made")},
        {"read": "/datasites/nobody@example.com/public/x"},
    ]);
    let end = check_files("files", &ops);
    assert_eq!(end[&public("a.txt")]["content"], "first more");
    assert_eq!(end[&public("newer.txt")]["content"], "new");
    assert_eq!(end[&public("folder/b.txt")]["kind"], "absent");
    assert_eq!(end[&public("made")]["kind"], "folder");
}

#[test]
fn files_of_an_app_for_wasi_0_3_are_those_of_before() {
    let end = check_files(
        "files-0-3",
        &json!([
            {"raw": {"open": ["root", public("a.txt"), "rw", "a"]}},
            {"raw": {"read_via_stream": ["a", 0]}},
            {"raw": {"append_via_stream": ["a", " more"]}},
            {"raw": {"stat_at": ["root", public("absent")]}},
            {"raw": {"rename_at": ["root", public("folder/b.txt"), "root", public("c.txt")]}},
            {"raw": {"open": ["root", format!("{OWNER}/public"), "r", "public"]}},
            {"raw": {"read_directory": "public"}},
        ]),
    );
    assert_eq!(end[&public("a.txt")]["content"], "first more");
    assert_eq!(end[&public("c.txt")]["content"], "other");
}

/// Has a guest do something with files, and makes sure that it does the same when these are gone.
/// Returns how they were in the end.
fn check_files(name: &str, ops: &Value) -> Value {
    let site = Site::new();
    let own = site.datasites().join(OWNER).join("public");
    fs::create_dir_all(own.join("folder")).unwrap();
    fs::write(own.join("a.txt"), "first").unwrap();
    fs::write(own.join("folder/b.txt"), "other").unwrap();
    let component = granted(&site, &guest(name), &["**"], &["**"], &[]);
    let host = start_recorded(&site, &component, &["--allow-all-requested"]);
    let answer = call(&host.rpc, "ops", &ops.to_string());
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let file = wait_for_kept(&site, 1);
    host.stop();
    fs::remove_dir_all(&own).unwrap();
    assert_same(&site, &file, &[]);
    assert!(!own.exists(), "a replay touches nothing");
    read(&file)["end"]["files"].clone()
}

#[test]
fn answers_of_servers_are_those_of_before() {
    let site = Site::new();
    let component = requesting(&site, &guest("web"), &[&SERVER.origin()], &["GET", "POST"]);
    let host = start_recorded(&site, &component, &["--allow-all-requested"]);
    let path = format!("/recorded-{}", uuid::Uuid::new_v4());
    let url = format!("{}{path}", SERVER.origin());
    call(&host.rpc, "send", &json!({"url": url}).to_string());
    let first = wait_for_kept(&site, 1);
    let body = json!({"url": url, "method": "POST", "body": "sent"});
    call(&host.rpc, "send", &body.to_string());
    let second = wait_for_kept(&site, 2);
    call(
        &host.rpc,
        "send",
        &json!({"url": "http://127.0.0.1:9/denied"}).to_string(),
    );
    let third = wait_for_kept(&site, 3);
    let n_asked = SERVER.asked(&path).len();
    assert_eq!(n_asked, 2);
    for file in [first, second, third] {
        assert_same(&site, &file, &[]);
    }
    assert_eq!(SERVER.asked(&path).len(), n_asked, "nothing is sent again");
}

#[test]
fn what_became_of_messages_is_that_of_before() {
    let site = Site::new();
    let manifest = "[messages]\nsend = ['*/app_data/app/rpc/echo']\n";
    let component = with_manifest(&site, &guest("messenger"), manifest);
    let host = start_recorded(&site, &component, &["--allow-all-requested"]);
    // The app asks itself.
    let message = |body: &str| {
        let url = format!("syft://{OWNER}/app_data/app/rpc/echo");
        json!({"url": url, "body": body, "timeout": 60_000_000})
    };
    let asked = json!({"messages": [message("a"), message("b")]});
    let answer = call(&host.rpc, "ask", &asked.to_string()).text();
    assert!(answer.contains("\\\"body\\\":\\\"b\\\""), "{answer}");
    let refused = json!({"messages": [{"url": "syft://eve@example.com/app_data/app/rpc/echo"}]});
    call(&host.rpc, "ask", &refused.to_string());
    // Two echoes, and the calls that asked.
    wait_for_kept(&site, 4);
    let echoed = || {
        let counts = call(&host.rpc, "counts", "{}").text();
        serde_json::from_str::<serde_json::Value>(&counts).unwrap()["echoed"].clone()
    };
    assert_eq!(echoed(), 2);
    for file in kept(&site) {
        assert_same(&site, &file, &[]);
    }
    assert_eq!(echoed(), 2, "nothing is sent again");
}

#[test]
fn calls_that_fail_fail_again() {
    let site = Site::new();
    let host = start_recorded(&site, &guest("hostile"), &["--time", "1s"]);
    let mut n_kept = 0;
    for (endpoint, outcome) in [
        ("panic", "trapped"),
        ("loop", "timed-out"),
        ("allocate", "out-of-memory"),
    ] {
        send(&host.rpc, endpoint, Some(b"{}")).answer();
        n_kept += 1;
        let report = assert_same(&site, &wait_for_kept(&site, n_kept), &[]);
        assert_eq!(report["outcome"], outcome);
    }
}
