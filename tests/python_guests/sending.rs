//! A program that sends messages with the released `syft_rpc`, in the sandbox and under the
//! released SyftEvent: see `python/sending.py`.

use super::app;
use crate::python::{released, run, venv};
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wheels::build_wheels;

/// Runs a behaviour beside a host that serves the program.
fn check(behaviour: &str) {
    let Some(python) = venv::python() else {
        return;
    };
    build_wheels();
    let site = Site::new();
    let mut command = syft_host(&site);
    command.args(["encryption", "setup", "--config"]);
    Ended::of(&output(command.arg(site.config(OWNER)))).succeeded();
    let program = app("sender");
    let mut command = syft_host(&site);
    command
        .arg("run")
        .arg(&program)
        .arg("--allow-all-requested");
    command.arg("--config").arg(site.config(OWNER));
    let host = Host::spawn(&site, command);
    let mut command = released(python, &site, "sending.py", behaviour);
    command.arg(program.join("app.py"));
    run(command.env("HOST_READY", host.ready.to_string()));
}

#[test]
fn a_program_that_sends_gets_the_answers_that_it_gets_under_the_release() {
    check("both_get_the_same_answers");
}

#[test]
fn what_goes_wrong_is_told_as_under_the_release() {
    check("both_fail_alike");
}

#[test]
fn futures_are_found_in_later_calls() {
    check("futures_are_found_in_later_calls");
}

#[test]
fn a_mark_of_sync_is_a_refusal() {
    check("a_mark_of_sync_is_a_refusal");
}

#[test]
fn messages_are_encrypted_as_the_release_encrypts_them() {
    check("both_encrypt_what_they_send");
}

#[test]
fn an_app_of_ours_answers_ours_and_those_of_the_release() {
    check("ours_answers_both");
}
