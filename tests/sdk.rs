//! What the guest SDK offers, through the command line and the file tree.

mod toolbox;
mod watching;

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{Sent, call, send};
use crate::support::guests::example;
use crate::support::host::Host;
use crate::support::site::Site;

fn async_tasks(options: &[&str]) -> (Site, Host) {
    let site = Site::new();
    let options = [&["--name", "app"], options].concat();
    let host = Host::start(&site, &example("async-tasks"), &options);
    (site, host)
}

fn json_of(host: &Host, endpoint: &str, body: &Value) -> Value {
    let answer = call(&host.rpc, endpoint, &body.to_string());
    assert_eq!(answer.status(), 200, "{endpoint}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

#[test]
fn endpoints_of_nested_routers_have_all_prefixes() {
    let (_site, host) = async_tasks(&[]);
    let schema = fs::read_to_string(host.rpc.join("rpc.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let mut paths: Vec<&str> = schema
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    paths.sort_unstable();
    let expected = [
        "/api/v1/naps/together",
        "/api/v1/naps/twice",
        "/api/v1/work",
        "/sleep",
    ];
    assert_eq!(paths, expected);
    for path in expected {
        let folder = host.rpc.join(path.trim_start_matches('/'));
        assert!(folder.join(".syftkeep").is_file(), "{path}");
    }
    let described = &schema["/api/v1/naps/twice"]["description"];
    assert_eq!(described, "Sleeps two naps at a time.");
}

#[test]
fn a_handler_below_two_prefixes_is_called() {
    let (_site, host) = async_tasks(&[]);
    let slept = json_of(&host, "api/v1/naps/twice", &json!({"ms": 10}));
    assert_eq!(slept["sum_ms"], 20);
    // The handler of "/" in its router.
    let progress = json_of(&host, "api/v1/work", &json!({"n_steps": 2, "step_ms": 1}));
    assert_eq!(progress, json!({"n_done": 2, "n_left": 0}));
}

#[test]
fn answers_a_hundred_sleepers() {
    let (_site, host) = async_tasks(&["--concurrency", "100", "--time", "60s"]);
    let body = br#"{"ms":1000}"#;
    let start = Instant::now();
    let sent: Vec<Sent> = (0..100)
        .map(|_| send(&host.rpc, "sleep", Some(body)))
        .collect();
    for sent in sent {
        let answer = sent.answer();
        assert_eq!((answer.status(), answer.text().as_str()), (200, "slept"));
    }
    // One after the other they would take a hundred seconds.
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_hundred_naps_in_one_call_take_as_long_as_the_longest() {
    let (_site, host) = async_tasks(&["--time", "60s"]);
    let naps = vec![1000; 100];
    let slept = json_of(&host, "api/v1/naps/together", &json!({"ms": naps}));
    assert_eq!(slept["sum_ms"], 100_000);
    assert!(slept["took_ms"].as_u64().unwrap() >= 1000, "{slept}");
    // One after the other it would be 1; all at a time it is 0.01.
    assert!(slept["ratio"].as_f64().unwrap() < 0.1, "{slept}");
}

#[test]
fn bad_arguments_of_an_async_handler_are_the_callers_fault() {
    let (_site, host) = async_tasks(&[]);
    let answer = call(&host.rpc, "sleep", r#"{"ms":"long"}"#);
    assert_eq!(answer.status(), 400, "{}", answer.text());
    let naps = json!({"ms": vec![0; 1001]}).to_string();
    let answer = call(&host.rpc, "api/v1/naps/together", &naps);
    assert_eq!(answer.status(), 400, "{}", answer.text());
}

#[test]
fn a_handler_that_minds_its_time_answers_in_it() {
    let (_site, host) = async_tasks(&["--time", "2s"]);
    let work = json!({"n_steps": 1000, "step_ms": 50});
    let progress = json_of(&host, "api/v1/work", &work);
    let n_done = progress["n_done"].as_u64().unwrap();
    assert!(n_done < 1000, "{progress}");
    assert_eq!(progress["n_left"], 1000 - n_done);
}
