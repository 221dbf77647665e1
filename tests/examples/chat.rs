//! `chat` follows messages that lie in the tree.

use std::fs;

use serde_json::json;

use super::{ALICE, BOB, built, call_as, call_claiming, json_of, plant, start};
use crate::support::client::call;
use crate::support::host::Host;
use crate::support::site::Site;
use crate::support::wait_for;

/// Returns who wrote what, in its order.
fn history(host: &Host) -> Vec<(String, String)> {
    let shown = json_of(&call(&host.rpc, "history", ""));
    let shown = shown.as_array().unwrap().iter().map(|message| {
        let field = |name: &str| message[name].as_str().unwrap().to_owned();
        (field("from"), field("text"))
    });
    shown.collect()
}

fn wait_for_history(host: &Host, expected: &[(&str, &str)]) {
    let what = format!("the history {expected:?}");
    wait_for(&what, || {
        let found = history(host);
        let found: Vec<_> = found
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        (found == expected).then_some(())
    });
}

fn message(text: &str) -> String {
    json!({"text": text}).to_string()
}

fn path(who: &str, name: &str) -> String {
    format!("{who}/public/chat/{name}")
}

#[test]
fn follows_what_people_write_change_and_take_back() {
    let site = Site::new();
    let host = start(&site, "chat");
    assert_eq!(history(&host), []);
    plant(&site, &path(ALICE, "1.json"), &message("hello"));
    wait_for_history(&host, &[(ALICE, "hello")]);
    plant(&site, &path(BOB, "1.json"), &message("hi"));
    wait_for_history(&host, &[(ALICE, "hello"), (BOB, "hi")]);
    plant(&site, &path(ALICE, "1.json"), &message("hello!"));
    wait_for_history(&host, &[(ALICE, "hello!"), (BOB, "hi")]);
    fs::remove_file(site.datasites().join(path(ALICE, "1.json"))).unwrap();
    wait_for_history(&host, &[(BOB, "hi")]);
}

#[test]
fn leaves_out_what_is_no_message() {
    let site = Site::new();
    let host = start(&site, "chat");
    plant(&site, &path(ALICE, "bad.json"), "{\"text\": ");
    plant(
        &site,
        &format!("{ALICE}/private/chat/1.json"),
        &message("secret"),
    );
    plant(&site, &path(ALICE, "note.txt"), &message("secret"));
    host.wait_for_log("the warning", |line| {
        line.to_string()
            .contains("left out alice@example.com/public/chat/bad.json")
    });
    plant(&site, &path(BOB, "1.json"), &message("hi"));
    wait_for_history(&host, &[(BOB, "hi")]);
    // Mended, it is one.
    plant(&site, &path(ALICE, "bad.json"), &message("better"));
    wait_for_history(&host, &[(BOB, "hi"), (ALICE, "better")]);
}

#[test]
fn hears_of_what_came_while_it_was_down() {
    let site = Site::new();
    let host = start(&site, "chat");
    plant(&site, &path(ALICE, "1.json"), &message("before"));
    wait_for_history(&host, &[(ALICE, "before")]);
    host.stop();
    plant(&site, &path(BOB, "1.json"), &message("meanwhile"));
    let host = Host::start(&site, &built("chat"), &["--allow-all-requested"]);
    wait_for_history(&host, &[(ALICE, "before"), (BOB, "meanwhile")]);
}

#[test]
fn takes_messages_by_request_too() {
    let site = Site::new();
    let host = start(&site, "chat");
    let text = json!({"text": "by request"});
    assert_eq!(call_claiming(&host, BOB, "post", &text).status(), 403);
    assert_eq!(call_as(&host, BOB, "post", &text).status(), 201);
    wait_for_history(&host, &[(BOB, "by request")]);
    plant(&site, &path(ALICE, "1.json"), &message("by file"));
    wait_for_history(&host, &[(BOB, "by request"), (ALICE, "by file")]);
}
