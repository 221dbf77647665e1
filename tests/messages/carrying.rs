//! What the host does with messages in the tree: receivers and sync may do what they like, and
//! the host may stop between any two steps.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::kills::{self, echoed_by_bob};
use super::{BOB, ask, outbox, requests_in, send, start, start_echo, url_of};
use crate::support::client::call;
use crate::support::host::Host;
use crate::support::not_run;
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

/// A message to Bob, whose answer is looked for.
fn message() -> Value {
    json!({"url": url_of(BOB, "echo"), "body": "x"})
}

/// Waits until it is known what became of a message.
fn outcome(host: &Host, id: &Value) -> Value {
    let body = json!({"ids": [id], "timeout": 5_000_000});
    wait_for("an outcome", || {
        let outcome = ask(host, "receive", &body)[0].clone();
        (!outcome.is_null()).then_some(outcome)
    })
}

/// Waits until the request of a message lies in the tree.
fn arrived(site: &Site, id: &Value) -> Value {
    wait_for("the request", || {
        let mut all = requests_in(&outbox(site, "echo")).into_iter();
        all.find(|request| request["id"] == *id)
    })
}

/// Has the folder of the receiver changed once the request lies there; returns what becomes of
/// the message. Nothing of it may stay in the tree.
fn outcome_of(change: impl Fn(&Path, &str, &Value)) -> Value {
    let site = Site::new();
    let host = start(&site, &[]);
    let id = send(&host, &message());
    let (request, folder) = (arrived(&site, &id), outbox(&site, "echo"));
    let stem = id.as_str().unwrap();
    change(&folder, stem, &request);
    let outcome = outcome(&host, &id);
    wait_for("the files to go", || {
        let left = folder.read_dir().unwrap();
        let mut names = left.map(|entry| entry.unwrap().file_name());
        let is_gone = names.all(|name| {
            let name = name.to_string_lossy().into_owned();
            // A folder cannot be deleted as a file is.
            !name.starts_with(stem) || folder.join(name).is_dir()
        });
        is_gone.then_some(())
    });
    outcome
}

fn response(request: &Value, status: u16, body: &str) -> String {
    json!({
        "id": request["id"], "sender": BOB, "url": request["url"], "headers": {"a": "b"},
        "body": data_encoding::BASE64URL.encode(body.as_bytes()), "created": request["created"],
        "expires": request["expires"], "status_code": status,
    })
    .to_string()
}

fn answer_with(bytes: &'static [u8]) -> Value {
    outcome_of(|folder, id, _| fs::write(folder.join(format!("{id}.response")), bytes).unwrap())
}

fn assert_rejected(outcome: &Value, why: &str) {
    let said = outcome["rejected"].as_str();
    assert!(said.is_some_and(|said| said.contains(why)), "{outcome}");
}

#[test]
fn an_answer_of_anybody_is_taken_and_deleted() {
    let outcome = outcome_of(|folder, id, request| {
        assert_eq!(
            (&request["sender"], &request["method"]),
            (&json!(OWNER), &json!("POST"))
        );
        let answer = response(request, 404, "nobody");
        fs::write(folder.join(format!("{id}.response")), answer).unwrap();
    });
    assert_eq!(outcome, json!({"status": 404, "body": "nobody"}));
}

#[test]
fn an_answer_that_is_still_written_is_waited_for() {
    let outcome = outcome_of(|folder, id, request| {
        let (path, answer) = (
            folder.join(format!("{id}.response")),
            response(request, 200, "whole"),
        );
        fs::write(&path, &answer[..20]).unwrap();
        fs::write(&path, &answer).unwrap();
    });
    assert_eq!(outcome, json!({"status": 200, "body": "whole"}));
}

#[test]
fn a_receiver_that_found_it_too_late_lets_it_expire() {
    let outcome = outcome_of(|folder, id, request| {
        let answer = response(request, 419, "too late");
        fs::write(folder.join(format!("{id}.response")), answer).unwrap();
    });
    assert_eq!(outcome, "expired");
}

