//! What is installed, updated and removed while it is served.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use syft_manifest::Manifest;
use syft_protocol::grant::PathPattern;
use uuid::Uuid;

use super::{counter, hello, howdy};
use crate::support::apps::granted;
use crate::support::client::{Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::installed::{Installation, Serving};
use crate::support::planted::seen;
use crate::support::site::{CALLER, Site};
use crate::support::wait_for;

/// Sends requests all the time until `work` is done, and returns them. The work gets to know
/// how many there are.
fn while_requests_come(
    rpc: PathBuf,
    endpoint: &'static str,
    work: impl FnOnce(&AtomicUsize),
) -> Vec<Sent> {
    let (alive, is_over) = mpsc::channel::<()>();
    let n_sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&n_sent);
    let stream = thread::spawn(move || {
        let mut all = Vec::new();
        // The pause between two requests ends at once with the work, also where that fails.
        while is_over.recv_timeout(Duration::from_millis(3)) == Err(RecvTimeoutError::Timeout) {
            all.push(send(&rpc, endpoint, Some(b"{}")));
            count.fetch_add(1, Ordering::Relaxed);
        }
        all
    });
    work(&n_sent);
    drop(alive);
    stream.join().unwrap()
}

#[test]
fn a_replacement_loses_no_request_and_doubles_none() {
    const RELEASES: u8 = 6;
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &counter(1));
    let serving = Serving::start(&site, &[]);
    let sent = while_requests_come(site.rpc("app"), "increment", |n_sent| {
        for release in 2..=RELEASES {
            wait_for("more requests", || {
                (n_sent.load(Ordering::Relaxed) >= 10 * usize::from(release)).then_some(())
            });
            installed.put("app", &counter(release));
            let nth = usize::from(release) - 1;
            serving.wait_for_nth(nth, "app-replaced", "app");
        }
    });
    let counts: BTreeSet<i64> = sent
        .iter()
        .map(|sent| {
            let answer = sent.answer();
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let counter: Value = serde_json::from_str(&answer.text()).unwrap();
            counter["counter"].as_i64().unwrap()
        })
        .collect();
    let n_sent = sent.len() as i64;
    assert_eq!(counts, (1..=n_sent).collect(), "each was counted once");
    let failed = serving.events();
    let failed: Vec<_> = failed
        .iter()
        .filter(|event| event["event"] == "app-failed")
        .collect();
    assert!(
        failed.is_empty(),
        "none met what was left of the one before"
    );
}

/// A clean-up that began with the old release holds its state and its folder for a while.
#[test]
fn a_replacement_waits_for_what_the_old_release_has_begun() {
    let site = Site::in_memory();
    for n in 0..10_000 {
        let folder = site
            .rpc("app")
            .join("value")
            .join(format!("user{}@example.com", n % 50));
        let (id, bytes) = (
            Uuid::new_v4(),
            request(Uuid::new_v4(), CALLER, "value", None),
        );
        let sent = Sent::write(&folder, id, bytes.to_string().as_bytes());
        fs::write(sent.response_path(), "{}").unwrap();
    }
    let installed = Installation::new(&site);
    installed.put("app", &counter(1));
    let serving = Serving::start(&site, &["--sweep-every", "1s"]);
    for release in 2..6 {
        installed.put("app", &counter(release));
        let nth = usize::from(release) - 1;
        serving.wait_for_nth(nth, "app-replaced", "app");
    }
    let failed = |event: &Value| event["event"] == "app-failed";
    assert!(!serving.events().iter().any(failed));
}

#[test]
fn each_answer_is_of_the_old_release_or_of_the_new_one() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &hello());
    let serving = Serving::start(&site, &[]);
    let sent = while_requests_come(site.rpc("app"), "hello", |_| {
        installed.put("app", &howdy());
        let replaced = serving.wait_for_nth(1, "app-replaced", "app");
        let status = installed.status().unwrap();
        let sha256 = status.apps["app"].serving.as_ref().map(ToString::to_string);
        assert_eq!(replaced["sha256"].as_str(), sha256.as_deref());
    });
    assert_eq!(
        call(&site.rpc("app"), "hello", "{}").text(),
        "Howdy, World!"
    );
    let answers: BTreeSet<String> = sent.iter().map(|request| request.answer().text()).collect();
    let either = ["Hello, World!", "Howdy, World!"].map(str::to_owned);
    assert!(answers.is_subset(&BTreeSet::from(either)), "{answers:?}");
}

