//! Messages to apps of the same host, which never touch the tree.

use serde_json::{Value, json};

use super::{ask, send, start_with, wait_for};
use crate::support::host::Host;
use crate::support::site::{OWNER, Site};

/// Whoever is called `app`, itself as well.
const SEND_TO_APP: &str = "[messages]\nsend = ['*/app_data/app/rpc/**']\n";

fn start(site: &Site) -> Host {
    start_with(site, SEND_TO_APP, &["--allow-all-requested"])
}

fn own(endpoint: &str) -> String {
    format!("syft://{OWNER}/app_data/app/rpc/{endpoint}")
}

#[test]
fn an_app_calls_itself_without_the_tree() {
    let site = Site::new();
    let host = start(&site);
    let asked = json!({"messages": [{"url": own("echo"), "body": "x"}]});
    let answer = ask(&host, "ask", &asked);
    let outcome = &answer["outcomes"][0];
    assert_eq!(outcome["status"], 200, "{answer}");
    let said: Value = serde_json::from_str(outcome["body"].as_str().unwrap()).unwrap();
    assert_eq!(said, json!({"body": "x", "sender": OWNER, "proof": "folder"}));
    assert_eq!(ask(&host, "counts", &json!({}))["echoed"], 1);
    // The owner is no sender in the tree.
    assert!(!host.rpc.join("echo").join(OWNER).exists());
    // It is in the log as any call.
    host.wait_for_log("the call", |line| {
        let line = line.to_string();
        line.contains("/echo") && line.contains(OWNER) && line.contains("\"status\":200")
    });
}

#[test]
fn a_refusal_of_the_receiver_is_an_answer() {
    let site = Site::new();
    let host = start(&site);
    // Its body is none that the handler takes.
    let asked = json!({"messages": [{"url": own("send"), "body": "no JSON"}]});
    let answer = ask(&host, "ask", &asked);
    assert_eq!(answer["outcomes"][0]["status"], 400, "{answer}");
}

#[test]
fn a_handler_is_told_what_another_endpoint_answered() {
    let site = Site::new();
    let host = start(&site);
    let message = json!({"url": own("echo"), "body": "x", "handler": "replied", "times": 20});
    assert!(send(&host, &message).is_string());
    let replies = wait_for("the replies", || {
        let told = ask(&host, "replies", &json!({}));
        (told.as_array().unwrap().len() >= 20).then_some(told)
    });
    for reply in replies.as_array().unwrap() {
        assert!(reply["outcome"].as_str().unwrap().starts_with("200 "), "{reply}");
    }
    assert_eq!(ask(&host, "counts", &json!({}))["echoed"], 20);
}

#[test]
fn an_endpoint_that_there_is_not_gives_no_answer() {
    let site = Site::new();
    let host = start(&site);
    let id = send(&host, &json!({"url": own("none"), "timeout": 1_500_000}));
    let outcome = wait_for("the outcome", || {
        let outcome = ask(&host, "receive", &json!({"ids": [id]}))[0].clone();
        (!outcome.is_null()).then_some(outcome)
    });
    assert_eq!(outcome, "expired");
}
