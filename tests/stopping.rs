//! The end of a host.

use rustix::process::Signal;

use crate::support::client::send;
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::Site;

#[test]
fn finishes_calls_in_progress() {
    for signal in [Signal::TERM, Signal::INT] {
        let site = Site::new();
        let host = Host::start(&site, &guest("probe"), &["--name", "app"]);
        let started = send(&host.rpc, "log", None);
        assert_eq!(started.answer().status(), 200);
        let slow = send(&host.rpc, "sleep-loudly", Some(br#"{"ms":1500}"#));
        host.wait_for_log("the call to begin", |line| {
            line.to_string().contains("sleeping")
        });
        host.signal(signal);
        assert!(host.wait().success());
        assert_eq!(slow.peek().expect("an answer").status(), 200);
    }
}

#[test]
fn leaves_what_it_has_not_begun_for_the_next_start() {
    let site = Site::new();
    let options = ["--name", "app", "--concurrency", "1"];
    let host = Host::start(&site, &guest("probe"), &options);
    let calls: Vec<_> = (0..20)
        .map(|_| send(&host.rpc, "sleep-loudly", Some(br#"{"ms":300}"#)))
        .collect();
    host.wait_for_log("a call to begin", |line| {
        line.to_string().contains("sleeping")
    });
    host.stop();
    let n_answered = calls.iter().filter(|sent| sent.peek().is_some()).count();
    assert!(
        (1..20).contains(&n_answered),
        "{n_answered} of 20 were answered"
    );
    let _host = Host::start(&site, &guest("probe"), &["--name", "app"]);
    for sent in calls {
        assert_eq!(sent.answer().status(), 200);
    }
}

#[test]
fn ends_at_once_when_asked_twice() {
    let site = Site::new();
    let host = Host::start(&site, &guest("probe"), &["--name", "app", "--time", "10m"]);
    let endless = send(&host.rpc, "sleep-loudly", Some(br#"{"ms":600000}"#));
    host.wait_for_log("the call to begin", |line| {
        line.to_string().contains("sleeping")
    });
    host.signal(Signal::TERM);
    host.wait_for_log("it to stop", |line| line.to_string().contains("stopping"));
    host.signal(Signal::TERM);
    assert!(host.wait().success());
    assert!(endless.peek().is_none() && endless.path.exists());
}
