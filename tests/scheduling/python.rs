use rustix::process::Signal;

use super::wait_for_more;
use crate::python::venv;
use crate::support::guests::repository;
use crate::support::host::Host;
use crate::support::site::Site;

#[test]
fn a_program_in_python_acts_by_the_clock() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let program = repository().join("tests/python_apps/scheduled");
    let mut n_before = 0;
    for _ in 0..2 {
        let host = Host::start_unbuilt(&site, &program, &[]);
        let ticks = wait_for_more(&host, "tick", n_before + 1);
        let tocks = wait_for_more(&host, "tock", 0);
        let all = ticks.values().chain(tocks.values());
        assert!(
            all.into_iter().all(|count| *count == 1),
            "{ticks:?} {tocks:?}"
        );
        n_before = ticks.len();
        host.signal(Signal::KILL);
        assert!(!host.wait().success());
    }
}
