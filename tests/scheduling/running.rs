use std::collections::BTreeMap;

use rustix::process::Signal;

use super::{ran, start, wait_for_more};
use crate::support::site::Site;

fn each_once(ran: &BTreeMap<String, i64>) {
    assert!(ran.values().all(|count| *count == 1), "{ran:?}");
}

#[test]
fn each_time_runs_once_however_often_the_host_is_killed() {
    let site = Site::new();
    let mut n_before = 0;
    for _ in 0..6 {
        let host = start(&site, &[]);
        let ticks = wait_for_more(&host, "tick", n_before);
        let tocks = wait_for_more(&host, "tock", 0);
        each_once(&ticks);
        each_once(&tocks);
        n_before = ticks.len();
        host.signal(Signal::KILL);
        assert!(!host.wait().success());
    }
    let host = start(&site, &[]);
    let ticks = wait_for_more(&host, "tick", n_before);
    each_once(&ticks);
    // Times keep their distance from the first on.
    let times: Vec<i64> = ticks.keys().map(|time| time.parse().unwrap()).collect();
    let first = times[0];
    let is_on_beat = |time: &i64| (time - first) % 1_000_000 == 0;
    assert!(times.iter().all(is_on_beat), "{times:?}");
}

#[test]
fn schedules_go_on_after_a_proper_stop() {
    let site = Site::new();
    let host = start(&site, &[]);
    let before = wait_for_more(&host, "tick", 1);
    host.stop();
    let host = start(&site, &[]);
    let after = wait_for_more(&host, "tick", before.len());
    each_once(&after);
    assert!(before.keys().all(|time| after.contains_key(time)));
    assert!(!ran(&host, "tock").is_empty());
}
