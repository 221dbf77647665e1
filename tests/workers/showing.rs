//! What the owner sees of workers.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use super::ON_WORKERS_ALONE;
use super::fleet::{Fleet, Worker, app};
use crate::dashboard::Opened;
use crate::packaging::manifests::metrics;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::as_owner;
use crate::support::site::Site;
use crate::support::wait_for;

#[test]
fn owners_see_workers_and_which_of_them_ran_a_call() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let _one = Worker::start(&fleet, "one", &["--label", "eu", "--concurrency", "3"]);
    app(&fleet, "counts", &guest("stateful"), "");
    let host = fleet.serve(&[ON_WORKERS_ALONE, &["--dashboard=127.0.0.1:0"]].concat());
    let dashboard = host.wait_for("the dashboard", |event| event["event"] == "dashboard");
    let dashboard = Opened::of(&dashboard);
    assert_eq!(call(&site.rpc("counts"), "count", "{}").status(), 200);
    let status = wait_for("the call to be counted", || {
        let status = as_owner(&site, &["status"]).succeeded().stdout;
        status.contains("1 call done").then_some(status)
    });
    let row = status.lines().find(|line| line.starts_with("one "));
    let row = row.unwrap_or_else(|| panic!("{status}"));
    assert!(row.contains("of 3") && row.ends_with("eu"), "{status}");
    let one = as_owner(&site, &["status", "counts"]).succeeded().stdout;
    assert!(one.contains("on workers 1 call"), "{one}");
    let log = wait_for("the log", || {
        let log = as_owner(&site, &["logs", "counts"]).succeeded().stdout;
        log.contains(" on one answered").then_some(log)
    });
    assert!(log.contains("/count"), "{log}");

    let workers = dashboard.get("/api/workers").json();
    let worker = &workers["workers"]["workers"][0];
    assert_eq!(
        (&worker["name"], &worker["finished"]),
        (&"one".into(), &1.into())
    );
    assert_eq!(
        dashboard.get("/api/host").json()["workers"]["is_connected"],
        true
    );
    let calls = dashboard.get("/api/requests").json();
    assert_eq!(calls["entries"][0]["worker"], "one", "{calls}");
    let page = dashboard.get("/").body;
    assert!(
        page.contains("id=\"workers\"") && page.contains("Last heard"),
        "{page}"
    );

    let text = dashboard.get("/metrics").body;
    for line in [
        "syft_host_workers_connected 1",
        "syft_host_workers_finished_total 1",
        "syft_host_worker_slots{worker=\"one\"} 3",
        "syft_host_calls_on_workers_total{app=\"counts\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let of_status = as_owner(&site, &["status", "--metrics"]).succeeded().stdout;
    assert!(
        of_status.contains("syft_host_workers_finished_total 1"),
        "{of_status}"
    );
    if let Some(names) = metrics(&text) {
        assert!(
            names.contains(&"syft_host_workers_lost".to_owned()),
            "{names:?}"
        );
    }
    host.stop();
}

#[test]
fn a_host_whose_server_is_gone_says_so_and_goes_on_by_itself() {
    let site = Site::new();
    let Some(mut fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    app(&fleet, "counts", &guest("stateful"), "");
    let host = fleet.serve(&[]);
    fleet.server.kill();
    wait_for("the host to notice", || {
        let status = as_owner(&site, &["status"]).succeeded().stdout;
        status.contains("which is not reached").then_some(())
    });
    assert_eq!(call(&site.rpc("counts"), "count", "{}").text(), "1");
    fleet.server.start_again();
    let one = Worker::start(&fleet, "one", &[]);
    wait_for("calls to go to the worker again", || {
        call(&site.rpc("counts"), "count", "{}");
        (fleet.done_by("one") > 0).then_some(())
    });
    assert!(one.stop());
    host.stop();
}

/// Returns what `doctor` finds about workers.
fn findings(site: &Site) -> Vec<Value> {
    let ended = as_owner(site, &["--json", "doctor"]);
    let lines = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let is_ours = |finding: &Value| finding["topic"] == "workers";
    lines.filter(is_ours).collect()
}

#[test]
fn doctor_looks_at_the_server_and_at_the_keys() {
    let site = Site::new();
    let Some(mut fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    assert_eq!(
        findings(&site),
        Vec::<Value>::new(),
        "nobody asked for workers"
    );
    let path = as_owner(&site, &["config", "path"]).succeeded().stdout;
    let path = PathBuf::from(path.trim());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let folder = fleet.server.folder().to_owned();
    let config = format!(
        "[serve]\nworkers = '{}'\nworkers-folder = '{}'\n",
        fleet.server.url(),
        folder.display()
    );
    fs::write(path, config).unwrap();
    let found = findings(&site);
    assert_eq!(
        (found.len(), &found[0]["health"]),
        (1, &"ok".into()),
        "{found:?}"
    );
    let what = found[0]["what"].as_str().unwrap();
    assert!(what.starts_with("NATS 2."), "{what}");
    let key = fleet.server.key("one");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let found = findings(&site);
    assert_eq!(found[0]["health"], "error", "{found:?}");
    let fix = found[0]["fixes"][0].as_str().unwrap();
    assert!(fix.contains("chmod 600"), "{fix}");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fleet.server.kill();
    let found = findings(&site);
    assert_eq!(found[0]["health"], "error", "{found:?}");
}
