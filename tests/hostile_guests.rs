//! Guests that do what they must not: their request fails, nobody else's does.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bloated::{Bloat, bloated};
use crate::support::client::{call, send};
use crate::support::failures::{GENERIC, check_failure};
use crate::support::guests::guest;
use crate::support::host::{Host, output, syft_host};
use crate::support::site::{OWNER, Site};

fn hostile(options: &[&str]) -> (Site, Host) {
    let site = Site::new();
    let options: Vec<&str> = ["--name", "app"].iter().chain(options).copied().collect();
    let host = Host::start(&site, &guest("hostile"), &options);
    (site, host)
}

/// Checks that a call fails as it should while others are answered.
fn check(endpoint: &str, expected: &str) -> Value {
    let (_site, host) = hostile(&["--time", "2s"]);
    check_failure(&host, endpoint, expected)
}

/// Checks what a line of the log says of a failure, and of what would allow it.
fn assert_says(line: &Value, expected: &[&str]) {
    for part in expected {
        assert!(line.to_string().replace('\\', "").contains(part), "{line}");
    }
}

#[test]
fn a_loop_is_ended() {
    let line = check("loop", "timed-out");
    let expected = ["within 2 s", "[limits] time = \"4s\"", "--time 4s"];
    assert_says(&line, &expected);
}

#[test]
fn memory_is_bounded() {
    let line = check("allocate", "out-of-memory");
    let expected = ["128 MiB", "[limits] memory = \"256MiB\"", "--memory 256MiB"];
    assert_says(&line, &expected);
}

/// Twice the limit would not do.
#[test]
fn who_wants_a_lot_of_memory_is_told_how_to_get_it() {
    let (_site, host) = hostile(&["--memory", "64MiB"]);
    let answer = call(&host.rpc, "huge-response", r#"{"n":300000000}"#);
    assert_eq!(answer.status(), 500);
    let line = host.wait_for_log("the reason", |line| line["message"] == "out-of-memory");
    assert_says(&line, &["[limits] memory = \"512MiB\"", "--memory 512MiB"]);
}

#[test]
fn a_panic_ends_its_call() {
    let line = check("panic", "trapped");
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.starts_with("panicked at "), "{line}");
    assert!(detail.contains("src/lib.rs:"), "{line}");
    assert!(detail.ends_with(": on purpose"), "{line}");
}

/// What the standard library says on stderr stands in the one line, and nowhere else.
#[test]
fn a_panic_is_logged_once() {
    let (_site, host) = hostile(&[]);
    call(&host.rpc, "panic", "");
    let line = host.wait_for_log("the panic", |line| line["message"] == "trapped");
    let ms = line["ms"].as_f64().unwrap();
    assert_eq!((ms * 10.0).round() / 10.0, ms, "one decimal");
    let lines = host.log();
    let said = lines.iter().filter(|line| line["target"] == "guest");
    assert_eq!(said.count(), 0, "{lines:?}");
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
    for key in ["error_message", "traceback"] {
        let text = details[key].as_str().unwrap();
        assert!(
            text.starts_with("panicked at ") && text.ends_with(": on purpose"),
            "{details}"
        );
    }
    let answer = call(&host.rpc, "allocate", "");
    let details: Value = serde_json::from_str(&answer.text()).unwrap();
    assert!(
        details["hint"]
            .as_str()
            .unwrap()
            .contains("--memory 256MiB"),
        "{details}"
    );
}