#[test]
fn an_answer_that_is_none_is_rejected_in_words() {
    assert_rejected(&answer_with(b"[]"), "malformed");
    assert_rejected(&answer_with(b"{\"sender\": 1, \"url\": 2}"), "malformed");
    assert_rejected(&answer_with(b"\xff\xfe"), "malformed");
    let huge = outcome_of(|folder, id, _| {
        let file = File::create(folder.join(format!("{id}.part"))).unwrap();
        file.set_len(100 << 20).unwrap();
        let [part, name] = ["part", "response"].map(|end| folder.join(format!("{id}.{end}")));
        fs::rename(part, name).unwrap();
    });
    assert_rejected(&huge, "at most");
}

#[test]
fn an_answer_that_is_no_file_is_never_read() {
    let secret = Site::new();
    let elsewhere = secret.path().join("secret");
    fs::write(&elsewhere, "a secret of the owner").unwrap();
    let link = outcome_of(|folder, id, _| {
        symlink(&elsewhere, folder.join(format!("{id}.response"))).unwrap();
    });
    assert_rejected(&link, "no regular file");
    assert!(elsewhere.exists());
    let folder = outcome_of(|folder, id, _| {
        fs::create_dir(folder.join(format!("{id}.response"))).unwrap();
    });
    assert_rejected(&folder, "no regular file");
    let fifo = outcome_of(|folder, id, _| {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join(format!("{id}.response")))
            .status();
        assert!(made.unwrap().success());
    });
    assert_rejected(&fifo, "no regular file");
}

#[test]
fn marks_of_sync_say_that_it_was_not_let_through() {
    for mark in ["syftrejected", "rejected"] {
        let outcome = outcome_of(|folder, id, _| {
            fs::write(folder.join(format!("{id}.{mark}.request")), "").unwrap();
        });
        assert_rejected(
            &outcome,
            &format!("did not take the request: {OWNER} may not write"),
        );
    }
}

#[test]
fn a_request_that_somebody_deletes_has_no_answer() {
    let outcome = outcome_of(|folder, id, _| {
        fs::remove_file(folder.join(format!("{id}.request"))).unwrap();
    });
    assert_rejected(&outcome, "deleted before it was answered");
}

#[test]
fn the_rules_of_the_receiver_are_kept_to_where_they_are_known() {
    let site = Site::new();
    let app = site.datasites().join(BOB).join("app_data/echo");
    fs::create_dir_all(&app).unwrap();
    let rules = format!("rules:\n- pattern: '**'\n  access:\n    write: ['{BOB}']\n");
    fs::write(app.join("syft.pub.yaml"), rules).unwrap();
    let host = start(&site, &[]);
    let id = send(&host, &message());
    let why = format!("{BOB}/app_data/echo/syft.pub.yaml does not let {OWNER} write");
    assert_rejected(&outcome(&host, &id), &why);
    assert!(!app.join("rpc").exists());
}

#[test]
fn nothing_is_written_through_a_link() {
    let (site, elsewhere) = (Site::new(), Site::new());
    let rpc = site.datasites().join(BOB).join("app_data/echo/rpc");
    fs::create_dir_all(&rpc).unwrap();
    symlink(elsewhere.path(), rpc.join("echo")).unwrap();
    let host = start(&site, &[]);
    let id = send(&host, &message());
    assert_rejected(&outcome(&host, &id), "without following links");
    assert!(!elsewhere.path().join(OWNER).exists());
}

#[test]
fn a_folder_that_becomes_a_link_gives_no_answer() {
    let (site, elsewhere) = (Site::new(), Site::new());
    let host = start(&site, &[]);
    let id = send(&host, &message());
    let (request, folder) = (arrived(&site, &id), outbox(&site, "echo"));
    let answer = response(&request, 200, "from elsewhere");
    let name = format!("{}.response", id.as_str().unwrap());
    fs::write(elsewhere.path().join(&name), answer).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    symlink(elsewhere.path(), &folder).unwrap();
    assert_rejected(&outcome(&host, &id), "deleted before it was answered");
    assert!(elsewhere.path().join(&name).exists());
}

