//! Two calls of one app at the same time: what comes of them could also have come of one after
//! the other.

use std::fs;

use serde_json::{Value, json};

use super::{assert_nothing_staged, begin, path, plant, start, wait_for_staged};
use crate::support::apps::ops;
use crate::support::planted::planted;
use crate::support::site::{OWNER, Site};

/// Runs calls that each do one step before any of them ends, and returns the outcomes.
fn together(site: &Site, steps: &[Value]) -> Vec<Value> {
    let host = start(site, &["--concurrency", "4"]);
    let calls = steps.iter().enumerate().map(|(n, step)| {
        // Once the last is staged the first was done.
        let mark = json!({"write": [path(&format!("mark-{n}")), ""]});
        begin(&host, &json!([step, mark, {"wait_for": path("go")}]))
    });
    let calls: Vec<_> = calls.collect();
    let is_file = |step: &&Value| step["mkdir"].is_null() && step["rmdir"].is_null();
    wait_for_staged(site, steps.len() + steps.iter().filter(is_file).count());
    fs::write(site.own("public/go"), "").unwrap();
    let outcomes = calls.iter().map(|call| {
        let answer = call.answer();
        let all: Value = serde_json::from_str(&answer.text()).unwrap();
        all[0].clone()
    });
    let outcomes = outcomes.collect();
    for n in 0..steps.len() {
        assert!(site.own(&format!("public/mark-{n}")).exists());
    }
    assert_nothing_staged(site);
    outcomes
}

fn count(outcomes: &[Value], expected: &Value) -> usize {
    outcomes.iter().filter(|it| *it == expected).count()
}

#[test]
fn one_of_them_makes_a_file_that_must_be_new() {
    let site = planted();
    plant(&site);
    let make = |text: &str| json!({"create_new": [path("lock"), text]});
    let outcomes = together(&site, &[make("0"), make("1"), make("2")]);
    assert_eq!(count(&outcomes, &json!({"ok": null})), 1, "{outcomes:?}");
    let others = count(&outcomes, &json!({"error": "AlreadyExists"}));
    assert_eq!(others, 2, "{outcomes:?}");
    let winner = outcomes.iter().position(|it| it["error"].is_null());
    let lock = fs::read_to_string(site.own("public/lock")).unwrap();
    assert_eq!(Some(lock), winner.map(|n| n.to_string()));
}

#[test]
fn one_of_them_makes_a_folder() {
    let site = planted();
    plant(&site);
    let outcomes = together(
        &site,
        &[json!({"mkdir": path("new")}), json!({"mkdir": path("new")})],
    );
    assert_eq!(count(&outcomes, &json!({"ok": null})), 1, "{outcomes:?}");
    assert!(site.own("public/new").is_dir());
}

#[test]
fn both_append_to_a_file_that_was_not_there() {
    let site = planted();
    plant(&site);
    let append = |text: &str| json!({"open": [path("log"), "ac", text]});
    let outcomes = together(&site, &[append("a"), append("b")]);
    assert_eq!(count(&outcomes, &json!({"ok": null})), 2, "{outcomes:?}");
    let log = fs::read_to_string(site.own("public/log")).unwrap();
    assert!(["ab", "ba"].contains(&log.as_str()), "{log}");
}

#[test]
fn a_file_is_not_lost_with_its_folder() {
    let site = planted();
    plant(&site);
    let steps = [
        json!({"rmdir": path("empty")}),
        json!({"write": [path("empty/x"), "text"]}),
    ];
    let outcomes = together(&site, &steps);
    let is_written = outcomes[1] == json!({"ok": null});
    assert_eq!(
        site.own("public/empty/x").exists(),
        is_written,
        "{outcomes:?}"
    );
    assert!(
        is_written || outcomes[1] == json!({"error": "NotFound"}),
        "{outcomes:?}"
    );
}

/// A file is replaced that a call has open: what it writes to it would be lost.
#[test]
fn what_is_written_to_an_open_file_that_was_replaced_is_written_to_the_new_one() {
    for is_call in [true, false] {
        let site = planted();
        plant(&site);
        let host = start(&site, &["--concurrency", "2"]);
        let old = format!("{OWNER}/public/old");
        let writer = begin(
            &host,
            &json!([
                {"raw": {"open": ["root", old, "rw", "it"]}},
                {"write": [path("mark"), ""]},
                {"wait_for": path("go")},
                {"raw": {"append_via_stream": ["it", "!"]}},
            ]),
        );
        wait_for_staged(&site, 1);
        if is_call {
            ops(&host, &json!([{"write": [path("old"), "replaced"]}]));
        } else {
            let new = site.write("public/new", "replaced");
            fs::rename(new, site.own("public/old")).unwrap();
        }
        fs::write(site.own("public/go"), "").unwrap();
        let answer = writer.answer().text();
        assert!(!answer.contains("error"), "{answer}");
        let text = fs::read_to_string(site.own("public/old")).unwrap();
        assert_eq!(text, "replaced!");
        assert_nothing_staged(&site);
    }
}
