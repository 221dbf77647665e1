//! Schedules in the SDK of Python programs by itself: see `guest-python/tests/schedules.py`.

use super::sdk::check_in;

fn check(behaviour: &str) {
    check_in("schedules.py", behaviour);
}

#[test]
fn schedules_are_told_in_the_host_s_way() {
    check("schedules_are_told_in_the_host_s_way");
}

#[test]
fn functions_are_called_when_they_are_due() {
    check("functions_are_called_when_they_are_due");
}

#[test]
fn wrong_schedules_are_reported_with_their_line() {
    check("wrong_schedules_are_reported_with_their_line");
}

#[test]
fn a_test_calls_them() {
    check("a_test_calls_them");
}
