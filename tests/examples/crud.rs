//! `crud` keeps notes, for each sender their own.

use serde_json::{Value, json};

use super::{ALICE, BOB, built, call_as, call_claiming, start};
use crate::support::client::Answer;
use crate::support::host::Host;
use crate::support::site::Site;

/// Checks the status, and the JSON or the text of the answer.
fn check(answer: &Answer, status: u64, expected: &Value) {
    let text = answer.text();
    let found = serde_json::from_str(&text).unwrap_or(Value::String(text));
    assert_eq!((answer.status(), &found), (status, expected));
}

#[test]
fn a_note_is_created_read_updated_listed_and_deleted() {
    let site = Site::new();
    let host = start(&site, "crud");
    let ask = |endpoint: &str, body: Value| call_as(&host, ALICE, endpoint, &body);

    check(
        &ask("read", json!({"name": "a"})),
        404,
        &json!("there is no note `a`"),
    );
    let created = ask("create", json!({"name": "a", "text": "one"}));
    assert_eq!(
        (created.status(), &created.json["headers"]),
        (201, &json!({"X-Version": "1"}))
    );
    check(
        &ask("create", json!({"name": "a", "text": "other"})),
        409,
        &json!("there is a note `a` already"),
    );
    check(
        &ask("read", json!({"name": "a"})),
        200,
        &json!({"text": "one", "version": 1}),
    );
    check(
        &ask("update", json!({"name": "a", "text": "two", "version": 1})),
        200,
        &json!({"text": "two", "version": 2}),
    );
    check(
        &ask("update", json!({"name": "a", "text": "late", "version": 1})),
        409,
        &json!("it was changed: this is version 2"),
    );
    assert_eq!(
        ask("update", json!({"name": "b", "text": ""})).status(),
        404
    );
    assert_eq!(
        ask("create", json!({"name": "b", "text": ""})).status(),
        201
    );
    check(&ask("list", json!({})), 200, &json!(["a", "b"]));
    let deleted = ask("delete", json!({"name": "a"}));
    assert_eq!((deleted.status(), deleted.body()), (204, None));
    assert_eq!(ask("delete", json!({"name": "a"})).status(), 404);
    check(&ask("list", json!({})), 200, &json!(["b"]));
    assert_eq!(ask("create", json!({"name": "c"})).status(), 400);
    assert_eq!(ask("create", json!({"name": "", "text": ""})).status(), 400);
}

#[test]
fn nobody_sees_the_notes_of_others_and_all_outlive_a_restart() {
    let site = Site::new();
    let host = start(&site, "crud");
    let note = json!({"name": "diary", "text": "secret"});
    assert_eq!(call_as(&host, ALICE, "create", &note).status(), 201);
    host.stop();
    let host = Host::start(&site, &built("crud"), &[]);
    let name = json!({"name": "diary"});
    check(&call_as(&host, BOB, "list", &json!({})), 200, &json!([]));
    assert_eq!(call_as(&host, BOB, "read", &name).status(), 404);
    assert_eq!(call_as(&host, BOB, "delete", &name).status(), 404);
    let sneaky = json!({"name": format!("../{ALICE}/diary")});
    assert_eq!(call_as(&host, BOB, "read", &sneaky).status(), 404);
    assert_eq!(call_claiming(&host, ALICE, "read", &name).status(), 403);
    check(
        &call_as(&host, ALICE, "read", &name),
        200,
        &json!({"text": "secret", "version": 1}),
    );
}

/// Of many that create the same note one does; the others learn that it is there.
#[test]
fn one_of_many_creates_a_note() {
    let site = Site::new();
    let host = start(&site, "crud");
    let statuses = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..16)
            .map(|n| {
                let host = &host;
                scope.spawn(move || {
                    let note = json!({"name": "a", "text": n.to_string()});
                    call_as(host, ALICE, "create", &note).status()
                })
            })
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect::<Vec<_>>()
    });
    let of = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((of(201), of(409)), (1, 15), "{statuses:?}");
}