#[test]
fn a_guest_that_says_nothing_often_does_not_fill_the_log() {
    let (_site, host) = hostile(&[]);
    let sent = send(&host.rpc, "says-nothing", None);
    assert!([200, 500].contains(&sent.answer().status()));
    let size = call(&host.rpc, "fails-at-length", r#"{"n":4000000}"#);
    assert_eq!(size.status(), 500);
    host.wait_for_log("the failure", |line| line["message"] == "failed");
    let logged: usize = host.log().iter().map(|line| line.to_string().len()).sum();
    assert!(logged < 500_000, "{logged} bytes of log");
}

#[test]
fn headers_that_no_reader_takes_are_refused() {
    let (_site, host) = hostile(&[]);
    assert_eq!(
        call(&host.rpc, "long-header", r#"{"n":1000}"#).status(),
        200
    );
    let answer = call(&host.rpc, "long-header", r#"{"n":100000}"#);
    assert_eq!(answer.status(), 500);
    assert!(answer.text().contains("headers"), "{}", answer.text());
}

fn probing() -> (Site, Host) {
    let site = Site::new();
    let host = Host::start(&site, &guest("files"), &["--name", "app"]);
    (site, host)
}

fn asked(host: &Host, endpoint: &str, body: &str) -> Value {
    let answer = call(&host.rpc, endpoint, body);
    assert_eq!(answer.status(), 200, "{endpoint}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

#[test]
fn there_is_no_environment() {
    let (_site, host) = probing();
    let nothing = json!({"variables": [], "arguments": [], "initial": null});
    assert_eq!(asked(&host, "environment", ""), nothing);
}

#[test]
fn there_is_no_network() {
    let (_site, host) = probing();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let datagrams = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    for nobody in [
        &listener.set_nonblocking(true),
        &datagrams.set_nonblocking(true),
    ] {
        assert!(nobody.is_ok());
    }
    let outcomes = asked(&host, "sockets", &json!({"port": port}).to_string());
    for (way, outcome) in outcomes.as_object().unwrap() {
        assert_eq!(outcome, "PermissionDenied", "{way}");
    }
    assert!(listener.accept().is_err(), "nobody connected");
    assert!(datagrams.recv(&mut [0]).is_err(), "nothing was sent");
    for kind in ["a TCP socket", "a UDP socket"] {
        let line = host.wait_for_log(kind, |line| line.to_string().contains(kind));
        let expected = [
            "network refused",
            "/sockets",
            "apps have no network of their own",
            "[http]",
        ];
        assert_says(&line, &expected);
    }
}

#[test]
fn names_are_not_looked_up() {
    let (_site, host) = probing();
    for outcome in asked(&host, "look-up", "").as_array().unwrap() {
        assert_ne!(outcome, "done");
    }
    host.wait_for_log("the refusal", |line| {
        line.to_string().contains("the address of a name")
    });
}

#[test]
fn clocks_and_random_numbers_work() {
    let (_site, host) = probing();
    let [one, other] = [0, 1].map(|_| asked(&host, "clocks-and-random", ""));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let seconds = Duration::from_secs(one["seconds"].as_u64().unwrap());
    assert!(now.abs_diff(seconds) < Duration::from_secs(60), "{one}");
    assert!(one["slept_us"].as_u64().unwrap() >= 5_000, "{one}");
    assert_ne!(one["random"], other["random"]);
}

#[test]
fn handles_are_bounded() {
    let (_site, host) = probing();
    assert_eq!(asked(&host, "hold-pollables", r#"{"n":1000}"#), json!(1000));
    let answer = call(&host.rpc, "hold-pollables", r#"{"n":10000000}"#);
    assert_eq!((answer.status(), answer.text().as_str()), (500, GENERIC));
    assert_eq!(asked(&host, "hold-pollables", r#"{"n":1}"#), json!(1));
}

/// Calls that wait are many; those that come later have their turn.
#[test]
fn a_flood_of_calls_takes_turns() {
    let site = Site::new();
    let options = ["--name", "app", "--concurrency", "4", "--time", "1s"];
    let host = Host::start(&site, &guest("hostile"), &options);
    let flood: Vec<_> = (0..40).map(|_| send(&host.rpc, "loop", None)).collect();
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok");
    for sent in flood {
        assert_eq!(sent.answer().status(), 500);
    }
    assert!(
        host.peak_memory() < 500 << 20,
        "{} bytes",
        host.peak_memory()
    );
}

/// Checks that a component is served with some core modules more, and not with too
/// many.
fn check_bloat(fits: &[Bloat], too_many: &[Bloat]) {
    let site = Site::new();
    let options = ["--name", "app", "--memory", "16MiB"];
    let component = bloated(&site, &guest("hostile"), fits);
    let host = Host::start(&site, &component, &options);
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok", "{fits:?}");
    host.stop();
    let component = bloated(&site, &guest("hostile"), too_many);
    let mut command = syft_host(&site);
    command.arg("run").arg(component).args(options);
    command
        .args(["--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    let output = output(&mut command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{too_many:?}");
    assert!(
        error.contains("cannot run") && !error.contains("panicked"),
        "{error}"
    );
}

#[test]
fn two_memories_do_not_double_the_limit() {
    check_bloat(&[Bloat::Memory(128)], &[Bloat::Memory(128); 2]);
}

#[test]
fn a_guest_with_two_memories_grows_no_further_than_with_one() {
    let site = Site::new();
    let component = bloated(&site, &guest("hostile"), &[Bloat::Memory(1_000)]);
    let host = Host::start(&site, &component, &["--name", "app", "--memory", "64MiB"]);
    // This much would fit if the other memory did not count.
    let answer = call(&host.rpc, "huge-response", r#"{"n":2000000}"#);
    assert_eq!(answer.status(), 500, "{}", answer.text().len());
    host.wait_for_log("the reason", |line| line["message"] == "out-of-memory");
}

#[test]
fn memories_are_few() {
    check_bloat(&[Bloat::Memory(1); 3], &[Bloat::Memory(1); 4]);
}

#[test]
fn tables_share_one_limit() {
    check_bloat(&[Bloat::Table(150_000)], &[Bloat::Table(150_000); 2]);
}

#[test]
fn core_instances_are_few() {
    check_bloat(&[Bloat::Nothing; 40], &[Bloat::Nothing; 65]);
}
