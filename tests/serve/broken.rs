//! Apps that cannot be served, beside others.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use syft_package::trust::{Revocation, TrustStore};

use super::{counter, hello, howdy};
use crate::support::client::{call, send};
use crate::support::guests::guest;
use crate::support::installed::{Installation, Serving, serve};
use crate::support::not_run;
use crate::support::site::Site;
use crate::support::wait_for;

/// Installs a good app, serves it with others, and returns how it is told of `app`.
fn serve_beside_a_good_one(site: &Site, installed: &Installation) -> (Serving, Value) {
    installed.put("good", &hello());
    let serving = Serving::start(site, &[]);
    let failed = serving.wait_for_nth(1, "app-failed", "app");
    let ready = serving.wait_for("it to be ready", |event| event["event"] == "ready");
    assert_eq!(
        (&ready["serving"], &ready["failed"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        call(&site.rpc("good"), "hello", "{}").text(),
        "Hello, World!"
    );
    (serving, failed)
}

#[test]
fn a_component_that_does_not_compile_stands_in_nobodys_way() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let good = hello();
    installed.put("app", &good[..good.len() - 10]);
    let (serving, failed) = serve_beside_a_good_one(&site, &installed);
    assert!(
        failed["error"]
            .to_string()
            .contains("not a valid component"),
        "{failed}"
    );
    let status = &installed.status().unwrap().apps["app"];
    assert_eq!(status.serving, None);
    let trouble = status.trouble.as_ref().unwrap();
    assert_eq!(failed["error"], Value::from(trouble.error.clone()));
    // At once, and not when it would be tried again.
    serving.wait_for_nth(5, "app-failed", "app");
    installed.put("app", &howdy());
    serving.wait_for_nth(1, "app-started", "app");
    assert_eq!(
        call(&site.rpc("app"), "hello", "{}").text(),
        "Howdy, World!"
    );
    assert_eq!(installed.status().unwrap().apps["app"].trouble, None);
}

#[test]
fn a_release_that_cannot_be_served_leaves_the_one_before_it() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let first = installed.put("app", &hello());
    let serving = Serving::start(&site, &[]);
    for (nth, broken) in [b"nothing".to_vec(), fs::read(guest("not-an-app")).unwrap()]
        .iter()
        .enumerate()
    {
        let second = installed.put("app", broken);
        let failed = serving.wait_for_nth(nth + 1, "app-failed", "app");
        assert_eq!(failed["sha256"], second.current.sha256.as_str());
        assert_eq!(
            call(&site.rpc("app"), "hello", "{}").text(),
            "Hello, World!"
        );
        let status = &installed.status().unwrap().apps["app"];
        assert_eq!(status.serving, Some(first.current.sha256.clone()));
        assert!(status.trouble.is_some());
    }
    installed.put("app", &hello());
    wait_for("the trouble to be over", || {
        let status = installed.status().unwrap();
        status.apps["app"].trouble.is_none().then_some(())
    });
    let replaced =
        |event: &Value| event["event"] == "app-replaced" || event["event"] == "app-stopped";
    assert!(
        !serving.events().iter().any(replaced),
        "it was served all the time"
    );
}

/// Compiles, and cannot be started: a link lies where its folder would be.
#[test]
fn a_release_that_cannot_start_has_the_one_before_it_started_again() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &hello());
    let serving = Serving::start(&site, &[]);
    symlink(site.path(), site.rpc("app").join("increment")).unwrap();
    installed.put("app", &counter(1));
    let failed = serving.wait_for_nth(1, "app-failed", "app");
    assert!(failed["error"].to_string().contains("folders"), "{failed}");
    assert_eq!(
        call(&site.rpc("app"), "hello", "{}").text(),
        "Hello, World!"
    );
    fs::remove_file(site.rpc("app").join("increment")).unwrap();
    serving.signal(rustix::process::Signal::HUP);
    serving.wait_for_nth(1, "app-replaced", "app");
    assert_eq!(
        call(&site.rpc("app"), "value", "{}").text(),
        r#"{"counter":0}"#
    );
}

