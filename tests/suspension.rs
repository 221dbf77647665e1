//! An app whose calls crash the host again and again is suspended, and others are served on.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::client::{Sent, call, send};
use crate::support::guests::guest;
use crate::support::host::{Ended, output, syft_host};
use crate::support::installed::{Installation, Serving, serve};
use crate::support::site::{OWNER, Site};
use crate::support::{not_run, wait_for};

/// More crashes than any app is allowed.
const ENOUGH: usize = 30;

fn command(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = syft_host(site);
    command.args(["--json"]).args(arguments);
    command.args(["--email", OWNER, "--data-dir"]);
    Ended::of(&output(command.arg(site.data_dir())))
}

fn suspended(site: &Site, app: &str) -> Value {
    let listed = command(site, &["list"]).succeeded().stdout;
    let mut apps = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    apps.find(|entry| entry["name"] == app).unwrap()["suspended"].take()
}

fn poison(site: &Site) -> Sent {
    let body = json!({"key": "boom", "value": "1"}).to_string();
    send(&site.rpc("bad"), "set", Some(body.as_bytes()))
}

fn crashing(site: &Site) -> Command {
    let mut command = serve(site, &[]);
    command.env("SYFT_HOST_FAILPOINT", "in-call@boom");
    command
}

#[test]
fn an_app_that_crashes_the_host_again_and_again_is_suspended_and_resumed() {
    if !cfg!(debug_assertions) {
        return not_run("a release build has no failpoints");
    }
    let (site, stateful) = (Site::new(), fs::read(guest("stateful")).unwrap());
    let installed = Installation::new(&site);
    installed.put("bad", &stateful);
    installed.put("good", &stateful);
    // Each request is given up in its turn, and the next one begins anew.
    fs::create_dir_all(site.rpc("bad")).unwrap();
    let (mut requests, mut n_crashes) = (vec![poison(&site)], 0);
    while suspended(&site, "bad").is_null() {
        assert!(n_crashes < ENOUGH, "{n_crashes} crashes");
        let serving = Serving::spawn(&site, crashing(&site));
        let is_over = |event: &&Value| event["event"] == "app-failed" && event["app"] == "bad";
        let mut serving = Some(serving);
        wait_for("a crash, a suspension, or an answer", || {
            let host = serving.as_mut().unwrap();
            if host.events().iter().find(is_over).is_some() {
                return Some(());
            }
            if requests.last().unwrap().peek().is_some() {
                requests.push(poison(&site));
            }
            host.has_ended().then_some(())
        });
        n_crashes += 1;
    }
    let serving = Serving::spawn(&site, crashing(&site));
    serving.wait_for("it to be ready", |event| event["event"] == "ready");
    serving.wait_for_nth(1, "app-started", "good");
    let failed = serving.wait_for_nth(1, "app-failed", "bad");
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .contains("suspended since"),
        "{failed}"
    );
    assert!(
        failed["hints"].to_string().contains("syft-host resume bad"),
        "{failed}"
    );
    assert_eq!(call(&site.rpc("good"), "count", "{}").status(), 200);
    let waiting = requests.last().unwrap();
    assert!(waiting.path.exists() && waiting.peek().is_none());
    serving.stop();
    let path = guest("stateful");
    let run = command(&site, &["run", path.to_str().unwrap(), "--name", "bad"]);
    assert!(run.refused().contains("suspended since"));

    // What waited is answered by a host that has been mended.
    let serving = Serving::start(&site, &[]);
    command(&site, &["resume", "bad"]).succeeded();
    assert!(
        command(&site, &["resume", "bad"])
            .refused()
            .contains("is not suspended")
    );
    serving.wait_for_nth(1, "app-started", "bad");
    assert_eq!(waiting.answer().status(), 200);
    assert!(suspended(&site, "bad").is_null());
    serving.stop();
}

/// Somebody kills the host, again and again, while an app is at work.
#[test]
fn an_app_is_not_suspended_for_what_ends_the_host_from_outside() {
    let (site, stateful) = (Site::new(), fs::read(guest("stateful")).unwrap());
    let installed = Installation::new(&site);
    installed.put("good", &stateful);
    for _ in 0..12 {
        let serving = Serving::start(&site, &[]);
        for _ in 0..20 {
            send(&site.rpc("good"), "count", Some(b"{}"));
        }
        drop(serving);
    }
    assert!(suspended(&site, "good").is_null());
}