#[test]
fn it_expires_where_nobody_answers() {
    let site = Site::new();
    let host = start(&site, &[]);
    let message = json!({"url": url_of(BOB, "echo"), "timeout": 1_500_000});
    let id = send(&host, &message);
    arrived(&site, &id);
    assert_eq!(outcome(&host, &id), "expired");
    wait_for("the request to go", || {
        requests_in(&outbox(&site, "echo")).is_empty().then_some(())
    });
}

#[test]
fn messages_are_found_again_after_a_restart() {
    let site = Site::new();
    let host = start(&site, &[]);
    let id = send(&host, &message());
    let request = arrived(&site, &id);
    host.stop();
    let answer = response(&request, 200, "meanwhile");
    let name = format!("{}.response", id.as_str().unwrap());
    fs::write(outbox(&site, "echo").join(name), answer).unwrap();
    let host = start(&site, &[]);
    assert_eq!(
        outcome(&host, &id),
        json!({"status": 200, "body": "meanwhile"})
    );
}

/// The steps of a message at which the host is killed.
const STEPS: [&str; 7] = [
    "before-commit",
    "after-commit",
    "before-send",
    "after-send",
    "before-end",
    "after-end",
    "before-clear",
];

#[test]
fn a_reply_comes_once_wherever_the_host_is_killed() {
    if !cfg!(debug_assertions) {
        return not_run("a release build has no failpoints");
    }
    for (n, step) in STEPS.iter().enumerate() {
        let site = Site::new();
        let (_home, echo) = start_echo(&site);
        let mut host = kills::start(&site, Some(&format!("{step}=1")));
        let told = json!({"url": url_of(BOB, "echo"), "handler": "replied", "context": step});
        let sent = super::send_as(
            &host,
            "ada@example.com",
            "send",
            &json!({"messages": [told]}),
        );
        wait_for("the end of the host", || (!host.is_running()).then_some(()));
        drop(host);
        let host = start(&site, &[]);
        assert_eq!(sent.answer().status(), 200, "{step}");
        let replies = wait_for("the reply", || {
            let told = ask(&host, "replies", &json!({}));
            (!told.as_array().unwrap().is_empty()).then_some(told)
        });
        assert_eq!(
            replies.as_array().unwrap().len(),
            1,
            "{n} {step}: {replies}"
        );
        assert!(
            replies[0]["outcome"].as_str().unwrap().starts_with("200 "),
            "{step}"
        );
        assert_eq!(echoed_by_bob(&echo), 1, "{step}");
        wait_for("an empty folder", || {
            requests_in(&outbox(&site, "echo")).is_empty().then_some(())
        });
    }
}

#[test]
fn a_call_that_waits_when_the_host_stops_is_told_or_runs_again() {
    let site = Site::new();
    let host = start(&site, &[]);
    let asked = json!({"messages": [message()], "timeout": 60_000_000});
    let waiting = super::send_as(&host, "ada@example.com", "ask", &asked);
    let request = wait_for("the request", || requests_in(&outbox(&site, "echo")).pop());
    drop(host); // kills it
    let answer = response(&request, 200, "at last");
    let name = format!("{}.response", request["id"].as_str().unwrap());
    fs::write(outbox(&site, "echo").join(name), answer).unwrap();
    let host = start(&site, &[]);
    // The same message under the same id, and so the same answer.
    let answer: Value = serde_json::from_str(&waiting.answer().text()).unwrap();
    assert_eq!(
        answer["outcomes"],
        json!([{"status": 200, "body": "at last"}])
    );
    assert_eq!(answer["ids"], json!([request["id"]]));
    assert_eq!(call(&host.rpc, "counts", "{}").status(), 200);
}
