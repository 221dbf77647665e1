//! Messages to apps of the same host, which never touch the tree.

use std::fs;

use serde_json::{Value, json};
use syft_manifest::Manifest;

use super::{SEND, ask, send, start_with};
use crate::support::apps::with_manifest;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::installed::{Installation, Serving};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

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
    assert_eq!(
        said,
        json!({"body": "x", "sender": OWNER, "proof": "folder"})
    );
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
        assert!(
            reply["outcome"].as_str().unwrap().starts_with("200 "),
            "{reply}"
        );
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

/// Installs the guest twice: `app` may send to `echo`.
fn install(site: &Site) -> Installation {
    let installation = Installation::new(site);
    let app = fs::read(with_manifest(site, &guest("messenger"), SEND)).unwrap();
    installation.put_with("app", &app, |installed| {
        installed.current.approved = Manifest::from_toml("syft-app.toml", SEND).unwrap().0;
    });
    installation.put("echo", &fs::read(guest("messenger")).unwrap());
    installation
}

/// Has `app` ask `echo`, and returns what came of it.
fn ask_echo(site: &Site) -> Value {
    let url = format!("syft://{OWNER}/app_data/echo/rpc/echo");
    let asked = json!({"messages": [{"url": url, "body": "x"}], "timeout": 9_000_000});
    let answer = call(&site.rpc("app"), "ask", &asked.to_string());
    let answer: Value = serde_json::from_str(&answer.text()).unwrap();
    answer["outcomes"][0].clone()
}

#[test]
fn installed_apps_call_each_other_without_the_tree() {
    let site = Site::new();
    let installation = install(&site);
    let serving = Serving::start(&site, &[]);
    assert_eq!(ask_echo(&site)["status"], 200);
    assert!(!site.rpc("echo").join("echo").join(OWNER).exists());
    // Where the other one is not served, the request waits for it in the tree.
    installation.remove("echo");
    serving.wait_for_nth(1, "app-stopped", "echo");
    let url = format!("syft://{OWNER}/app_data/echo/rpc/echo");
    let message = json!({"url": url, "body": "later"});
    let answer = call(
        &site.rpc("app"),
        "send",
        &json!({"messages": [message]}).to_string(),
    );
    let ids: Value = serde_json::from_str(&answer.text()).unwrap();
    let request = site.rpc("echo").join("echo").join(OWNER);
    let request = request.join(format!("{}.request", ids[0].as_str().unwrap()));
    wait_for("the request", || request.exists().then_some(()));
    installation.put("echo", &fs::read(guest("messenger")).unwrap());
    wait_for("the answer", || {
        let asked = json!({"ids": ids}).to_string();
        let answer = call(&site.rpc("app"), "receive", &asked);
        let outcomes: Value = serde_json::from_str(&answer.text()).unwrap();
        (outcomes[0]["status"] == 200).then_some(())
    });
    wait_for("the request to go", || (!request.exists()).then_some(()));
}
