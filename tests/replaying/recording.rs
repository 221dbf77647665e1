//! Which calls are recorded.

use std::fs;

use serde_json::{Value, json};

use super::{assert_same, kept, read, run, start_recorded, wait_for_kept};
use crate::support::apps::granted;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::installed::{Installation, Serving};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

/// Returns what `record` says of the app.
fn recorded(site: &Site, options: &[&str]) -> Value {
    let arguments = [&["--json", "record", "app"], options].concat();
    let ended = run(site, &arguments).succeeded();
    serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap()
}

/// Waits until the host has found another order.
fn wait_for_order(serving: &Serving, n_orders: usize) {
    wait_for("the order to be found", || {
        let log = serving.log();
        let n_found = log.matches("calls are recorded\"").count();
        (n_found >= n_orders).then_some(())
    });
}

#[test]
fn file_events_are_not_recorded() {
    let site = Site::new();
    Installation::new(&site).put("app", &fs::read(guest("watcher")).unwrap());
    let ended = run(&site, &["record", "app", "--calls", "1"]).succeeded();
    assert!(ended.stderr.contains("file events are not"), "{ended:?}");
    let why = run(&site, &["record", "app", "--endpoint", "(watch)"]).refused();
    assert!(
        why.starts_with("error: recordings of app: file events are not recorded\n"),
        "{why}"
    );
    assert!(why.contains("hint: "), "{why}");
}

#[test]
fn a_host_that_serves_records_what_it_is_told_to() {
    let site = Site::new();
    let installation = Installation::new(&site);
    installation.put("app", &fs::read(guest("stateful")).unwrap());
    let serving = Serving::start(&site, &[]);
    let rpc = site.rpc("app");
    let set = |end: &str| {
        let body = json!({"value": "v", "end": end}).to_string();
        call(&rpc, "set-and", &body).status()
    };
    assert_eq!(recorded(&site, &[])["recording"], Value::Null);
    let order = recorded(
        &site,
        &["--errors", "--calls", "1", "--endpoint", "set-and"],
    );
    assert_eq!(order["recording"]["calls"], 1);
    assert_eq!(order["recording"]["endpoint"], "/set-and");
    wait_for_order(&serving, 1);
    assert_eq!(set("answer"), 200);
    assert_eq!(
        call(&rpc, "swap", "{}").status(),
        400,
        "of another endpoint"
    );
    assert_eq!(set("fail"), 500);
    let file = wait_for_kept(&site, 1);
    assert_eq!(read(&file)["end"]["outcome"], "failed");
    assert_eq!(set("fail"), 500);
    let listed = recorded(&site, &[]);
    assert_eq!(listed["recording"], Value::Null, "it stops by itself");
    assert_eq!(listed["kept"].as_array().unwrap().len(), 1);
    assert_eq!(listed["kept"][0]["outcome"], "failed");
    assert_same(&site, &file, &[]);
    // Of nobody who calls, and then no more.
    recorded(&site, &["--sender", "nobody@example.com"]);
    wait_for_order(&serving, 2);
    assert_eq!(set("answer"), 200);
    assert_eq!(recorded(&site, &["--off"])["recording"], Value::Null);
    assert_eq!(kept(&site).len(), 1);
    recorded(&site, &["--clear"]);
    assert_eq!(kept(&site), Vec::<std::path::PathBuf>::new());
    serving.stop();
}

#[test]
fn what_nobody_serves_is_refused_by_name() {
    let site = Site::new();
    let error = run(&site, &["record", "app"]).refused();
    assert!(
        error.contains("no app app is installed or has been served"),
        "{error}"
    );
    for wrong in [
        &["record", "--errors"][..],
        &["record", "app", "--calls", "0"],
        &["record", "app", "--calls", "101"],
        &["record", "app", "--off", "--errors"],
    ] {
        run(&site, wrong).refused();
    }
}

#[test]
fn what_is_too_large_is_not_kept_and_said_to_be() {
    let site = Site::new();
    let own = site.datasites().join(OWNER).join("public");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("large"), vec![b'x'; 9 << 20]).unwrap();
    fs::write(own.join("small"), "x").unwrap();
    let component = granted(&site, &guest("files"), &["**"], &["**"], &[]);
    let host = start_recorded(&site, &component, &["--allow-all-requested"]);
    let read = |name: &str| {
        let path = format!("/datasites/{OWNER}/public/{name}");
        let ops = json!([{"stat": path}, {"hold": [path, 1]}]);
        call(&host.rpc, "ops", &ops.to_string()).status()
    };
    assert_eq!(read("large"), 200);
    let line = host.wait_for_log("the refusal", |line| {
        line.to_string().contains("the recording is not kept")
    });
    assert!(line.to_string().contains("8 MiB"), "{line}");
    assert_eq!(read("small"), 200);
    wait_for_kept(&site, 1);
}

#[test]
fn recordings_go_where_the_author_says_but_not_where_they_are_synced() {
    let site = Site::new();
    let folder = site.path().join("elsewhere");
    let option = format!("--record={}", folder.display());
    let options = ["--name", "app", option.as_str()];
    let host = crate::support::host::Host::start(&site, &guest("stateful"), &options);
    call(&host.rpc, "count", "{}");
    wait_for("a recording", || fs::read_dir(&folder).unwrap().next()).unwrap();
    host.stop();
    let synced = format!("--record={}", site.datasites().join("x").display());
    let component = guest("stateful");
    let arguments = ["run", component.to_str().unwrap(), "--name", "app", &synced];
    let error = run(&site, &arguments).refused();
    assert!(error.contains("lies inside the synced folder"), "{error}");
}
