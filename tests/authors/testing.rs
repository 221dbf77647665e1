//! `syft-host test` of programs in Python: see `python_apps/tested`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::author;
use crate::python::venv;
use crate::support::guests::repository;
use crate::support::host::Ended;
use crate::support::site::Site;

fn tested() -> PathBuf {
    repository().join("tests/python_apps/tested")
}

fn run(site: &Site, folder: &Path, options: &[&str]) -> Ended {
    author(site, folder, &[&["test"], options].concat())
}

/// Returns what is told of each test, by its name, and of all of them.
fn events(ended: &Ended) -> (BTreeMap<String, Value>, Value) {
    let events = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut events: Vec<Value> = events.collect();
    let all = events
        .pop()
        .unwrap_or_else(|| panic!("nothing was told: {}", ended.stderr));
    let name = |event: &Value| event["name"].as_str().unwrap().to_owned();
    (
        events
            .into_iter()
            .map(|event| (name(&event), event))
            .collect(),
        all,
    )
}

/// What the test whose name begins so is to fail with.
const FAILURES: [(&str, &str); 8] = [
    (
        "comparing",
        "left == right does not hold\n  left:  'Hello, Bob!'\n  right: 'Hello, Ada!'",
    ),
    (
        "in_a_handler",
        "left == right does not hold\n  left:  500\n  right: 200",
    ),
    (
        "to_find_an_endpoint",
        "LookupError: the app has no endpoint /gret: there are /greet, /count",
    ),
    ("for_ever", "the call did not end within 3 s"),
    ("by_leaving", "exited"),
    (
        "with_a_path_that_leads_out",
        "a path begins with a datasite",
    ),
    (
        "broken_test.py",
        "ModuleNotFoundError: No module named 'no_such_module'",
    ),
    ("test_fixtures.py", "there are no fixtures"),
];

#[test]
fn tests_pass_and_fail_as_they_should() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let ended = run(&site, &tested(), &["--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let (tests, all) = events(&ended);
    for (name, test) in &tests {
        let failure = FAILURES.iter().find(|(part, _)| name.contains(part));
        match failure {
            None => assert_eq!(test["ok"], true, "{test:#}"),
            Some((_, words)) => {
                let told = test["failure"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{name} passed"));
                assert!(told.contains(words), "{name}: {told}");
            }
        }
    }
    assert_eq!(all["failed"], FAILURES.len());
    assert_eq!(all["passed"], 10, "{:?}", tests.keys());
    let comparing = &tests["test_app.py::test_fails_comparing"];
    let place = "File \"test_app.py\", line 85, in test_fails_comparing";
    let told = comparing["failure"].as_str().unwrap();
    assert!(
        told.contains(place) && told.contains("assert App().call"),
        "{told}"
    );
    let printed = comparing["output"].as_str().unwrap();
    assert!(
        printed.contains("greeting Bob") && printed.contains("about to fail"),
        "{printed}"
    );
    let printed = tests["test_app.py::test_fails_in_a_handler"]["output"]
        .as_str()
        .unwrap();
    let handler = "in score\n    return {\"score\": int(path.read_text())}";
    assert!(
        printed.contains("score failed with FileNotFoundError") && printed.contains(handler),
        "{printed}"
    );
    assert!(
        !site.datasites().join(crate::support::site::OWNER).exists(),
        "the owner's own is untouched"
    );
}

#[test]
fn some_tests_are_chosen_by_their_names() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let ended = run(&site, &tested(), &["-k", "state_"]).succeeded();
    assert!(
        ended
            .stdout
            .contains("ok     test_app.py::test_state_begins_empty"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("2 passed in "), "{}", ended.stdout);
    let said = run(&site, &tested(), &["-k", "nothing_of_this_name"]).refused();
    assert!(said.contains("there are no such tests"), "{said}");
    let failed = run(&site, &tested(), &["-k", "comparing"]);
    assert_eq!(failed.code, Some(1));
    for line in [
        "FAILED test_app.py::test_fails_comparing",
        "    | greeting Bob",
        "0 passed, 1 failed in ",
    ] {
        assert!(failed.stdout.contains(line), "{}", failed.stdout);
    }
}

#[test]
fn who_has_no_tests_is_told_how_to_begin() {
    let site = Site::new();
    let folder = site.path().join("empty");
    fs::create_dir(&folder).unwrap();
    let said = run(&site, &folder, &[]).refused();
    assert!(said.contains("Cargo.toml"), "{said}");
    fs::write(folder.join("app.py"), "").unwrap();
    let said = run(&site, &folder, &[]).refused();
    assert!(said.contains("test_app.py beside the program"), "{said}");
    let said = run(&site, &folder, &["none.wasm"]).refused();
    assert!(said.contains("no sources are there"), "{said}");
}
