//! Apps for WASI 0.3: they run beside those for 0.2, and what they start is bounded and ends
//! with their call.

use std::fs;

use serde_json::{Value, json};

use crate::support::client::{call, send};
use crate::support::guests::{example, guest};
use crate::support::host::{Host, output, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::site::{OWNER, Site};

const GENERIC: &str = "Internal server error. Please try again later.";

fn concurrent(options: &[&str]) -> (Site, Host) {
    let site = Site::new();
    let options = [&["--name", "app", "--time", "2s"], options].concat();
    let host = Host::start(&site, &guest("concurrent"), &options);
    (site, host)
}

/// Checks that a call fails as it should while others are answered.
fn check(endpoint: &str, options: &[&str], expected: &str) {
    let (_site, host) = concurrent(options);
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
    assert!(
        host.peak_memory() < 400 << 20,
        "{} bytes",
        host.peak_memory()
    );
}

#[test]
fn one_host_serves_apps_for_both() {
    let site = Site::new();
    let installed = Installation::new(&site);
    for (name, component) in [("older", "async-tasks"), ("newer", "wasi-0-3")] {
        installed.put(name, &fs::read(example(component)).unwrap());
    }
    // The second host finds their compiled code.
    for _ in 0..2 {
        let serving = Serving::start(&site, &[]);
        for (name, endpoint) in [
            ("older", "api/v1/naps/together"),
            ("newer", "together"),
            ("older", "api/v1/naps/together"),
        ] {
            let body = json!({"ms": vec![250; 8]}).to_string();
            let answer = call(&site.rpc(name), endpoint, &body);
            assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
            let slept: Value = serde_json::from_str(&answer.text()).unwrap();
            let [sum, took] = ["sum_ms", "took_ms"].map(|key| slept[key].as_u64().unwrap());
            assert_eq!(sum, 2000, "{name}");
            assert!((250..sum).contains(&took), "{name}: not at a time: {slept}");
        }
        serving.stop();
    }
}

#[test]
fn its_endpoints_and_errors_are_those_of_any_app() {
    let site = Site::new();
    let host = Host::start(&site, &example("wasi-0-3"), &["--name", "app"]);
    let schema = fs::read_to_string(host.rpc.join("rpc.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let described = &schema["/together"]["description"];
    assert_eq!(described, "Sleeps several naps at a time.");
    let answer = call(&host.rpc, "together", r#"{"ms": "long"}"#);
    assert_eq!(answer.status(), 400);
    assert!(
        answer.text().contains("invalid type"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_loop_is_ended() {
    check("loop", &[], "timed-out");
}

#[test]
fn giving_way_for_ever_is_ended() {
    check("yields", &[], "timed-out");
}

#[test]
fn waiting_is_ended() {
    check("waits", &[], "timed-out");
}

#[test]
fn waiting_for_nothing_is_ended_at_once() {
    check("waits-for-nothing", &["--time", "10m"], "trapped");
}

#[test]
fn tasks_are_bounded() {
    check("starts-tasks", &[], "trapped");
}

#[test]
fn streams_are_bounded() {
    check("opens-streams", &[], "trapped");
    check("hands-streams-on", &[], "trapped");
}

#[test]
fn output_is_bounded() {
    check("prints", &["--time", "10m"], "too-much-output");
}

#[test]
fn memory_is_bounded_while_tasks_wait() {
    check("allocates-later", &["--memory", "16MiB"], "out-of-memory");
}

#[test]
fn what_was_closed_is_not_held() {
    let (_site, host) = concurrent(&["--time", "10m"]);
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok");
    let before = host.peak_memory();
    let answer = call(&host.rpc, "opens-and-closes", "");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
    let more = host.peak_memory() - before;
    assert!(more < 64 << 20, "{more} bytes for 200,000 streams");
}

#[test]
fn an_answer_ends_all_tasks() {
    let (_site, host) = concurrent(&[]);
    for _ in 0..20 {
        assert_eq!(call(&host.rpc, "answers-then-waits", "").text(), "ok");
    }
    // What a task of theirs had logged would be here by now.
    assert_eq!(call(&host.rpc, "ok", "").text(), "ok");
    let log = host.log();
    let after = log.iter().find(|line| line["message"] == "after the answer");
    assert_eq!(after, None);
}

/// The guest has answered, but it does not give way, and nobody is told what it said.
#[test]
fn computing_on_without_giving_way_is_ended() {
    check("answers-then-loops", &[], "timed-out");
}

#[test]
fn what_is_not_offered_is_refused_by_its_name() {
    let site = Site::new();
    let component = guest("wants-files-of-wasi-0-3");
    let mut command = syft_host(&site);
    command.arg("run").arg(&component);
    command.args(["--email", OWNER, "--data-dir"]);
    let output = output(command.arg(site.data_dir()));
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    let expected = "the component imports `wasi:filesystem/preopens@0.3.0`, which no app can have\n\
                    hint: apps can import";
    assert!(error.contains(expected), "{error}");
}
