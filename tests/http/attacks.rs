//! Ways around what was allowed, and servers that mean no good.

use serde_json::{Value, json};

use super::{SERVER, ask, near_names, send, start, url, wait_for_line};
use crate::support::client::call;
use crate::support::host::Host;
use crate::support::not_run;
use crate::support::site::Site;
use crate::support::web::{HELD, WebServer};

/// No line of the log has something in it.
fn assert_unlogged(host: &Host, words: &str) {
    let log = host.log();
    let line = log.iter().find(|line| line.to_string().contains(words));
    assert!(line.is_none(), "{line:?}");
}

/// Returns a text as JSON has it between quotes.
fn json_text(text: &str) -> String {
    Value::from(text).to_string().trim_matches('"').to_owned()
}

/// A name that is allowed and leads to this machine reaches nothing there.
#[test]
fn names_that_lead_to_this_machine_are_refused() {
    let names = near_names();
    if names.is_empty() {
        return not_run("no name but localhost leads to this machine");
    }
    let site = Site::new();
    let host = start(&site, &[]);
    for name in names {
        let answer = send(&host, &format!("http://{name}:{}/by-name", SERVER.port));
        assert_eq!(answer["error"], "Prohibited", "{name}: {answer}");
        let line = wait_for_line(&host, &format!("http://{name}:"));
        let hint = line["hint"].as_str().unwrap();
        assert!(hint.contains("its name leads to"), "{hint}");
    }
    assert!(SERVER.asked("/by-name").is_empty());
}

/// Other spellings of an address that is allowed, or of one that is not, are refused before
/// anything is looked up.
#[test]
fn other_spellings_of_addresses_are_refused() {
    let site = Site::new();
    let host = start(&site, &[]);
    let port = SERVER.port;
    let mut n_refused = 0;
    for (authority, error) in [
        ("0x7f.1", "InvalidUrl"),
        ("127.1", "InvalidUrl"),
        ("2130706433", "InvalidUrl"),
        ("0177.0.0.1", "InvalidUrl"),
        ("127.0.0.1.", "InvalidUrl"),
        ("localhost.", "InvalidUrl"),
        ("user:password@127.0.0.1", "InvalidUrl"),
        ("0.0.0.0", "NotAllowed"),
        ("127.0.0.2", "NotAllowed"),
        ("[::]", "NotAllowed"),
        ("[::1]", "NotAllowed"),
        ("[::ffff:127.0.0.1]", "InvalidUrl"),
        ("[::127.0.0.1]", "NotAllowed"),
        ("[64:ff9b::7f00:1]", "NotAllowed"),
        ("169.254.169.254", "NotAllowed"),
    ] {
        let answer = send(&host, &format!("http://{authority}:{port}/spelled"));
        assert_eq!(answer["error"], error, "{authority}: {answer}");
        n_refused += usize::from(error == "NotAllowed");
    }
    assert!(SERVER.asked("/spelled").is_empty());
    // The owner sees each that is an address, with what would allow it.
    let allowing = format!("allow = [\"http://169.254.169.254:{port}\"]");
    wait_for_line(&host, &json_text(&allowing));
    let log = host.log();
    let refused = log
        .iter()
        .filter(|line| line["message"] == "HTTP request refused");
    assert_eq!(refused.count(), n_refused);
}

/// A redirect is a request like any other.
#[test]
fn redirects_lead_only_to_what_is_allowed() {
    let inner = WebServer::start();
    let site = Site::new();
    let host = start(&site, &[]);
    for to in [
        format!("{}/inward", inner.origin()),
        format!("http://0.0.0.0:{}/inward", SERVER.port),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let steps = ask(
            &host,
            "follow",
            &json!({"url": url(&format!("/redirect?{to}"))}),
        );
        assert_eq!(steps[0][1]["status"], 302);
        assert_eq!(steps[1][1]["error"], "NotAllowed", "{to}: {steps}");
    }
    for origin in [inner.origin(), "http://169.254.169.254".to_owned()] {
        let line = wait_for_line(&host, &json_text(&format!("allow = [\"{origin}\"]")));
        assert_eq!(line["message"], "HTTP request refused");
        assert_eq!(line["origin"], origin);
    }
    assert!(inner.asked("").is_empty() && SERVER.asked("GET /inward").is_empty());
    let around = url(&format!("/redirect?{}", url("/allowed")));
    let steps = ask(&host, "follow", &json!({"url": around}));
    assert_eq!(steps[1][1]["status"], 200);
}

