//! Programs of SyftEvent, unmodified, built and served by the command line and called
//! by the released client.
//!
//! As in `python.rs` it is Python that asserts: see `python/programs.py`.

mod building;
mod edit_loop;
mod libraries;
mod messages;
mod schedules;
mod sdk;
mod sending;
mod shipped;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::python::{released, run, venv};
use crate::support::client::call;
use crate::support::guests::repository;
use crate::support::host::{Ended, Host, output, syft_host};
use crate::support::site::{OWNER, Site};
use crate::support::wheels::build_wheels;

const SCRIPT: &str = "programs.py";

fn app(name: &str) -> PathBuf {
    repository().join("tests/python_apps").join(name)
}

/// Returns a program of SyftEvent's README.
fn of_the_readme(python: &Path, name: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> =
        LazyLock::new(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-programs"));
    static WRITTEN: LazyLock<std::sync::Mutex<bool>> = LazyLock::new(Default::default);
    let mut written = WRITTEN.lock().unwrap();
    if !*written {
        fs::create_dir_all(&*FOLDER).unwrap();
        let site = Site::new();
        let behaviour = "write_the_programs_of_the_readme";
        run(released(python, &site, SCRIPT, behaviour).arg(&*FOLDER));
        *written = true;
    }
    FOLDER.join(name).with_extension("py")
}

/// Runs a behaviour beside a host that serves a program that was built.
fn check(program: &Path, options: &[&str], behaviour: &str) {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let host = Host::start(&site, program, options);
    check_at(python, &site, &host, behaviour, &[]);
}

/// Runs a behaviour beside a host that serves a program as it is, which takes seconds and no minute.
fn check_unbuilt(program: &Path, behaviour: &str) {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let host = Host::start_unbuilt(&site, program, &[]);
    check_at(python, &site, &host, behaviour, &[]);
}

fn check_at(python: &Path, site: &Site, host: &Host, behaviour: &str, arguments: &[&str]) {
    let mut command = released(python, site, SCRIPT, behaviour);
    command.args(arguments);
    run(command.env("HOST_READY", host.ready.to_string()));
}

/// Runs a behaviour of another script.
fn check_behaviour(python: &Path, site: &Site, host: &Host, script: &str, behaviour: &str) {
    let mut command = released(python, site, script, behaviour);
    run(command.env("HOST_READY", host.ready.to_string()));
}

fn check_readme(name: &str, behaviour: &str) {
    if let Some(python) = venv::python() {
        check_unbuilt(&of_the_readme(python, name), behaviour);
    }
}

#[test]
fn quick_start_of_the_readme() {
    if let Some(python) = venv::python() {
        check(&of_the_readme(python, "my_app"), &[], "readme_quick_start");
    }
}

#[test]
fn routers_of_the_readme() {
    check_readme("user_service", "readme_routers");
}

#[test]
fn async_handlers_of_the_readme() {
    check_readme("async_app", "readme_async");
}

#[test]
fn responses_of_the_readme() {
    check_readme("advanced_app", "readme_response");
}

#[test]
fn state_of_the_readme_lasts_beyond_the_host() {
    let Some(python) = venv::python() else {
        return;
    };
    let program = of_the_readme(python, "stateful_app");
    let site = Site::new();
    for first in ["1", "4"] {
        let host = Host::start_unbuilt(&site, &program, &[]);
        check_at(python, &site, &host, "readme_state", &[first]);
        host.stop();
    }
}

#[test]
fn file_monitor_of_the_readme_tells_what_happens() {
    let Some(python) = venv::python() else {
        return;
    };
    let program = of_the_readme(python, "file_monitor");
    let site = Site::new();
    let host = Host::start_unbuilt(&site, &program, &["--allow-all-requested"]);
    let public = site.datasites().join(OWNER).join("public");
    fs::create_dir_all(&public).unwrap();
    let there = format!("/datasites/{OWNER}/public");
    let printed = |text: String| {
        host.wait_for_log(&text, |line| line["message"] == text.as_str());
    };
    fs::write(public.join("a.json"), "{}").unwrap();
    printed(format!("JSON file changed: {there}/a.json"));
    fs::rename(public.join("a.json"), public.join("b.json")).unwrap();
    printed(format!("JSON file moved: {there}/a.json -> {there}/b.json"));
    fs::write(public.join("a.md"), "text").unwrap();
    printed(format!("Text file created: {there}/a.md"));
    fs::write(public.join("a.log"), "line").unwrap();
    // One that is renamed before it was seen was only made under its later name.
    fs::write(public.join("b.txt"), "text").unwrap();
    printed(format!("Text file created: {there}/b.txt"));
    fs::rename(public.join("a.log"), public.join("b.log")).unwrap();
    printed(format!("Log file moved: {there}/a.log -> {there}/b.log"));
}

#[test]
fn watches_are_told_of_each_kind_of_event() {
    let options = ["--allow-all-requested", "--retry-first", "100ms"];
    check(
        &app("watcher.py"),
        &options,
        "watches_are_told_of_each_kind_of_event",
    );
}

#[test]
fn example_is_answered() {
    let example = repository().join("examples-guest/python-quickstart");
    check_unbuilt(&example, "quickstart");
}

#[test]
fn whole_bodies_are_given_as_in_the_release() {
    check_unbuilt(&app("whole_bodies.py"), "whole_bodies");
}

/// Options for the program `sandboxed`, which reads a file that lies beside it.
const SANDBOXED: [&str; 3] = ["--allow-all-requested", "--include", "settings.json"];

fn check_sandboxed(options: &[&str], behaviour: &str) {
    build_wheels();
    let options = [&SANDBOXED[..], options].concat();
    check(&app("sandboxed"), &options, behaviour);
}

#[test]
fn python_works_in_the_sandbox() {
    check_sandboxed(&["--time", "5s"], "python_works_in_the_sandbox");
}

#[test]
fn files_are_those_that_were_granted() {
    check_sandboxed(&[], "files_are_those_that_were_granted");
}

#[test]
fn a_call_that_fails_leaves_no_half_written_file() {
    check_sandboxed(
        &["--time", "2s"],
        "a_call_that_fails_leaves_no_half_written_file",
    );
}

#[test]
fn state_is_a_dict_that_lasts() {
    check_sandboxed(&[], "state_is_a_dict_that_lasts");
}

#[test]
fn what_the_sandbox_lacks_is_a_failure() {
    check_sandboxed(&[], "what_the_sandbox_lacks_is_a_failure");
}

#[test]
fn lines_of_the_log_have_their_levels() {
    let Some(python) = venv::python() else {
        return;
    };
    build_wheels();
    let site = Site::new();
    let host = Host::start(
        &site,
        &app("sandboxed"),
        &[&SANDBOXED[..], &["--log", "debug"]].concat(),
    );
    check_at(python, &site, &host, "python_works_in_the_sandbox", &[]);
    for (level, text) in [
        ("INFO", "printed"),
        ("INFO", "to stderr"),
        ("WARN", "warned 2 times"),
        ("ERROR", "loguru failed"),
        ("DEBUG", "debugged"),
    ] {
        host.wait_for_log(text, |line| {
            let message = line["message"].as_str().unwrap_or_default();
            line["level"] == level && message.ends_with(text)
        });
    }
}

/// Runs the same program under the release and in the sandbox.
fn compare(program: &Path, behaviour: &str, arguments: &[&Path]) {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let host = Host::start(&site, program, &["--allow-all-requested"]);
    compare_at(python, &site, &host, program, behaviour, arguments);
}

fn compare_at(
    python: &Path,
    site: &Site,
    host: &Host,
    program: &Path,
    behaviour: &str,
    arguments: &[&Path],
) {
    let mut command = released(python, site, "differential.py", behaviour);
    command.arg(program).args(arguments);
    run(command.env("HOST_READY", host.ready.to_string()));
}

#[test]
fn answers_differ_from_those_of_the_release_only_where_they_should() {
    let cases = repository().join("tests/cases/differential");
    let program = app("differential.py");
    compare(&program, "answers_differ_only_where_they_should", &[&cases]);
}

#[test]
fn schema_is_that_of_the_release() {
    compare(
        &app("differential.py"),
        "the_schema_is_that_of_the_release",
        &[],
    );
}

/// Runs a program in which each endpoint says what it did, as it is and once it is built.
fn compare_each(program: &str, is_built: bool) {
    let Some(python) = venv::python() else {
        return;
    };
    let (site, program) = (Site::new(), app(program));
    let start = if is_built {
        Host::start
    } else {
        Host::start_unbuilt
    };
    let host = start(&site, &program, &["--allow-all-requested"]);
    let behaviour = "each_endpoint_answers_as_under_the_release";
    compare_at(python, &site, &host, &program, behaviour, &[]);
}

#[test]
fn types_are_those_of_the_release() {
    compare_each("released_types.py", false);
}

#[test]
fn the_library_of_python_is_there_in_calls() {
    compare_each("library.py", false);
}

#[test]
fn the_library_of_python_is_there_in_calls_of_a_program_that_was_built() {
    compare_each("library.py", true);
}

/// It starts in each call, and what its calls leave in files and in memory is there in the next.
#[test]
fn a_program_as_people_write_them_answers_as_under_the_release() {
    build_wheels();
    compare(&app("as_written.py"), "calls_leave_the_same_behind", &[]);
}

#[test]
fn arguments_are_those_of_the_command_line() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let component = site.path().join("app.wasm");
    let mut command = syft_host(&site);
    command
        .arg("build")
        .arg(app("arguments.py"))
        .arg("-o")
        .arg(&component);
    command.args([
        "--",
        "--project-name",
        "mine",
        "--port",
        "8080",
        "a b",
        "-v",
    ]);
    Ended::of(&output(&mut command)).succeeded();
    let host = Host::start(&site, &component, &[]);
    assert_eq!(host.ready["app"], "mine");
    let answer = call(&host.rpc, "shown", "{}");
    let expected = r#"{"port":8080,"argv":["arguments.py","a b","-v"]}"#;
    assert_eq!(answer.text(), expected);
}

#[test]
fn every_program_is_served_by_a_test() {
    let own = concat!(
        include_str!("python_guests.rs"),
        include_str!("python_guests/edit_loop.rs"),
        include_str!("python_guests/libraries.rs"),
        include_str!("python_guests/sending.rs")
    );
    for entry in fs::read_dir(app("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // These are in `authors/testing.rs`, `http/python.rs`, `scheduling/python.rs` and
        // `secrets/python.rs`.
        if ["tested", "web", "scheduled", "secrets"].contains(&name.as_str()) {
            continue;
        }
        assert!(own.contains(&format!("\"{name}\"")), "{name}");
    }
}
