//! What an owner allows, sees and is told.

use std::process::Command;

use serde_json::{Value, json};

use super::{BOB, SEND, ask, outbox, requests_in, send, start, start_with, url_of, wait_for};
use crate::support::apps::with_manifest;
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{OWNER, Site};

/// Checks that a message is refused, and what the guest and the log say of it.
fn assert_refused(site: &Site, host: &Host, url: &str, hint: &str) {
    let refused = send(host, &json!({"url": url}));
    assert_eq!(refused["error"], "not-granted", "{refused}");
    let why = refused["why"].as_str().unwrap();
    assert!(why.ends_with(hint), "{why}");
    let line = host.wait_for_log("message refused", |line| {
        line["message"] == "message refused"
    });
    assert_eq!(line["hint"], hint, "{line}");
    assert!(requests_in(&outbox(site, "echo")).is_empty());
}

#[test]
fn what_was_not_asked_for_is_refused_with_the_line_that_would_allow_it() {
    let site = Site::new();
    let host = start(&site, &[]);
    let url = "syft://bob@example.com/app_data/other/rpc/echo?secret";
    let hint = "to allow it, add to the app's syft-app.toml: [messages] send = \
                [\"bob@example.com/app_data/other/rpc/echo\"]";
    assert_refused(&site, &host, url, hint);
    assert!(
        !host
            .log()
            .iter()
            .any(|line| line.to_string().contains("?secret"))
    );
}

#[test]
fn an_app_that_asks_for_nothing_sends_nothing() {
    let site = Site::new();
    let host = start_with(&site, "", &[]);
    let hint = "to allow it, add to the app's syft-app.toml: [messages] send = \
                [\"bob@example.com/app_data/echo/rpc/echo\"]";
    assert_refused(&site, &host, &url_of(BOB, "echo"), hint);
}

#[test]
fn what_the_owner_did_not_approve_is_refused() {
    let site = Site::new();
    let host = start_with(
        &site,
        SEND,
        &["--allow-send", "ada@example.com/app_data/echo/rpc/**"],
    );
    assert!(send(&host, &json!({"url": url_of("ada@example.com", "echo")})).is_string());
    let hint = "to allow it, run the app with: --allow-send \
                \"bob@example.com/app_data/echo/rpc/echo\"";
    assert_refused(&site, &host, &url_of(BOB, "echo"), hint);
}

#[test]
fn what_the_owner_denies_is_refused_however_it_is_written() {
    let site = Site::new();
    let host = start(&site, &["--deny", "bob@example.com/**"]);
    let hint = "to allow it, take it out of what --deny names, or `deny` in config.toml \
                (`syft-host config` shows it)";
    assert_refused(&site, &host, &url_of(BOB, "echo"), hint);
    for url in [
        "syft://BOB@Example.com/app_data/echo/rpc/echo",
        "syft://bob@example.com//app_data/echo/rpc//%65cho/",
    ] {
        let refused = send(&host, &json!({"url": url}));
        assert_eq!(refused["error"], "not-granted", "{url}");
    }
}

#[test]
fn what_the_owner_denies_all_apps_is_refused() {
    let site = Site::new();
    let settings = site.path().join(".config/syft-host");
    std::fs::create_dir_all(&settings).unwrap();
    let text = "[deny]\nfiles = ['*/app_data/echo/rpc/**']\n";
    std::fs::write(settings.join("config.toml"), text).unwrap();
    let host = start(&site, &[]);
    let hint = "to allow it, take it out of what --deny names, or `deny` in config.toml \
                (`syft-host config` shows it)";
    assert_refused(&site, &host, &url_of(BOB, "echo"), hint);
}

fn run(site: &Site, options: &[&str]) -> Command {
    let app = with_manifest(site, &guest("messenger"), SEND);
    let mut command = syft_host(site);
    command.arg("run").arg(app).args(options);
    command.args(["--email", OWNER, "--data-dir"]);
    command.arg(site.data_dir());
    command
}

#[test]
fn without_anybody_to_ask_an_option_is_named() {
    let site = Site::new();
    let refused = Ended::of(&output(&mut run(&site, &["--name", "app"]))).refused();
    for part in [
        "asks for messages to other apps",
        "--allow-all-requested",
        "--allow-send '*/app_data/echo/rpc/**'",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn inspect_shows_to_whom_an_app_speaks() {
    let site = Site::new();
    let app = with_manifest(&site, &guest("messenger"), SEND);
    let mut command = syft_host(&site);
    let shown = output(command.arg("inspect").arg(&app));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let title = "Sends requests to other apps as its owner:";
    assert!(
        shown.contains(title) && shown.contains("*/app_data/echo/rpc/**"),
        "{shown}"
    );
    let mut command = syft_host(&site);
    let json = output(command.args(["inspect", "--json"]).arg(&app));
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        json["messages"],
        json!({"send": ["*/app_data/echo/rpc/**"]})
    );
    assert_eq!(json["limits"]["messages"], 256);
}

#[test]
fn the_sender_is_the_owner_whatever_the_guest_says() {
    let site = Site::new();
    let host = start(&site, &[]);
    let message = json!({
        "url": url_of(BOB, "echo?sender=eve@example.com"),
        "headers": [["sender", "eve@example.com"], ["x-syft-from", "eve@example.com"]],
        "body": "{\"sender\":\"eve@example.com\"}",
    });
    let id = send(&host, &message);
    let requests = wait_for("the request", || {
        let found = requests_in(&outbox(&site, "echo"));
        (!found.is_empty()).then_some(found)
    });
    assert_eq!(requests[0]["sender"], OWNER);
    assert_eq!(requests[0]["id"], id);
    for into in [
        "echo/eve@example.com",
        "../app_data/echo/rpc/echo/eve@example.com",
    ] {
        let refused = send(&host, &json!({"url": url_of(BOB, into)}));
        assert_eq!(refused["error"], "invalid", "{refused}");
    }
    assert_eq!(ask(&host, "counts", &json!({}))["sent"], 3);
}
