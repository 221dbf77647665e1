//! The cases in `cases/acl`: sets of permission files, and who may do what.
//!
//! `acl.json` comes from the SyftBox server's own code, but for three cases
//! whose note says "strict". The others are ours, in the same form, worked out
//! by reading that code.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use syft_protocol::acl::{Access, Acl, AclError, RuleSet};
use syft_protocol::timestamp::Timestamp;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    name: String,
    #[serde(rename = "note", default)]
    _note: String,
    #[serde(default)]
    now: Option<String>,
    files: BTreeMap<String, String>,
    #[serde(default)]
    load_errors: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    user: String,
    path: String,
    action: Action,
    allowed: bool,
    #[serde(rename = "note", default)]
    _note: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Read,
    Create,
    Write,
    Admin,
}

#[test]
fn from_the_server() {
    assert_eq!(check("acl.json"), 147);
}

#[test]
fn ours() {
    for file in fs::read_dir(folder()).expect("a folder of cases") {
        let name = file.expect("a readable folder").file_name();
        let name = name.to_str().expect("a plain name");
        if name != "acl.json" {
            assert!(name.ends_with(".json"), "no such kind of case file: {name}");
            assert!(check(name) > 0, "no cases in {name}");
        }
    }
}

/// Checks all cases of a file and returns their number.
fn check(file: &str) -> usize {
    let text = fs::read(folder().join(file)).expect("a readable case file");
    let sets: Vec<Set> = serde_json::from_slice(&text).expect(file);
    let mut n_cases = 0;
    let mut faults = Vec::new();
    for set in sets {
        let now = set.now.as_deref().unwrap_or("2026-11-24T00:30:00Z");
        let now = Timestamp::parse(now).expect("a moment");
        let (acl, refused) = load(&set.files);
        if refused != set.load_errors {
            faults.push(format!("{}: refused {refused:?}", set.name));
        }
        for case in &set.cases {
            n_cases += 1;
            let decision = acl.decide(now, &case.user, &case.path, access(case.action));
            if decision.allowed != case.allowed {
                faults.push(format!(
                    "{}: {} {}: {decision:?}",
                    set.name, case.user, case.path
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{file}:\n{}", faults.join("\n"));
    n_cases
}

/// Returns what the files give, and those that are not read.
fn load(files: &BTreeMap<String, String>) -> (Acl, Vec<String>) {
    let mut acl = Acl::new();
    let mut refused = Vec::new();
    for (path, text) in files {
        let folder = path.strip_suffix("/syft.pub.yaml").expect("a folder");
        let inserted: Result<(), AclError> =
            RuleSet::parse(text.as_bytes()).and_then(|rules| acl.insert(folder, rules));
        if let Err(error) = inserted {
            assert!(!error.server_loads(), "{path}: {error}");
            refused.push(path.clone());
        }
    }
    (acl, refused)
}

fn access(action: Action) -> Access {
    match action {
        Action::Read => Access::Read,
        Action::Create => Access::Create,
        Action::Write => Access::Write,
        Action::Admin => Access::Admin,
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/acl")
}
