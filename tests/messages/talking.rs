//! Two apps that talk through the tree.

use std::fs;

use serde_json::{Value, json};

use super::{
    BOB, SEND, ask, outbox, send, send_as, start, start_echo, start_with, url_of, wait_for,
};
use crate::support::client::call;
use crate::support::host::Host;
use crate::support::site::{OWNER, Site};

/// Waits until the handler was told of so many messages.
fn replies(host: &Host, n: usize) -> Vec<Value> {
    wait_for("the replies", || {
        let told = ask(host, "replies", &json!({}));
        let told = told.as_array().unwrap().clone();
        (told.len() >= n).then_some(told)
    })
}

/// Returns how often Bob's app has echoed, as it says itself.
fn echoed(host: &Host) -> Value {
    let asked = json!({"messages": [{"url": url_of(BOB, "counts")}]});
    let answer = ask(host, "ask", &asked);
    let body = answer["outcomes"][0]["body"].as_str().unwrap();
    serde_json::from_str::<Value>(body).unwrap()["echoed"].clone()
}

#[test]
fn an_answer_comes_back_within_the_call() {
    let site = Site::new();
    let (_home, _echo) = start_echo(&site);
    let host = start(&site, &[]);
    let message = |body: &str| json!({"url": url_of(BOB, "echo"), "body": body});
    let asked = json!({"messages": [message("a"), message("b"), message("a")]});
    let answer = ask(&host, "ask", &asked);
    let bodies: Vec<Value> = answer["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| {
            assert_eq!(outcome["status"], 200, "{answer}");
            serde_json::from_str(outcome["body"].as_str().unwrap()).unwrap()
        })
        .collect();
    let said: Vec<&str> = bodies
        .iter()
        .map(|it| it["body"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["a", "b", "a"]);
    for body in &bodies {
        assert_eq!(
            (&body["sender"], &body["proof"]),
            (&json!(OWNER), &json!("folder"))
        );
    }
    // Another call finds it again.
    let again = ask(&host, "receive", &json!({"ids": answer["ids"]}));
    assert_eq!(again, answer["outcomes"]);
    // Nothing of it stays in the tree.
    wait_for("an empty folder", || {
        let left = outbox(&site, "echo").read_dir().unwrap();
        let mut left = left.map(|entry| entry.unwrap().file_name());
        left.all(|name| name.to_string_lossy().starts_with('.'))
            .then_some(())
    });
}

#[test]
fn what_was_waited_for_stays_sent_where_the_call_fails() {
    let site = Site::new();
    let (_home, _echo) = start_echo(&site);
    let host = start(&site, &[]);
    let asked = json!({"messages": [{"url": url_of(BOB, "echo")}], "fail": true});
    assert_eq!(call(&host.rpc, "ask", &asked.to_string()).status(), 500);
    assert_eq!(echoed(&host), 1);
}

#[test]
fn a_handler_is_told_what_became_of_a_message() {
    let site = Site::new();
    let (_home, _echo) = start_echo(&site);
    let host = start(&site, &[]);
    let url = url_of(BOB, "echo");
    let told =
        |context: &str| json!({"url": url, "body": "x", "handler": "replied", "context": context});
    assert!(send(&host, &told("first")).is_string());
    let first = &replies(&host, 1)[0];
    assert_eq!(
        (&first["context"], &first["attempt"]),
        (&json!("first"), &json!(1))
    );
    assert_eq!(first["url"], url);
    assert!(
        first["outcome"]
            .as_str()
            .unwrap()
            .starts_with("200 {\"body\":\"x\""),
        "{first}"
    );

    // One that fails is told again, and keeps nothing of the first time.
    assert!(send(&host, &told("fail once")).is_string());
    let second = &replies(&host, 2)[1];
    assert_eq!(
        (&second["context"], &second["attempt"]),
        (&json!("fail once"), &json!(2))
    );
}

/// What a handler writes to files is seen when it has ended well.
#[test]
fn a_handler_that_fails_leaves_no_file() {
    let site = Site::new();
    let (_home, _echo) = start_echo(&site);
    let manifest = format!("{SEND}[files]\nown-folder = true\n");
    let host = start_with(&site, &manifest, &["--allow-all-requested"]);
    let seen = format!("/datasites/{OWNER}/app_data/app/told.txt");
    let message = json!({
        "url": url_of(BOB, "echo"), "body": "x", "handler": "replied",
        "context": format!("fail once, after it wrote to {seen}"),
    });
    assert!(send(&host, &message).is_string());
    assert_eq!(replies(&host, 1)[0]["attempt"], 2);
    let written = fs::read_to_string(site.own("app_data/app/told.txt")).unwrap();
    assert_eq!(written, "2");
}

#[test]
fn a_handler_is_told_that_there_is_no_answer() {
    let site = Site::new();
    let host = start(&site, &[]);
    let message = json!({
        "url": url_of(BOB, "echo"), "timeout": 1_000, "handler": "replied", "context": "late",
    });
    assert!(send(&host, &message).is_string());
    let told = &replies(&host, 1)[0];
    assert_eq!(told["outcome"], "the receiver did not answer in time");
}

#[test]
fn a_request_that_comes_again_sends_nothing_again() {
    let site = Site::new();
    let (_home, _echo) = start_echo(&site);
    let host = start(&site, &[]);
    let body = json!({"messages": [{"url": url_of(BOB, "echo"), "handler": "replied"}]});
    let sent = send_as(&host, "ada@example.com", "send", &body);
    let first = sent.answer().text();
    replies(&host, 1);
    // As sync does that lost the answer.
    std::fs::remove_file(sent.response_path()).unwrap();
    let again = wait_for("the answer once more", || sent.peek());
    assert_eq!(again.text(), first);
    assert_eq!(echoed(&host), 1);
}
