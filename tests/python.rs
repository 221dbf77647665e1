//! Agreement with the released Python packages, whose clients call a running host.
//!
//! A test runs one function of a script in `tests/python`. It is Python that
//! asserts. `peer.py` is what the scripts stand on, `stock.py` an app of the
//! released SyftEvent.

pub(crate) mod venv;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use syft_protocol::message::{Request, Response};
use syft_protocol::permissions::RELEASED_RPC_RULES;
use syft_protocol::timestamp::Timestamp;
use walkdir::WalkDir;

use crate::support::guests::{guest, repository};
use crate::support::host::{Host, output};
use crate::support::site::{CALLER, Site};

/// Runs a behaviour beside a host that serves the probe.
fn check(script: &str, behaviour: &str) {
    check_with(&[], script, behaviour);
}

fn check_with(options: &[&str], script: &str, behaviour: &str) {
    check_guest("probe", options, script, behaviour);
}

fn check_guest(name: &str, options: &[&str], script: &str, behaviour: &str) {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let host = Host::start(&site, &guest(name), options);
    let mut command = released(python, &site, script, behaviour);
    run(command.env("HOST_READY", host.ready.to_string()));
}

/// Returns a command with an environment in which only the caller's SyftBox is
/// seen. The script is one of ours, unless its path is absolute.
pub(crate) fn released(
    python: &Path,
    site: &Site,
    script: impl AsRef<Path>,
    argument: &str,
) -> Command {
    let mut command = Command::new(python);
    command
        .arg("-B")
        .arg(scripts().join(script))
        .arg(argument)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", site.path())
        .env("SYFTBOX_CLIENT_CONFIG_PATH", site.config(CALLER))
        .current_dir(site.path());
    command
}

fn scripts() -> PathBuf {
    repository().join("tests/python")
}

