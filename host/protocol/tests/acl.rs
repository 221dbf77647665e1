//! The cases in `cases/acl`: sets of permission files, and who may do what.
//!
//! `acl.json` comes from the SyftBox server's own code, but for three cases
//! whose note says "strict". The others are ours, in the same form, worked out
//! by reading that code.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use std::time::{Duration, Instant};

use syft_protocol::acl::{Access, Acl, AclError, PathFault, Reason, RuleRef, RuleSet, Unknown};
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

#[test]
fn the_reason_says_what_decides() {
    let mut acl = Acl::new();
    let rules = "rules:\n- {pattern: 'a/*', access: {}}\n- {pattern: 'b*', access: {write: ['*']}}\n\
                 - {pattern: 'c{{.}}', access: {}}\n";
    acl.insert("o/p", RuleSet::parse(rules.as_bytes()).expect("rules"))
        .expect("a folder");
    acl.insert("o/[x]", RuleSet::closed()).expect("a folder");
    let rule = |index, pattern| RuleRef {
        file: "o/p/syft.pub.yaml",
        index,
        pattern,
    };
    for (user, path, access, needed, allowed, reason) in [
        (
            "o",
            "o/p/a",
            Access::Admin,
            Access::Admin,
            true,
            Reason::Owner,
        ),
        (
            "u",
            "o/p/b",
            Access::Write,
            Access::Write,
            true,
            Reason::Rule(rule(Some(1), "b*")),
        ),
        (
            "u",
            "o/p/b",
            Access::Admin,
            Access::Admin,
            false,
            Reason::Rule(rule(Some(1), "b*")),
        ),
        (
            "u",
            "o/p/a/b",
            Access::Read,
            Access::Read,
            false,
            Reason::Rule(rule(Some(0), "a/*")),
        ),
        (
            "u",
            "o/p/x",
            Access::Read,
            Access::Read,
            false,
            Reason::Rule(rule(None, "**")),
        ),
        (
            "u",
            "o/p/b/syft.pub.yaml",
            Access::Create,
            Access::Admin,
            false,
            Reason::Rule(rule(None, "**")),
        ),
        (
            "u",
            "o/p/c",
            Access::Read,
            Access::Read,
            false,
            Reason::Unknown(rule(Some(2), "c{{.}}"), Unknown::Template),
        ),
        (
            "u",
            "o/q",
            Access::Read,
            Access::Read,
            false,
            Reason::NoFile,
        ),
        (
            "u",
            "o/[x]/y",
            Access::Read,
            Access::Read,
            false,
            Reason::NoRule {
                file: "o/[x]/syft.pub.yaml",
            },
        ),
        ("", "o/q", Access::Read, Access::Read, false, Reason::Nobody),
        (
            "o",
            "o/..",
            Access::Read,
            Access::Read,
            false,
            Reason::Path(PathFault::Root),
        ),
        (
            "o",
            "..",
            Access::Read,
            Access::Read,
            false,
            Reason::Path(PathFault::Outside),
        ),
    ] {
        let decision = acl.decide(Timestamp::MIN, user, path, access);
        assert_eq!(
            (decision.needed, decision.allowed, decision.reason),
            (needed, allowed, reason),
            "{user} {path}"
        );
    }
}

#[test]
fn folders_are_bounded() {
    let mut acl = Acl::new();
    let mut insert = |folder: &str| {
        let error = acl.insert(folder, RuleSet::closed());
        error.map_err(|error| error.to_string())
    };
    assert_eq!(insert(&vec!["a"; 256].join("/")), Ok(()));
    let too_deep = insert(&vec!["a"; 257].join("/")).expect_err("too deep");
    assert!(too_deep.ends_with("is more than 256 names deep, so it can hold no permission file"));
    let root = "`` names the root of all datasites, so it can hold no permission file";
    assert_eq!(insert(""), Err(root.to_owned()));
    assert!(insert("a/../..").is_err());
    let deep = vec!["a"; 2000].join("/");
    let reason = acl.decide(Timestamp::MIN, "u", &deep, Access::Read).reason;
    assert!(matches!(reason, Reason::NoRule { .. } | Reason::Rule(_)));
}

/// A thousand rules, each hard, and each asked.
#[test]
fn hostile_rules_are_bounded_and_deny() {
    let hard = format!("{}*b", "{a,a}".repeat(500));
    let mut rules = "rules:\n".to_owned();
    for _ in 0..90 {
        rules += &format!("- {{pattern: '{hard}', access: {{}}}}\n");
    }
    rules += "- {pattern: '**', access: {read: ['*']}}\n";
    let mut acl = Acl::new();
    acl.insert("o", RuleSet::parse(rules.as_bytes()).expect("rules"))
        .expect("a folder");
    let started = Instant::now();
    let path = format!("o/{}", "a".repeat(500));
    let decision = acl.decide(Timestamp::MIN, "u", &path, Access::Read);
    assert!(matches!(
        decision.reason,
        Reason::Unknown(_, Unknown::TooHard)
    ));
    assert!(!decision.allowed && started.elapsed() < Duration::from_secs(10));
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
            assert!(error.server_refuses(), "{path}: {error}");
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
