//! A program that sends messages with the released `syft_rpc`, in the sandbox and under the
//! released SyftEvent: see `python/sending.py`.

use std::fs;

use super::app;
use crate::python::{released, run, venv};
use crate::support::host::{Ended, Host, output, output_of_build, syft_host};
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

/// Runs a program that does not start, and returns what is said.
fn said_of(text: &str) -> Option<String> {
    venv::python()?;
    let site = Site::new();
    let program = site.path().join("app.py");
    let head =
        "from syft_event import SyftEvents\nfrom syft_rpc import rpc\nbox = SyftEvents('b')\n";
    fs::write(&program, format!("{head}{text}")).unwrap();
    let mut command = syft_host(&site);
    command.arg("run").arg(&program).arg("--config");
    let ended = output_of_build(command.arg(site.config(OWNER)));
    Some(Ended::of(&ended).refused())
}

#[test]
fn a_message_to_whom_is_computed_is_named_with_its_line() {
    let handler =
        "@box.on_request('/x')\ndef x(url: str):\n    rpc.send(url)\nraise OSError('no')\n";
    if let Some(said) = said_of(handler) {
        assert!(
            said.contains("app.py:6: to whom this message goes is computed"),
            "{said}"
        );
        assert!(
            said.contains("send = [\"*/app_data/NAME/rpc/**\"]"),
            "{said}"
        );
    }
}

#[test]
fn a_message_at_the_start_is_refused_with_its_line() {
    let url = "syft://bob@example.com/app_data/a/rpc/b";
    if let Some(said) = said_of(&format!("rpc.send('{url}')\n")) {
        let expected = "app.py:4: SyftError: the program sends a message at its start";
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("send it in a handler"), "{said}");
    }
}