#[test]
fn a_component_that_was_changed_is_not_served() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let app = installed.put("app", &counter(1));
    fs::write(installed.component(&app), counter(2)).unwrap();
    let (_serving, failed) = serve_beside_a_good_one(&site, &installed);
    let error = failed["error"].to_string();
    assert!(error.contains("not as it was installed"), "{error}");
}

#[test]
fn damaged_state_is_of_one_app() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &hello());
    let folder = installed.app_folder("app");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("state.redb"), vec![b'x'; 1 << 16]).unwrap();
    let (serving, failed) = serve_beside_a_good_one(&site, &installed);
    assert!(
        failed["error"].to_string().contains("is damaged"),
        "{failed}"
    );
    assert!(
        failed["hints"].to_string().contains("put back a copy"),
        "{failed}"
    );
    fs::remove_file(folder.join("state.redb")).unwrap();
    serving.wait_for_nth(1, "app-started", "app");
}

#[test]
fn a_server_that_panics_is_started_again() {
    if !cfg!(debug_assertions) {
        return not_run("a release build has no failpoints");
    }
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &hello());
    installed.put("good", &hello());
    let mut command = serve(&site, &[]);
    command.env("SYFT_HOST_FAILPOINT", "panic:serve@app");
    let serving = Serving::spawn(&site, command);
    let failed = serving.wait_for_nth(2, "app-failed", "app");
    assert!(
        failed["error"].to_string().contains("its server ended"),
        "{failed}"
    );
    serving.wait_for_nth(2, "app-started", "app");
    assert_eq!(
        call(&site.rpc("good"), "hello", "{}").text(),
        "Hello, World!"
    );
    let good = |event: &&Value| event["app"] == "good";
    assert_eq!(serving.events().iter().filter(good).count(), 1);
}

#[test]
fn records_that_nobody_wrote_here_are_told_and_left() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let good = installed.put("good", &hello());
    let elsewhere = site.path().join("elsewhere.json");
    fs::rename(installed.record("good"), &elsewhere).unwrap();
    symlink(&elsewhere, installed.record("link")).unwrap();
    symlink(site.path().join("nowhere"), installed.record("dangling")).unwrap();
    fs::write(installed.record("garbage"), b"\x00\xffnone").unwrap();
    fs::write(installed.record("half"), b"{\"installed\":1,").unwrap();
    fs::write(installed.record("huge"), vec![b' '; 8 << 20]).unwrap();
    fs::write(installed.record("later"), br#"{"installed":2}"#).unwrap();
    fs::create_dir(installed.record("folder")).unwrap();
    let fifo = installed.record("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from(0o600), 0).unwrap();
    installed.put("other", &hello());
    fs::rename(installed.record("other"), installed.record("wrong")).unwrap();
    installed.put("good", &hello());
    let serving = Serving::start(&site, &[]);
    let broken = [
        "dangling", "fifo", "folder", "garbage", "half", "huge", "later", "link", "wrong",
    ];
    for app in broken {
        let failed = serving.wait_for_nth(1, "app-failed", app);
        let error = failed["error"].to_string();
        assert!(error.contains(&format!("{app}.json")), "{error}");
        assert!(
            failed["hints"]
                .to_string()
                .contains(&format!("syft-host remove {app}")),
            "{failed}"
        );
    }
    let ready = serving.wait_for("it to be ready", |event| event["event"] == "ready");
    assert_eq!(
        (&ready["serving"], &ready["failed"]),
        (&1.into(), &broken.len().into())
    );
    assert_eq!(call(&site.rpc("good"), "hello", "{}").status(), 200);
    // An app that is served is served on while its record makes no sense.
    fs::write(installed.record("good"), b"").unwrap();
    serving.wait_for_nth(1, "app-failed", "good");
    assert_eq!(call(&site.rpc("good"), "hello", "{}").status(), 200);
    let status = installed.status().unwrap();
    assert_eq!(status.apps["good"].serving, Some(good.current.sha256));
    installed.put("good", &hello());
    wait_for("the record to be whole again", || {
        let status = installed.status().unwrap();
        status.apps["good"].trouble.is_none().then_some(())
    });
    // One that is gone is no trouble any more.
    fs::remove_file(installed.record("half")).unwrap();
    serving.wait_for_nth(1, "app-stopped", "half");
    let status = installed.status().unwrap();
    assert!(!status.apps.contains_key("half"));
    let failed = |event: &&Value| event["event"] == "app-failed";
    let n_told = serving.events().iter().filter(failed).count();
    assert_eq!(n_told, broken.len() + 1, "each is told once");
}

#[test]
fn a_folder_of_records_that_is_away_stops_nothing() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &hello());
    let serving = Serving::start(&site, &[]);
    let folder = installed.record("app").parent().unwrap().to_owned();
    let away = folder.with_extension("away");
    fs::rename(&folder, &away).unwrap();
    wait_for("it to be missed", || {
        serving
            .log()
            .contains("cannot tell what is installed")
            .then_some(())
    });
    assert_eq!(call(&site.rpc("app"), "hello", "{}").status(), 200);
    fs::rename(&away, &folder).unwrap();
    installed.put("other", &howdy());
    serving.wait_for_nth(1, "app-started", "other");
    assert_eq!(
        serving
            .events()
            .iter()
            .filter(|event| event["app"] == "app")
            .count(),
        1
    );
}

