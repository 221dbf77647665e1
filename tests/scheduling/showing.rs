use serde_json::{Value, json};

use super::{EACH_SECOND, scheduler, start, wait_for_more};
use crate::support::host::{Ended, as_owner, output, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

#[test]
fn the_owner_sees_when_an_app_acts() {
    let site = Site::new();
    let host = start(&site, &[]);
    let expected = json!([
        {"name": "tick", "cron": null, "every-seconds": 1.0, "time-zone": null, "missed": "run-once"},
        {"name": "tock", "cron": null, "every-seconds": 1.0, "time-zone": null, "missed": "run-once"},
    ]);
    assert_eq!(host.ready["schedules"], expected);
    wait_for_more(&host, "tick", 0);
    let status = wait_for("the last run", || {
        let ended = as_owner(&site, &["--json", "status", "app"]).succeeded();
        let status: Value = serde_json::from_str(&ended.stdout).unwrap();
        let is_run = status["schedules"][0]["last_run"].is_object();
        is_run.then_some(status)
    });
    let tick = &status["schedules"][0];
    assert_eq!(
        (&tick["name"], &tick["times"]),
        (&json!("tick"), &json!("every 1s"))
    );
    assert_eq!(tick["last_run"]["outcome"], "done", "{tick}");
    let words = as_owner(&site, &["status", "app"]).succeeded().stdout;
    assert!(
        words.contains("By the clock\n  tick: every 1s\n    next "),
        "{words}"
    );
    assert!(words.contains(", last done at "), "{words}");
}

#[test]
fn inspect_shows_when_an_app_would_act() {
    let site = Site::new();
    let manifest = "[schedules.tick]\ncron = '0 8 * * MON-FRI'\ntime-zone = 'Europe/Berlin'\n\
        missed = 'drop'\n[schedules.tock]\nevery = '90s'\n";
    let app = scheduler(&site, manifest);
    let words = as_owner(&site, &["inspect", app.to_str().unwrap()]).succeeded();
    let expected = "Acts by the clock:\n  \
        │ tick: 0 8 * * MON-FRI (Europe/Berlin), missed ones are dropped\n  \
        │ tock: every 90s\n";
    assert!(words.stdout.contains(expected), "{}", words.stdout);
}

#[test]
fn schedules_that_cannot_be_are_refused() {
    let site = Site::new();
    for (manifest, expected) in [
        ("", "nothing says when schedule `tock` of the app is due"),
        (
            &*format!("{EACH_SECOND}[schedules.tack]\nevery = '1s'\n"),
            "syft-app.toml has [schedules.tack], and the app has no such schedule, but tick, tock",
        ),
    ] {
        let app = scheduler(&site, manifest);
        let mut command = syft_host(&site);
        command
            .arg("run")
            .arg(&app)
            .args(["--name", "app", "--email", OWNER]);
        command.arg("--data-dir").arg(site.data_dir());
        let stderr = Ended::of(&output(&mut command)).refused();
        assert!(stderr.contains(expected), "{stderr}");
    }
}
