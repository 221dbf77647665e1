//! `syft-host status`, and what `list` says of calls.

use std::fs;

use serde_json::Value;

use crate::support::client::{call, send};
use crate::support::guests::guest;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::installed::{Installation, Serving};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

fn command(site: &Site, words: &[&str]) -> Ended {
    let mut command = syft_host(site);
    command.args(words).args(["--email", OWNER, "--data-dir"]);
    Ended::of(&output(command.arg(site.data_dir()))).succeeded()
}

fn status(site: &Site, app: &str) -> Value {
    let ended = command(site, &["--json", "status", app]);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Waits until so many calls were counted.
fn wait_for_calls(site: &Site, app: &str, n_calls: u64) -> Value {
    wait_for("all calls to be counted", || {
        let status = status(site, app);
        (status["statistics"]["calls"]["count"] == n_calls).then_some(status)
    })
}

#[test]
fn tells_what_is_served_and_how_its_calls_ended() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &fs::read(guest("probe")).unwrap());
    let serving = Serving::start(&site, &[]);
    for _ in 0..3 {
        assert_eq!(call(&site.rpc("app"), "whoami", "{}").status(), 200);
    }
    let failed = send(&site.rpc("app"), "fail", Some(b"{}"));
    assert_eq!(failed.answer().status(), 500);
    let status = wait_for_calls(&site, "app", 4);
    assert_eq!(status["served"], true);
    let statistics = &status["statistics"];
    assert_eq!(statistics["version"], "1.0.0");
    assert_eq!(statistics["calls"]["errors"], 1);
    assert_eq!(statistics["calls"]["last_error"]["id"], failed.id());
    assert_eq!(statistics["load"]["waiting"], 0);
    let endpoints = statistics["endpoints"].as_array().unwrap();
    let paths: Vec<_> = endpoints
        .iter()
        .map(|endpoint| &endpoint["endpoint"])
        .collect();
    assert_eq!(paths, ["/fail", "/whoami"]);

    let table = command(&site, &["status"]).stdout;
    let row = table.lines().find(|line| line.starts_with("app ")).unwrap();
    let cells: Vec<_> = row.split_whitespace().take(5).collect();
    assert_eq!(cells, ["app", "served", "1.0.0", "4", "1"], "{table}");
    let of_one = command(&site, &["status", "app"]).stdout;
    for text in [
        "/whoami",
        "last error",
        failed.id(),
        "It may use no files",
        "Releases",
    ] {
        assert!(of_one.contains(text), "{text}: {of_one}");
    }
    let listed = command(&site, &["list"]).stdout;
    assert!(
        listed.contains("4 calls, 1 error\n") && listed.contains("last error"),
        "{listed}"
    );

    let metrics = command(&site, &["status", "--metrics"]).stdout;
    for line in [
        r#"syft_host_calls_total{app="app",endpoint="/whoami",code="2xx"} 3"#,
        r#"syft_host_calls_total{app="app",endpoint="/fail",code="5xx"} 1"#,
        r#"syft_host_call_duration_seconds_count{app="app",endpoint="/whoami"} 3"#,
        r#"syft_host_app_served{app="app"} 1"#,
    ] {
        assert!(
            metrics.lines().any(|known| known == line),
            "{line}: {metrics}"
        );
    }

    serving.stop();
    let after = command(&site, &["status"]).stdout;
    assert!(
        after.contains("No host serves what is installed"),
        "{after}"
    );
    assert!(after.contains("not served"), "{after}");
}

#[test]
fn tells_of_an_app_that_is_run() {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    assert_eq!(call(&host.rpc, "whoami", "{}").status(), 200);
    wait_for_calls(&site, "app", 1);
    let table = command(&site, &["status"]).stdout;
    let row = table.lines().find(|line| line.starts_with("app ")).unwrap();
    let cells: Vec<_> = row.split_whitespace().take(4).collect();
    assert_eq!(cells, ["app", "running", "1", "0"], "{table}");
    host.stop();
    let after = command(&site, &["status"]).stdout;
    assert!(after.contains("No app is installed or running"), "{after}");
    assert_eq!(status(&site, "app")["served"], false);
}

#[test]
fn a_host_that_was_killed_leaves_nothing_that_is_in_the_way() {
    let site = Site::new();
    drop(Host::start(&site, &guest("probe"), &["--name", "app"]));
    assert_eq!(status(&site, "app")["served"], false);
    let _host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    wait_for("it to be served", || {
        (status(&site, "app")["served"] == true).then_some(())
    });
}
