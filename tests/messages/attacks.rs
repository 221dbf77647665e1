//! Guests that send or wait for more than they should.

use serde_json::{Value, json};

use super::{BOB, ask, outbox, requests_in, send, start, url_of, wait_for};
use crate::support::client::call;
use crate::support::failures::GENERIC;
use crate::support::site::{OWNER, Site};

fn errors(answers: &Value) -> Vec<&str> {
    let answers = answers.as_array().unwrap().iter();
    answers
        .filter_map(|answer| answer["error"].as_str())
        .collect()
}

#[test]
fn a_flood_is_cut_and_the_rest_goes() {
    let site = Site::new();
    let host = start(&site, &[]);
    let flood = json!({"messages": [{"url": url_of(BOB, "echo"), "times": 300}]});
    let answers = ask(&host, "send", &flood);
    let ids: std::collections::BTreeSet<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(ids.len(), 256, "each has an id of its own");
    assert_eq!(errors(&answers), ["too-many"; 44]);
    let n_lines = host
        .log()
        .iter()
        .filter(|line| {
            line["message"]
                .as_str()
                .is_some_and(|it| it.starts_with("message refused"))
        })
        .count();
    assert_eq!(n_lines, 1, "it is said once");
    wait_for("the requests", || {
        (requests_in(&outbox(&site, "echo")).len() == 256).then_some(())
    });
}

#[test]
fn calls_that_flood_are_bounded_for_each_receiver() {
    let site = Site::new();
    let host = start(&site, &[]);
    let flood = json!({"messages": [{"url": url_of(BOB, "echo"), "times": 256}]});
    let answers: Vec<Value> = (0..5).map(|_| ask(&host, "send", &flood)).collect();
    let refused: usize = answers.iter().map(|answers| errors(answers).len()).sum();
    assert_eq!(refused, 5 * 256 - 1_000);
    let other = send(&host, &json!({"url": url_of("ada@example.com", "echo")}));
    assert!(other.is_string(), "another receiver has room: {other}");
}

#[test]
fn what_is_too_large_is_refused_before_it_is_kept() {
    let site = Site::new();
    let host = start(&site, &[]);
    let sized = |bytes: usize, encrypt: bool| {
        let message = json!({"url": url_of(BOB, "echo"), "bytes": bytes, "encrypt": encrypt});
        send(&host, &message)["error"].clone()
    };
    assert_eq!(sized((2 << 20) + 1, false), "too-many");
    assert_eq!(sized(2 << 20, true), "too-many");
    assert_eq!(sized(2 << 20, false), Value::Null);
    // A call holds so much at a time, whatever a message may have.
    let many = json!({"messages": [{"url": url_of(BOB, "echo"), "bytes": 2 << 20, "times": 30}]});
    let answers = ask(&host, "send", &many);
    let n_refused = errors(&answers).len();
    assert!((10..30).contains(&n_refused), "{n_refused}");
    let headers: Vec<_> = (0..300).map(|n| json!([n.to_string(), "x"])).collect();
    let message = json!({"url": url_of(BOB, "echo"), "headers": headers});
    assert_eq!(send(&host, &message)["error"], "invalid");
}

#[test]
fn what_is_no_message_is_refused() {
    let site = Site::new();
    let host = start(&site, &[]);
    for url in [
        "",
        "https://bob@example.com/app_data/echo/rpc/echo",
        "syft://bob@example.com/public/x",
        "syft://bob@example.com/app_data/echo/rpc/../../../private/x",
        "syft://bob@example.com/app_data/echo/rpc/%2e%2e/%2e%2e/x",
        "syft://bob@example.com/app_data/../echo/rpc/echo",
        "syft://bob@example.com/app_data/echo/rpc/a%00b",
        "syft://bob@example.com/app_data/echo/rpc/x.request",
    ] {
        assert_eq!(
            send(&host, &json!({"url": url}))["error"],
            "invalid",
            "{url}"
        );
    }
    for timeout in [0, u64::MAX] {
        let message = json!({"url": url_of(BOB, "echo"), "timeout": timeout});
        assert_eq!(send(&host, &message)["error"], "invalid", "{timeout}");
    }
    let message =
        json!({"url": url_of(BOB, "echo"), "handler": "x", "context": "y".repeat(70_000)});
    assert_eq!(send(&host, &message)["error"], "too-many");
    assert!(!site.datasites().join(BOB).join("private").exists());
}

#[test]
fn a_call_that_fails_sends_nothing() {
    let site = Site::new();
    let host = start(&site, &[]);
    let message = json!({"url": url_of(BOB, "echo"), "body": "lost"});
    let failing = json!({"messages": [message], "fail": true});
    let failed = call(&host.rpc, "send", &failing.to_string());
    assert_eq!((failed.status(), failed.text().as_str()), (500, GENERIC));
    // What is sent after it is there alone.
    let kept = json!({"url": url_of(BOB, "echo"), "body": "kept"});
    let id = send(&host, &kept);
    let requests = wait_for("the request", || {
        let found = requests_in(&outbox(&site, "echo"));
        (!found.is_empty()).then_some(found)
    });
    assert_eq!((requests.len(), &requests[0]["id"]), (1, &id));
}

#[test]
fn a_call_that_waits_for_ever_has_time_to_say_so() {
    let site = Site::new();
    let host = start(&site, &["--time", "3s"]);
    let waiting = json!({"messages": [{"url": url_of(BOB, "echo")}], "timeout": u64::MAX});
    let answer = ask(&host, "ask", &waiting);
    assert_eq!(answer["outcomes"], json!([null]), "{answer}");
}

#[test]
fn ids_of_others_and_of_nothing_tell_nothing() {
    let site = Site::new();
    let host = start(&site, &[]);
    let receive = |ids: &[&str]| ask(&host, "receive", &json!({"ids": ids}));
    let nobodys = "5f0d1f6e-0000-4000-8000-000000000001";
    assert_eq!(receive(&[nobodys])["error"], "unknown");
    assert_eq!(receive(&["x"])["error"], "invalid");
    assert_eq!(receive(&[nobodys, nobodys])["error"], "invalid");
    assert_eq!(receive(&[]), json!([]));
    let many: Vec<String> = (0..5_000)
        .map(|n| format!("5f0d1f6e-0000-4000-8000-{n:012}"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(receive(&many)["error"], "too-many");

    // Another app of the same owner has sent something.
    let other = Site::new();
    let id = {
        let mut command = crate::support::host::syft_host(&other);
        let app = crate::support::apps::with_manifest(
            &other,
            &crate::support::guests::guest("messenger"),
            super::SEND,
        );
        command.arg("run").arg(app);
        command.args(["--name", "other", "--allow-all-requested", "--email", OWNER]);
        command.arg("--data-dir").arg(site.data_dir());
        let other = crate::support::host::Host::spawn(&other, command);
        let id = send(&other, &json!({"url": url_of(BOB, "echo")}));
        assert_eq!(ask(&other, "receive", &json!({"ids": [id]})), json!([null]));
        id
    };
    assert_eq!(receive(&[id.as_str().unwrap()])["error"], "unknown");
}

#[test]
fn what_goes_to_a_handler_is_not_waited_for() {
    let site = Site::new();
    let host = start(&site, &[]);
    let message = json!({"url": url_of(BOB, "echo"), "handler": "replied"});
    let answer = ask(&host, "ask", &json!({"messages": [message]}));
    assert_eq!(answer["outcomes"]["error"], "invalid", "{answer}");
}