#[test]
fn a_datasite_that_is_no_folder_is_waited_for() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &hello());
    let own = site.own("");
    let own = own.parent().unwrap().join(own.file_name().unwrap());
    fs::write(&own, "in its place").unwrap();
    let serving = Serving::start(&site, &[]);
    serving.wait_for_nth(1, "app-failed", "app");
    fs::remove_file(&own).unwrap();
    serving.wait_for_nth(1, "app-started", "app");
    assert_eq!(call(&site.rpc("app"), "hello", "{}").status(), 200);
}

#[test]
fn what_is_revoked_is_served_no_more() {
    let site = Site::new();
    let trust = TrustStore::open(&site.path().join(".config/syft-host/trust")).unwrap();
    let installed = Installation::new(&site);
    let first = installed.put("app", &hello()).current;
    installed.put("good", &counter(1));
    let serving = Serving::start(&site, &[]);
    let revocation = Revocation::Digest(first.signed_sha256);
    assert!(trust.revoke(&revocation, false).unwrap());
    let failed = serving.wait_for_nth(1, "app-failed", "app");
    assert!(
        failed["error"].to_string().contains("revoked by you"),
        "{failed}"
    );
    assert_eq!(installed.status().unwrap().apps["app"].serving, None);
    let waiting = send(&site.rpc("app"), "hello", Some(b"{}"));
    assert_eq!(call(&site.rpc("good"), "value", "{}").status(), 200);
    serving.stop();
    let serving = Serving::start(&site, &[]);
    serving.wait_for_nth(1, "app-failed", "app");
    assert!(waiting.peek().is_none(), "nor is it started");
    // A revoked release leaves what is served.
    installed.put("app", &howdy());
    serving.wait_for_nth(1, "app-started", "app");
    assert_eq!(waiting.answer().text(), "Howdy, World!");
    installed.put("app", &hello());
    serving.wait_for_nth(2, "app-failed", "app");
    assert_eq!(
        call(&site.rpc("app"), "hello", "{}").text(),
        "Howdy, World!"
    );
    assert!(trust.revoke(&revocation, true).unwrap());
    serving.wait_for("the first one again", |event| {
        event["app"] == "app"
            && event["sha256"] == first.sha256.as_str()
            && event["event"] != "app-failed"
    });
}
