use std::collections::BTreeSet;
use std::fs;

use serde_json::json;
use syft_protocol::timestamp::Timestamp;

use super::{EACH_SECOND, ran, scheduler, start, wait_for_more};
use crate::support::client::call;
use crate::support::host::{Host, output, parked, syft_host};
use crate::support::not_run;
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

const QUICKLY: &[&str] = &["--retry-first", "20ms", "--retry-attempts", "3"];

#[test]
fn a_call_that_fails_is_tried_again_parked_and_given_back() {
    let site = Site::new();
    let host = start(&site, QUICKLY);
    assert_eq!(call(&host.rpc, "fail", "tick").status(), 200);
    let found = wait_for("a call to be parked", || parked(&site, &[]).pop());
    assert_eq!(
        (&found["kind"], &found["handler"], &found["attempts"]),
        (&json!("schedule"), &json!("tick"), &json!(3)),
        "{found}"
    );
    assert!(
        found["error"]
            .as_str()
            .unwrap()
            .contains("to fail, attempt 3"),
        "{found}"
    );
    // Others go on meanwhile, and so does this one later.
    wait_for_more(&host, "tock", 0);
    assert_eq!(call(&host.rpc, "fail", "none").status(), 200);
    let n_before = ran(&host, "tick").len();
    wait_for_more(&host, "tick", n_before);

    let id = found["id"].as_str().unwrap();
    let due = Timestamp::parse(found["due"].as_str().unwrap()).unwrap();
    let due = due.micros().to_string();
    assert!(!ran(&host, "tick").contains_key(&due));
    assert_eq!(parked(&site, &["--show", id])[0], found);
    parked(&site, &["--retry", id]);
    wait_for("the call", || {
        (ran(&host, "tick").get(&due) == Some(&1)).then_some(())
    });
    wait_for("the list", || {
        let is_gone = parked(&site, &[]).iter().all(|one| one["id"] != id);
        is_gone.then_some(())
    });
    host.wait_for_log("a failure", |line| {
        line["id"] == id && line.to_string().contains("given up: parked")
    });
}

/// What a call writes to files is seen when it has ended well.
#[test]
fn a_call_that_fails_leaves_nothing_in_files() {
    let site = Site::new();
    let manifest = format!("{EACH_SECOND}[files]\nown-folder = true\n");
    let options = ["--name", "app", "--retry-first", "20ms"];
    let host = Host::start(&site, &scheduler(&site, &manifest), &options);
    let file = site.own("app_data/app/times.txt");
    let written = || {
        let lines = fs::read_to_string(&file).unwrap_or_default();
        let lines = lines.lines().filter_map(|line| line.strip_prefix("tick/"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(call(&host.rpc, "fail", "tick").status(), 200);
    let seen = format!("/datasites/{OWNER}/app_data/app/times.txt");
    assert_eq!(call(&host.rpc, "write", &seen).status(), 200);
    host.wait_for_log("a failure", |line| {
        line.to_string().contains("to fail, attempt 3")
    });
    assert_eq!(written(), [""; 0]);
    assert_eq!(call(&host.rpc, "fail", "none").status(), 200);
    wait_for("two calls that end well", || {
        (written().len() >= 2).then_some(())
    });
    let (times, all) = (written(), ran(&host, "tick"));
    let each: BTreeSet<&String> = times.iter().collect();
    assert_eq!(each.len(), times.len(), "one was written twice: {times:?}");
    assert!(
        times.iter().all(|due| all.contains_key(due)),
        "{times:?} {all:?}"
    );
}

#[test]
fn a_call_during_which_the_host_crashes_is_parked() {
    if !cfg!(debug_assertions) {
        return not_run("a release build has no failpoints");
    }
    let site = Site::new();
    let app = scheduler(&site, EACH_SECOND);
    let found = (0..6).find_map(|_| {
        let mut command = syft_host(&site);
        command.arg("run").arg(&app).args(["--name", "app"]);
        command.args(["--email", OWNER, "--retry-attempts", "2", "--data-dir"]);
        command.arg(site.data_dir());
        command.env("SYFT_HOST_FAILPOINT", "in-call@last");
        assert!(!Host::spawn(&site, command).wait().success());
        parked(&site, &[]).pop()
    });
    let found = found.expect("it is parked");
    assert!(
        found["error"]
            .as_str()
            .unwrap()
            .contains("the host crashed"),
        "{found}"
    );
}

#[test]
fn what_is_parked_is_shown_in_words() {
    let site = Site::new();
    let host = start(&site, QUICKLY);
    assert_eq!(call(&host.rpc, "fail", "tock").status(), 200);
    wait_for("a call to be parked", || parked(&site, &[]).pop());
    let mut command = syft_host(&site);
    command.args(["parked", "app", "--email", OWNER, "--data-dir"]);
    let output = output(command.arg(site.data_dir()));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("schedule tock"), "{stdout}");
    assert!(stdout.contains("3 attempts until"), "{stdout}");
}
