//! Events that an app does not take.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::site::{ALL, brief, delivered_briefly, journal, start_with};
use crate::support::client::call;
use crate::support::host::{Host, output, parked, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

const PUBLIC: &[&str] = &["{datasite}/public/**"];
const QUICKLY: &[&str] = &[
    "--concurrency",
    "1",
    "--retry-first",
    "20ms",
    "--retry-attempts",
    "4",
];

fn start(site: &Site, options: &[&str]) -> Host {
    fs::create_dir_all(site.own("public")).unwrap();
    start_with(site, ALL, PUBLIC, &[], options)
}

fn fail(host: &Host, part: &str) {
    assert_eq!(call(&host.rpc, "fail", part).status(), 200);
}

fn heal(host: &Host) {
    assert_eq!(
        call(&host.rpc, "heal", "").text(),
        "null",
        "nothing was kept"
    );
}

fn asked_for(site: &Site) -> usize {
    let folder = site.path().join(".local/share/syft-host/apps").join(OWNER);
    let asked: &Path = &folder.join("app/asked");
    fs::read_dir(asked).map_or(0, Iterator::count)
}

#[test]
fn an_event_that_fails_is_delivered_again() {
    let site = Site::new();
    let host = start(&site, &["--concurrency", "1", "--retry-first", "100ms"]);
    fail(&host, "public/a");
    site.write("public/a", "x");
    host.wait_for_log("two failures", |line| {
        line.to_string().contains("to fail, attempt 2")
    });
    // Other events are delivered meanwhile.
    assert_eq!(delivered_briefly(&site, &host), [""; 0]);
    heal(&host);
    let event = wait_for("the event", || {
        journal(&host)
            .into_iter()
            .find(|event| brief(event).ends_with("public/a"))
    });
    assert!(event["attempt"].as_u64() >= Some(3), "{event}");
    let failures = host
        .log()
        .into_iter()
        .filter(|line| line.to_string().contains("to fail"));
    let ids: Vec<_> = failures.map(|line| line["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == event["id"]), "{ids:?} {event}");
}

#[test]
fn attempts_are_counted_over_restarts() {
    let site = Site::new();
    let host = start(&site, &["--concurrency", "1", "--retry-first", "30s"]);
    fail(&host, "public/a");
    site.write("public/a", "x");
    host.wait_for_log("a failure", |line| {
        line.to_string().contains("to fail, attempt 1")
    });
    heal(&host);
    host.stop();
    let host = start(&site, &["--concurrency", "1"]);
    let event = wait_for("the event", || journal(&host).pop());
    assert_eq!(
        (&event["attempt"], brief(&event).as_str()),
        (&2.into(), "created public/a")
    );
}

#[test]
fn an_event_that_fails_for_good_is_parked_and_can_be_delivered_again() {
    let site = Site::new();
    let host = start(&site, QUICKLY);
    fail(&host, "public/");
    site.write("public/a", "x");
    site.write("public/b", "x");
    let parked_now = wait_for("both to be parked", || {
        let all = parked(&site, &[]);
        (all.len() == 2).then_some(all)
    });
    for event in &parked_now {
        assert_eq!(event["app"], "app");
        assert_eq!(event["event"], "created");
        assert_eq!(event["attempts"], 4);
        assert_eq!(event["error"], "Told: to fail, attempt 4");
    }
    host.wait_for_log("an error", |line| {
        line["level"] == "ERROR" && line.to_string().contains("parked")
    });
    heal(&host);
    // A change afterwards is another event.
    assert_eq!(delivered_briefly(&site, &host), [""; 0]);
    let id = |name: &str| {
        let is_it = |event: &&Value| event["path"].as_str().unwrap().ends_with(name);
        let event = parked_now.iter().find(is_it).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    let (a, b) = (id("/a"), id("/b"));
    parked(&site, &["--retry", &a, "--drop", &b]);
    let event = wait_for("the event", || {
        journal(&host)
            .into_iter()
            .find(|event| brief(event) == "created public/a")
    });
    assert_eq!((&event["id"], &event["attempt"]), (&a.into(), &1.into()));
    wait_for("both to be seen to", || {
        (asked_for(&site) == 0).then_some(())
    });
    assert_eq!(parked(&site, &[]), [Value::Null; 0]);
    site.write("public/b", "otherwise");
    let expected = ["created public/a", "modified public/b"];
    assert_eq!(delivered_briefly(&site, &host), expected);
}

#[test]
fn what_is_parked_outlives_the_host() {
    let site = Site::new();
    let host = start(&site, QUICKLY);
    fail(&host, "public/a");
    site.write("public/a", "x");
    let all = wait_for("it to be parked", || {
        Some(parked(&site, &[])).filter(|events| !events.is_empty())
    });
    heal(&host);
    host.stop();
    assert_eq!(parked(&site, &[]), all);
    // Asked for while nobody serves the app.
    parked(&site, &["--retry", all[0]["id"].as_str().unwrap()]);
    let host = start(&site, QUICKLY);
    wait_for("the event", || {
        journal(&host)
            .into_iter()
            .find(|event| brief(event) == "created public/a")
    });
}

#[test]
fn an_event_that_is_not_parked_cannot_be_asked_for() {
    let site = Site::new();
    let mut command = syft_host(&site);
    command
        .args(["parked", "app", "--email", OWNER, "--data-dir"])
        .arg(site.data_dir())
        .args(["--retry", "6d5d3b0c-6c1e-4b4e-8d53-0f5a4f2f1f1e"]);
    let output = output(&mut command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("no app app has been served"), "{stderr}");
}
