//! Requests that come back after they were answered, and answers that are lost.

use std::fs;

use data_encoding::BASE64URL;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Answer, Sent, request};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::{CALLER, OWNER, Site};
use crate::support::wait_for;

fn start(site: &Site, options: &[&str]) -> Host {
    let options = [&["--name", "app"], options].concat();
    Host::start(site, &guest("stateful"), &options)
}

/// A request of the caller to count.
fn count() -> Value {
    request(Uuid::new_v4(), CALLER, "count", Some(b"{}"))
}

/// A request of the caller to read the count.
fn get() -> Value {
    request(Uuid::new_v4(), CALLER, "get", Some(br#"{"key":"count"}"#))
}

/// Writes a request under its id, in place.
fn put(host: &Host, request: &Value) -> Sent {
    let endpoint = request["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let id = request["id"].as_str().unwrap().parse().unwrap();
    let folder = host.rpc.join(endpoint).join(CALLER);
    Sent::write(&folder, id, request.to_string().as_bytes())
}

/// Sends a request and waits for its answer; returns the bytes of it.
fn ask(host: &Host, request: &Value) -> Vec<u8> {
    let sent = put(host, request);
    sent.answer();
    fs::read(sent.response_path()).unwrap()
}

fn answer(bytes: &[u8]) -> Answer {
    Answer {
        json: serde_json::from_slice(bytes).unwrap(),
    }
}

/// Waits for an answer in the place of an empty one.
fn whole(sent: &Sent) -> Answer {
    let path = sent.response_path();
    let is_there = || fs::metadata(&path).is_ok_and(|found| found.len() > 0);
    wait_for("the whole answer", || is_there().then_some(()));
    sent.answer()
}

/// Takes the answer as a client does, and returns its bytes.
fn take(sent: &Sent) -> Vec<u8> {
    sent.answer();
    let answer = fs::read(sent.response_path()).unwrap();
    fs::remove_file(&sent.path).unwrap();
    fs::remove_file(sent.response_path()).unwrap();
    answer
}

#[test]
fn a_request_that_comes_back_gets_the_same_answer_and_does_not_run() {
    let site = Site::new();
    let request = count();
    let host = start(&site, &[]);
    let first = take(&put(&host, &request));
    let again = |host: &Host| take(&put(host, &request));
    assert_eq!(again(&host), first, "both files were removed");
    host.stop();
    let host = start(&site, &[]);
    assert_eq!(again(&host), first, "and the host was started again");
    drop(host); // kills it
    let host = start(&site, &[]);
    assert_eq!(again(&host), first, "and it was killed");
    assert_eq!(answer(&ask(&host, &count())).text(), "2");
}

#[test]
fn an_answer_that_is_deleted_is_given_again() {
    let site = Site::new();
    let host = start(&site, &[]);
    let sent = put(&host, &count());
    sent.answer();
    let first = fs::read(sent.response_path()).unwrap();
    host.stop();
    fs::remove_file(sent.response_path()).unwrap();
    let host = start(&site, &[]);
    sent.answer();
    assert_eq!(fs::read(sent.response_path()).unwrap(), first);
    assert_eq!(answer(&ask(&host, &count())).text(), "2");
}

#[test]
fn an_empty_answer_is_none() {
    let site = Site::new();
    let host = start(&site, &[]);
    let (written, unchanged) = (put(&host, &count()), put(&host, &get()));
    let first = written.answer();
    unchanged.answer();
    host.stop();
    for sent in [&written, &unchanged] {
        fs::write(sent.response_path(), "").unwrap();
    }
    let host = start(&site, &[]);
    let answers = [&written, &unchanged].map(whole);
    assert_eq!(answers[0].json, first.json, "the one that was kept");
    assert_eq!(answers[1].text(), r#""1""#, "it ran again");
    // One that is planted before its request while the host runs.
    let request = count();
    let endpoint = host.rpc.join("count").join(CALLER);
    let name = format!("{}.response", request["id"].as_str().unwrap());
    fs::write(endpoint.join(name), "").unwrap();
    assert_eq!(whole(&put(&host, &request)).text(), "2");
}

/// As the released client does under an id that it derives from the content.
#[test]
fn a_request_that_is_sent_anew_runs_again() {
    let site = Site::new();
    let host = start(&site, &[]);
    let mut request = count();
    let first = take(&put(&host, &request));
    request["created"] = json!("2026-01-01T00:00:00+00:00");
    let second = take(&put(&host, &request));
    assert_eq!(answer(&first).text(), "1");
    assert_eq!(answer(&second).text(), "2");
    assert_eq!(take(&put(&host, &request)), second, "it has a record now");
    request["expires"] = json!("2998-01-01T00:00:00+00:00");
    assert_eq!(answer(&take(&put(&host, &request))).text(), "3");
}

#[test]
fn an_id_that_was_used_for_another_request_is_refused() {
    let site = Site::new();
    let host = start(&site, &[]);
    let request = count();
    let first = take(&put(&host, &request));
    for (field, value) in [
        ("body", json!("e30x")),
        ("body", Value::Null),
        ("headers", json!({"a": "b"})),
        ("method", json!("GET")),
        (
            "url",
            json!(format!("syft://{OWNER}/app_data/app/rpc/count/")),
        ),
    ] {
        let mut other = request.clone();
        other[field] = value;
        let sent = Sent::write(
            &host.rpc.join("count").join(CALLER),
            request["id"].as_str().unwrap().parse().unwrap(),
            other.to_string().as_bytes(),
        );
        let refused = answer(&take(&sent));
        assert_eq!(refused.status(), 409, "{field}: {}", refused.text());
        assert!(
            refused.text().contains("has been used"),
            "{}",
            refused.text()
        );
    }
    assert_eq!(take(&put(&host, &request)), first, "its own answer is kept");
    assert_eq!(answer(&ask(&host, &count())).text(), "2");
}

#[test]
fn a_call_that_changed_nothing_may_run_again() {
    let site = Site::new();
    let host = start(&site, &[]);
    let request = get();
    assert_eq!(answer(&take(&put(&host, &request))).text(), "null");
    ask(&host, &count());
    assert_eq!(answer(&take(&put(&host, &request))).text(), r#""1""#);
    let mut other = request.clone();
    other["body"] = json!(BASE64URL.encode(br#"{"key":"none"}"#));
    assert_eq!(answer(&take(&put(&host, &other))).text(), "null");
}

/// Nobody has told the host that was killed that these answers were given.
#[test]
fn an_answer_that_was_given_before_a_kill_is_forgotten_in_time() {
    let site = Site::new();
    let host = start(&site, &["--keep", "1s"]);
    let request = count();
    assert_eq!(answer(&take(&put(&host, &request))).text(), "1");
    drop(host); // kills it
    let host = start(&site, &["--sweep-every", "1s"]);
    host.wait_for_log("the end of its time", |line| {
        line.to_string().contains("answers were forgotten")
    });
    assert_eq!(answer(&take(&put(&host, &request))).text(), "2");
}