/// Each kind of bad server: what the guest sees of it, and what the owner.
#[test]
fn bad_servers_are_bounded_and_named() {
    let site = Site::new();
    let host = start(&site, &["--time", "4s"]);
    for (path, error, logged) in [
        (
            "/endless-headers",
            "TooLarge",
            "at most 100 headers and 64 KiB of them",
        ),
        (
            "/many-headers",
            "TooLarge",
            "at most 100 headers and 64 KiB of them",
        ),
        (
            "/endless-body",
            "TooLarge",
            "a call receives at most 16 MiB",
        ),
        (
            "/cut-off",
            "Unanswered",
            "the connection ended before the answer did",
        ),
        ("/gibberish", "Unanswered", "the answer is no HTTP"),
        ("/slow-body", "TimedOut", "nothing more came within 300ms"),
        ("/silent", "TimedOut", "no answer within 300ms"),
        ("/slow-head", "TimedOut", "no answer within 300ms"),
    ] {
        let mut body = json!({"url": url(path)});
        if error == "TimedOut" {
            body["timeout_ms"] = json!(300);
        }
        let answer = ask(&host, "send", &body);
        assert_eq!(answer["error"], error, "{path}: {answer}");
        let line = wait_for_line(&host, logged);
        assert_eq!(line["origin"], SERVER.origin(), "{path}");
    }
}

/// Without a limit of its own, a request ends so long before its call that the guest can say so.
#[test]
fn a_server_that_never_answers_leaves_the_guest_time_to_say_so() {
    let site = Site::new();
    let host = start(&site, &["--time", "2s"]);
    for path in ["/silent", "/slow-body"] {
        let answer = send(&host, &url(path));
        assert_eq!(answer["error"], "TimedOut", "{path}: {answer}");
    }
}

#[test]
fn a_call_sends_so_much_and_no_more() {
    let site = Site::new();
    let host = start(&site, &[]);
    let uploaded = json!({"url": url("/count"), "bytes": 17 << 20});
    assert_eq!(ask(&host, "upload", &uploaded)["error"], "TooLarge");
    wait_for_line(&host, "a call sends at most 16 MiB");
}

#[test]
fn connections_of_a_call_wait_for_each_other() {
    let site = Site::new();
    let host = start(&site, &[]);
    let authority = format!("127.0.0.1:{}", SERVER.port);
    let many = json!({"authority": authority, "path": "/hold", "n": 40});
    let ended = ask(&host, "many", &many);
    assert_eq!(ended, Value::from(vec![200; 40]));
    assert_eq!(SERVER.most_held(), HELD, "as many as a call may have");
}

#[test]
fn secrets_are_in_no_line_of_the_log() {
    let site = Site::new();
    let host = start(&site, &["--log", "trace"]);
    for url in [
        "http://127.0.0.1:1/s3cret?s3cret#s3cret".to_owned(),
        "http://no-such-host.invalid/s3cret".to_owned(),
        "http://not-allowed.example/s3cret".to_owned(),
        format!("http://s3cret:s3cret@127.0.0.1:{}/s3cret", SERVER.port),
        format!("https://localhost:{}/s3cret", SERVER.port),
        url("/gibberish?s3cret"),
        url("/cut-off?s3cret"),
    ] {
        let body = json!({"url": url, "secret": "Bearer s3cret"});
        let answer = ask(&host, "send", &body);
        assert!(answer["error"].is_string(), "{url}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(!message.contains("s3cret"), "{message}");
    }
    wait_for_line(&host, "the connection ended before the answer did");
    assert_unlogged(&host, "s3cret");
}

/// Headers and bodies that are made and never sent are counted like all that the host holds.
#[test]
fn what_is_not_sent_is_held_within_bounds() {
    let site = Site::new();
    let host = start(&site, &[]);
    for (endpoint, few, many) in [("headers", 100, 5_000), ("bodies", 100, 3_000)] {
        assert_eq!(ask(&host, endpoint, &json!({"n": few})), few, "{endpoint}");
        let answer = call(&host.rpc, endpoint, &json!({"n": many}).to_string());
        assert_eq!(answer.status(), 500, "{endpoint}: {}", answer.text());
        host.wait_for_log("too much held", |line| line["message"] == "too-much-held");
    }
    let peak = host.peak_memory();
    assert!(peak < 300 << 20, "{} MiB", peak >> 20);
}
