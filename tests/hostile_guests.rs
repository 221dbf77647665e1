//! Guests that do what they must not: their request fails, nobody else's does.

use crate::support::client::{call, send};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::Site;

const GENERIC: &str = "Internal server error. Please try again later.";

fn hostile(options: &[&str]) -> (Site, Host) {
    let site = Site::new();
    let options: Vec<&str> = ["--name", "app"].iter().chain(options).copied().collect();
    let host = Host::start(&site, &guest("hostile"), &options);
    (site, host)
}

/// Checks that a call fails as it should while others are answered.
fn check(endpoint: &str, expected: &str) {
    let (_site, host) = hostile(&["--time", "2s"]);
    let bad: Vec<_> = (0..4).map(|_| send(&host.rpc, endpoint, None)).collect();
    for _ in 0..20 {
        assert_eq!(call(&host.rpc, "ok", "").text(), "ok", "meanwhile");
    }
    for sent in bad {
        let answer = sent.answer();
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (500, GENERIC),
            "{endpoint}"
        );
    }
    host.wait_for_log(expected, |line| {
        line["message"] == expected && line["status"] == 500
    });
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok", "afterwards");
}

#[test]
fn a_loop_is_ended() {
    check("loop", "timed-out");
}

#[test]
fn memory_is_bounded() {
    check("allocate", "out-of-memory");
}

#[test]
fn a_panic_ends_its_call() {
    check("panic", "trapped");
}

#[test]
fn a_stack_overflow_ends_its_call() {
    check("recurse", "trapped");
    check("recurse-with-frames", "trapped");
}

#[test]
fn an_exit_ends_its_call() {
    check("exit", "trapped");
}

#[test]
fn a_gigabyte_of_output_is_neither_kept_nor_logged() {
    let (_site, host) = hostile(&[]);
    let sent = send(&host.rpc, "print", None);
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok", "meanwhile");
    assert_eq!(sent.answer().status(), 500);
    host.wait_for_log("the reason", |line| line["message"] == "too-much-output");
    let logged: usize = host.log().iter().map(|line| line.to_string().len()).sum();
    assert!(logged < 1 << 20, "{logged} bytes of log");
    assert!(
        host.peak_memory() < 400 << 20,
        "{} bytes",
        host.peak_memory()
    );
}

#[test]
fn an_answer_that_no_client_could_read_is_mended_or_refused() {
    let (_site, host) = hostile(&[]);
    for (code, expected) in [
        (299, 200),
        (444, 400),
        (520, 500),
        (42, 500),
        (201, 201),
        (418, 418),
    ] {
        let body = format!(r#"{{"code":{code}}}"#);
        assert_eq!(
            call(&host.rpc, "bad-status", &body).status(),
            expected,
            "{code}"
        );
    }
    assert_eq!(
        call(&host.rpc, "many-headers", r#"{"n":100000}"#).status(),
        500
    );
    assert_eq!(
        call(&host.rpc, "huge-response", r#"{"n":50000000}"#).status(),
        500
    );
    let answer = call(&host.rpc, "bad-header", "{}");
    assert!([200, 500].contains(&answer.status()));
}

#[test]
fn an_owner_who_debugs_shows_callers_what_happened() {
    let (_site, host) = hostile(&["--debug"]);
    let answer = call(&host.rpc, "panic", "");
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.json["headers"]["Content-Type"], "application/json");
    let details: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(details["error_type"], "trapped");
}