#[test]
fn a_call_in_progress_ends_in_the_release_in_which_it_began() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let probe = fs::read(guest("probe")).unwrap();
    installed.put("app", &probe);
    let serving = Serving::start(&site, &[]);
    let slow = send(&site.rpc("app"), "sleep-loudly", Some(br#"{"ms":1500}"#));
    wait_for("the call to begin", || {
        serving.log().contains("sleeping").then_some(())
    });
    installed.put("app", &hello());
    serving.wait_for_nth(1, "app-replaced", "app");
    assert_eq!(slow.peek().expect("an answer").status(), 200);
    assert_eq!(
        call(&site.rpc("app"), "hello", "{}").text(),
        "Hello, World!"
    );
}

#[test]
fn what_waits_for_a_removed_app_is_answered_once_it_is_there_again() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &counter(1));
    installed.put("other", &hello());
    let serving = Serving::start(&site, &[]);
    assert_eq!(call(&site.rpc("app"), "increment", "{}").status(), 200);
    installed.remove("app");
    serving.wait_for_nth(1, "app-stopped", "app");
    assert!(!installed.status().unwrap().apps.contains_key("app"));
    let waiting = send(&site.rpc("app"), "increment", Some(b"{}"));
    assert_eq!(call(&site.rpc("other"), "hello", "{}").status(), 200);
    assert!(waiting.peek().is_none());
    installed.put("app", &counter(1));
    assert_eq!(
        waiting.answer().text(),
        r#"{"counter":2}"#,
        "and its state is as it was"
    );
    serving.wait_for_nth(2, "app-started", "app");
}

#[test]
fn a_change_of_rights_counts_at_once() {
    let site = Site::new();
    site.write("public/open.txt", "open");
    let installed = Installation::new(&site);
    let files = granted(&site, &guest("files"), &["{datasite}/public/**"], &[], &[]);
    let files = fs::read(files).unwrap();
    let approved = Manifest::from_component(&files).unwrap().unwrap().files;
    installed.put("app", &files);
    let serving = Serving::start(&site, &[]);
    let ops = json!([{"read": seen("public/open.txt")}]);
    let read = || call(&site.rpc("app"), "ops", &ops.to_string()).text();
    let nothing = read();
    assert!(!nothing.contains("open"), "{nothing}");
    installed.put_with("app", &files, |record| {
        record.current.approved.files = approved.clone()
    });
    serving.wait_for_nth(1, "app-replaced", "app");
    let all = read();
    assert!(all.contains("open"), "{all}");
    installed.put_with("app", &files, |record| {
        record.current.approved.files = approved;
        record.current.denied = vec![PathPattern::parse("{datasite}/public").unwrap()];
    });
    serving.wait_for_nth(2, "app-replaced", "app");
    assert_eq!(read(), nothing);
}

#[test]
fn the_limits_of_each_app_are_its_own() {
    let site = Site::new();
    let installed = Installation::new(&site);
    let probe = fs::read(guest("probe")).unwrap();
    installed.put("usual", &probe);
    installed.put_with("hasty", &probe, |record| {
        record.current.approved.limits.time = Some(Duration::from_millis(50));
    });
    let _serving = Serving::start(&site, &[]);
    for (app, status) in [("usual", 200), ("hasty", 500)] {
        let answer = call(&site.rpc(app), "sleep", r#"{"ms":500}"#);
        assert_eq!(answer.status(), status, "{app}");
    }
}

#[test]
fn a_hangup_has_it_look_and_try_again() {
    let site = Site::new();
    let installed = Installation::new(&site);
    installed.put("app", &hello());
    let serving = Serving::start(&site, &[]);
    let second = installed.put_unkept("app", &howdy());
    // By itself it tries again after minutes, since something is served.
    let failed = serving.wait_for_nth(1, "app-failed", "app");
    assert_eq!(failed["sha256"], second.current.sha256.as_str());
    installed.keep(&howdy());
    serving.signal(Signal::HUP);
    serving.wait_for_nth(1, "app-replaced", "app");
    assert_eq!(
        call(&site.rpc("app"), "hello", "{}").text(),
        "Howdy, World!"
    );
}
