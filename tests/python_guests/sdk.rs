//! The SDK of Python programs by itself: see `guest-python/tests/sdk.py`.

use crate::python::{released, run, venv};
use crate::support::guests::repository;
use crate::support::site::Site;

fn check(behaviour: &str) {
    check_in("sdk.py", behaviour);
}

/// Runs a behaviour of a script of the SDK.
pub(super) fn check_in(script: &str, behaviour: &str) {
    if let Some(python) = venv::python() {
        let script = repository().join("guest-python/tests").join(script);
        run(&mut released(python, &Site::new(), script, behaviour));
    }
}

#[test]
fn what_cannot_be_served_is_reported_with_its_line() {
    check("what_cannot_be_served_is_reported_with_its_line");
}

#[test]
fn programs_may_end_in_any_way() {
    check("programs_may_end_in_any_way");
}

#[test]
fn web_apps_are_started_and_not_served() {
    check("web_apps_are_started_and_not_served");
}

#[test]
fn a_web_app_that_does_not_start_is_reported_with_its_line() {
    check("a_web_app_that_does_not_start_is_reported_with_its_line");
}

#[test]
fn the_main_function_is_run() {
    check("the_main_function_is_run");
}

#[test]
fn modules_beside_a_program_win_over_those_of_python() {
    check("modules_beside_a_program_win_over_those_of_python");
}

#[test]
fn watches_are_told_in_the_host_s_way() {
    check("watches_are_told_in_the_host_s_way");
}

#[test]
fn watches_get_the_events_that_they_ask_for() {
    check("watches_get_the_events_that_they_ask_for");
}

#[test]
fn watches_are_called_with_events_of_watchdog() {
    check("watches_are_called_with_events_of_watchdog");
}

#[test]
fn the_state_writes_what_changed_and_nothing_else() {
    check("the_state_writes_what_changed_and_nothing_else");
}

#[test]
fn what_calls_change_in_memory_is_kept() {
    check("what_calls_change_in_memory_is_kept");
}

#[test]
fn memory_that_cannot_be_kept_is_told() {
    check("memory_that_cannot_be_kept_is_told");
}

#[test]
fn what_a_program_needs_is_read_from_its_text() {
    check("what_a_program_needs_is_read_from_its_text");
}

#[test]
fn what_cannot_work_is_named_with_its_line() {
    check("what_cannot_work_is_named_with_its_line");
}

#[test]
fn a_file_that_is_missing_at_the_start_is_one_line_and_a_hint() {
    check("a_file_that_is_missing_at_the_start_is_one_line_and_a_hint");
}

#[test]
fn a_start_says_what_only_a_call_has() {
    check("a_start_says_what_only_a_call_has");
}

#[test]
fn the_loop_waits_for_time_alone() {
    check("the_loop_waits_for_time_alone");
}

#[test]
fn handlers_of_any_shape_are_bound() {
    check("handlers_of_any_shape_are_bound");
}

#[test]
fn the_text_says_what_a_program_is() {
    check("the_text_says_what_a_program_is");
}

#[test]
fn files_of_a_program_are_what_it_imports_and_what_is_included() {
    check("files_of_a_program_are_what_it_imports_and_what_is_included");
}

#[test]
fn a_text_that_grows_without_end_is_not_followed() {
    check("a_text_that_grows_without_end_is_not_followed");
}

#[test]
fn requests_are_read_as_clients_write_them() {
    check("requests_are_read_as_clients_write_them");
}

#[test]
fn an_answer_that_is_to_be_encrypted_says_so() {
    check("an_answer_that_is_to_be_encrypted_says_so");
}