/// Waits for a script, which ends by itself: see `main` in `peer.py`.
pub fn run(command: &mut Command) {
    let output = output(command);
    assert!(
        output.status.success(),
        "{:?} failed: {}\n{}{}",
        command.get_args().collect::<Vec<_>>(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

#[test]
fn every_kind_of_body_comes_back() {
    check("bodies.py", "every_kind_comes_back");
}

#[test]
fn answer_repeats_its_request() {
    check("bodies.py", "the_answer_repeats_its_request");
}

#[test]
fn handler_sees_the_request_as_it_was_sent() {
    check("bodies.py", "the_handler_sees_its_request");
}

#[test]
fn typed_handlers_take_and_give_what_python_does() {
    check("bodies.py", "typed_handlers_take_and_give_what_python_does");
}

#[test]
fn headers_of_a_handler_arrive_in_order() {
    check("bodies.py", "headers_of_a_handler_arrive_in_order");
}

#[test]
fn all_methods_are_answered_alike() {
    check("bodies.py", "all_methods_are_answered_alike");
}

#[test]
fn what_the_release_cannot_read_is_400() {
    check("statuses.py", "what_is_no_request_is_400");
}

#[test]
fn what_the_release_reads_is_answered() {
    check("statuses.py", "unusual_requests_are_answered");
}

#[test]
fn a_method_is_taken_in_any_case() {
    check("statuses.py", "a_method_is_taken_in_any_case");
}

#[test]
fn request_without_a_method_is_a_get() {
    check("statuses.py", "without_a_method_it_is_a_get");
}

#[test]
fn unknown_endpoint_is_never_answered() {
    check("statuses.py", "an_unknown_endpoint_is_never_answered");
}

#[test]
fn request_that_came_too_late_is_419() {
    check("statuses.py", "what_came_too_late_is_419");
}

#[test]
fn wrong_arguments_are_400() {
    check("statuses.py", "wrong_arguments_are_400");
}

#[test]
fn failing_handler_is_500_and_tells_nothing() {
    check("statuses.py", "a_failing_handler_is_500_and_tells_nothing");
}

#[test]
fn failing_handler_tells_all_when_debugging() {
    let behaviour = "a_failing_handler_tells_all_when_debugging";
    check_with(&["--debug"], "statuses.py", behaviour);
}

#[test]
fn handler_may_refuse_with_a_status_of_its_own() {
    check(
        "statuses.py",
        "a_handler_may_refuse_with_a_status_of_its_own",
    );
}

#[test]
fn url_of_another_endpoint_is_answered_beside_the_request() {
    check(
        "statuses.py",
        "the_url_of_another_endpoint_leads_nowhere_else",
    );
}

#[test]
fn each_code_that_the_client_knows_arrives() {
    check("statuses.py", "each_known_code_arrives");
}

#[test]
fn unknown_code_arrives_as_the_first_of_its_class() {
    check(
        "statuses.py",
        "an_unknown_code_arrives_as_the_first_of_its_class",
    );
}

#[test]
fn cached_request_is_answered_each_time() {
    check("futures.py", "the_same_request_is_answered_each_time");
}

#[test]
fn cached_request_that_changes_state_does_so_each_time() {
    let behaviour = "the_same_request_counts_each_time";
    check_guest("stateful", &[], "futures.py", behaviour);
}

#[test]
fn request_sent_again_before_its_answer_shares_it() {
    check(
        "futures.py",
        "a_request_sent_again_before_its_answer_shares_it",
    );
}

#[test]
fn broadcast_gathers_an_answer_from_each() {
    check("futures.py", "broadcasts_gather_an_answer_from_each");
}

#[test]
fn wait_that_gave_up_can_be_repeated() {
    check("futures.py", "a_wait_that_gave_up_can_be_repeated");
}

#[test]
fn saved_future_finds_its_answer() {
    check("futures.py", "a_saved_future_finds_its_answer");
}

#[test]
fn owner_may_call_too() {
    check("futures.py", "the_owner_may_call_too");
}

#[test]
fn older_layout_is_answered_beside_its_requests() {
    check(
        "futures.py",
        "the_older_layout_is_answered_beside_its_requests",
    );
}

#[test]
fn permissions_are_those_of_the_release_for_each_endpoint_alone() {
    check(
        "published.py",
        "permissions_are_those_of_the_release_for_each_endpoint_alone",
    );
}

#[test]
fn the_rules_of_the_release_are_the_same_in_python_and_here() {
    let module = repository().join("guest-python/python/syft_event/server2.py");
    let module = fs::read_to_string(module).unwrap();
    let (_, rules) = module.split_once("PERMS = \"\"\"").unwrap();
    let (rules, _) = rules.split_once("\"\"\"").unwrap();
    assert_eq!(rules, RELEASED_RPC_RULES);
}

#[test]
fn schema_describes_as_the_release_does() {
    check("published.py", "the_schema_describes_as_the_release_does");
}

#[test]
fn schema_is_laid_out_as_python_does() {
    check("published.py", "the_schema_is_laid_out_as_python_does");
}

#[test]
fn app_folder_holds_what_that_of_the_release_holds() {
    check(
        "published.py",
        "released_folders_hold_the_same_kinds_of_files",
    );
}

#[test]
fn answers_are_those_of_a_running_syft_event() {
    check("side_by_side.py", "answers_are_the_same");
}

#[test]
fn refusals_differ_from_those_of_syft_event_in_their_reasons_only() {
    check("side_by_side.py", "refusals_differ_in_their_reasons_only");
}

#[test]
fn none_of_400_requests_written_in_place_is_lost_under_load() {
    check("load.py", "none_of_many_is_lost_or_refused");
}

/// Lets the release write messages; returns the stem of each file's name with its
/// bytes.
fn messages(behaviour: &str) -> Vec<(String, Vec<u8>)> {
    let Some(python) = venv::python() else {
        return Vec::new();
    };
    let site = Site::new();
    let folder = site.path().join("messages");
    fs::create_dir(&folder).unwrap();
    run(released(python, &site, "messages.py", behaviour).arg(&folder));
    let messages: Vec<_> = files(&folder)
        .map(|path| {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (stem, fs::read(&path).unwrap())
        })
        .collect();
    assert_eq!(messages.len(), 300);
    messages
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
}

/// For messages of which none lacks a time.
fn now() -> Timestamp {
    Timestamp::from_micros(0)
}

fn request(bytes: &[u8]) -> Request {
    Request::from_json(bytes, now())
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn response(bytes: &[u8]) -> Response {
    Response::from_json(bytes, now())
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// Compares as text, to show where two messages differ.
fn check_equal(ours: &[u8], theirs: &[u8]) {
    assert_eq!(
        String::from_utf8_lossy(ours),
        String::from_utf8_lossy(theirs)
    );
}

#[test]
fn deterministic_ids_are_those_of_the_release() {
    for (id, bytes) in messages("write_requests") {
        let ours = request(&bytes).deterministic_id().to_string();
        assert_eq!(ours, id, "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn requests_are_written_as_the_release_writes_them() {
    for (_, bytes) in messages("write_requests") {
        check_equal(&request(&bytes).to_json(), &bytes);
    }
}

#[test]
fn responses_are_written_as_the_release_writes_them() {
    for (_, bytes) in messages("write_responses") {
        check_equal(&response(&bytes).to_json(), &bytes);
    }
}

#[test]
fn every_behaviour_of_the_scripts_is_run() {
    let tests = [
        include_str!("encryption.rs"),
        include_str!("encryption/keys.rs"),
        include_str!("python.rs"),
        include_str!("python_guests.rs"),
        include_str!("python_guests/edit_loop.rs"),
        include_str!("python_guests/libraries.rs"),
        include_str!("python_guests/sdk.rs"),
        include_str!("python_guests/sending.rs"),
    ];
    let run: BTreeSet<&str> = tests.iter().flat_map(|text| text.split('"')).collect();
    let forgotten: Vec<String> = files(&scripts())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .flat_map(|path| behaviours(&fs::read_to_string(path).unwrap()))
        .filter(|behaviour| !run.contains(behaviour.as_str()))
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

fn behaviours(script: &str) -> Vec<String> {
    let parts = script.split("\n@behaviour\ndef ").skip(1);
    parts
        .map(|part| part[..part.find('(').unwrap()].to_owned())
        .collect()
}
