//! The host is killed while it puts in place what a call wrote: it finishes that at its next
//! start, or nothing was done at all.

use std::fs;

use serde_json::json;

use super::{
    approved, assert_all_changed, assert_nothing_staged, before, begin, changes, listed, plant,
};
use crate::support::apps::granted;
use crate::support::guests::guest;
use crate::support::host::{Host, syft_host};
use crate::support::not_run;
use crate::support::planted::planted;
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

fn start(site: &Site, failpoint: Option<&str>) -> Host {
    let component = granted(site, &guest("files"), &["**"], &["**"], &[]);
    let mut command = syft_host(site);
    command.args(["run", "--name", "app"]);
    command.args(approved().options());
    command.arg(component);
    command.args(["--email", OWNER, "--data-dir"]);
    command.arg(site.data_dir());
    if let Some(failpoint) = failpoint {
        command.env("SYFT_HOST_FAILPOINT", failpoint);
    }
    Host::spawn(site, command)
}

/// Kills the host at each step of putting changes in place, and at those around it.
#[test]
fn a_host_that_is_killed_meanwhile_finishes_it() {
    if !cfg!(debug_assertions) {
        return not_run("a release build has no failpoints");
    }
    let steps = (1..=9).map(|n| format!("applying={n}"));
    let around = [
        "handed-over=1",
        "before-commit=1",
        "after-commit=1",
        "applied=1",
    ];
    let around = around.map(str::to_owned);
    for failpoint in around.into_iter().chain(steps) {
        let site = planted();
        plant(&site);
        let host = start(&site, Some(&failpoint));
        let sent = begin(&host, &changes());
        assert!(!host.wait().success(), "{failpoint}");
        let is_kept = !["handed-over=1", "before-commit=1"].contains(&failpoint.as_str());
        if !is_kept {
            assert_eq!(listed(&site.own("public")), before(), "{failpoint}");
            fs::remove_file(&sent.path).unwrap();
        }
        let host = start(&site, None);
        if is_kept {
            // The call does not run again: appended once, and answered as it was.
            let answer = sent.answer().text();
            assert!(!answer.contains("error"), "{failpoint}: {answer}");
            assert_all_changed(&site);
            assert_nothing_staged(&site);
        } else {
            assert_eq!(listed(&site.own("public")), before(), "{failpoint}");
            assert_nothing_staged(&site);
        }
        host.stop();
    }
}

/// An event whose call wrote one whole file is noted as taken when the file is in its place: after a
/// crash in between it comes again, and writes the same.
#[test]
fn one_file_of_an_event_is_there_before_the_event_is_taken() {
    if !cfg!(debug_assertions) {
        return not_run("a release build has no failpoints");
    }
    let site = Site::new();
    fs::create_dir_all(site.own("public")).unwrap();
    let public = ["{datasite}/public/*"];
    let component = granted(&site, &guest("copier"), &public, &public, &[]);
    let serve = |failpoint: Option<&str>| {
        let mut command = syft_host(&site);
        command.args(["run", "--name", "app", "--allow-all-requested"]);
        command.arg(&component);
        command.args(["--email", OWNER, "--data-dir"]);
        command.arg(site.data_dir());
        if let Some(failpoint) = failpoint {
            command.env("SYFT_HOST_FAILPOINT", failpoint);
        }
        Host::spawn(&site, command)
    };
    let host = serve(Some("applied=1"));
    site.write("public/a-copy.txt", "content");
    assert!(!host.wait().success());
    let copied = site.own("public/a-copied.txt");
    assert_eq!(fs::read_to_string(&copied).unwrap(), "content");
    fs::remove_file(&copied).unwrap();
    let host = serve(None);
    wait_for("the event once more", || {
        fs::read_to_string(&copied)
            .ok()
            .filter(|text| text == "content")
    });
    host.stop();
    assert_nothing_staged(&site);
}

/// What others did after the changes is not undone by a start of the host.
#[test]
fn what_is_done_is_not_done_again() {
    let site = planted();
    plant(&site);
    let host = start(&site, None);
    begin(&host, &changes()).answer();
    assert_all_changed(&site);
    fs::write(site.own("public/new"), "newer").unwrap();
    fs::write(site.own("public/gone"), "back").unwrap();
    fs::remove_dir_all(site.own("public/a")).unwrap();
    host.stop();
    let host = start(&site, None);
    let outcome = begin(&host, &json!([])).answer().text();
    assert_eq!(outcome, "[]");
    assert_eq!(fs::read_to_string(site.own("public/new")).unwrap(), "newer");
    assert_eq!(fs::read_to_string(site.own("public/gone")).unwrap(), "back");
    assert!(!site.own("public/a").exists());
    drop(host);
    assert_nothing_staged(&site);
}
