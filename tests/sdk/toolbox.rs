//! What the SDK does with the host's interfaces, shown by an app that uses all of it.

use std::fs;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Answer, Sent, call, request, send};
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::{CALLER, OWNER, Site};

fn toolbox() -> (Site, Host) {
    let site = Site::new();
    let host = Host::start(&site, &guest("toolbox"), &["--name", "app"]);
    (site, host)
}

fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

#[test]
fn a_handler_is_told_all_of_its_request() {
    let (_site, host) = toolbox();
    let id = Uuid::new_v4();
    let mut sent = request(id, CALLER, "told?name=Ada+L&a=%C3%A9&name=2#end", None);
    sent["method"] = json!("PATCH");
    sent["headers"] = json!({"X-Color": "red"});
    let folder = host.rpc.join("told");
    let known = Sent::write(&folder.join(CALLER), id, sent.to_string().as_bytes());
    let mut told = json_of(&known.answer());
    assert!(told["expires_in_ms"].take().as_u64().unwrap() > 1_000_000);
    let time_left = told["time_left_ms"].take().as_u64().unwrap();
    assert!((1..=10_000).contains(&time_left), "{time_left}");
    let expected = json!({
        "sender": CALLER,
        "proven": CALLER,
        "method": "PATCH",
        "query": [["name", "Ada L"], ["a", "é"], ["name", "2"]],
        "name": "Ada L",
        "header": "red",
        "expires_in_ms": null,
        "time_left_ms": null,
        "app_data": format!("/datasites/{OWNER}/app_data/app"),
    });
    assert_eq!(told, expected);

    let id = Uuid::new_v4();
    let sent = request(id, CALLER, "told", None);
    let claimed = Sent::write(&folder, id, sent.to_string().as_bytes());
    let told = json_of(&claimed.answer());
    assert_eq!(
        (&told["sender"], &told["proven"]),
        (&json!(CALLER), &Value::Null)
    );
}

#[test]
fn state_does_what_the_sdk_says() {
    let (_site, host) = toolbox();
    for n_calls in 1..=2_i64 {
        let found = json_of(&call(&host.rpc, "state", ""));
        let expected = json!({
            "before": null,
            "got": {"n": 1},
            "bytes": r#"{"n":1}"#,
            "incremented": [5 - 2 * (n_calls - 1), -2 * n_calls],
            "updated": vec![1; usize::try_from(n_calls).unwrap()],
            "many": ["two", null, "one"],
            "raw": [0, 255],
            "keys": ["m/2", "m/3"],
            "exists": [false, true],
            "misfit": "the value of `list` in the state does not fit",
            "refused": [true, true, true],
        });
        assert_eq!(found, expected);
    }
}

/// More than one page of the host's.
#[test]
fn state_lists_all_keys_of_many() {
    let (_site, host) = toolbox();
    let found = json_of(&call(&host.rpc, "paged", r#"{"n": 5000}"#));
    assert_eq!(found, 5000);
}

#[test]
fn one_of_many_swaps() {
    let (_site, host) = toolbox();
    let swap = |from: Option<&str>, to: String| {
        let body = json!({"from": from, "to": to}).to_string();
        send(&host.rpc, "swap", Some(body.as_bytes()))
    };
    let first: Vec<Sent> = (0..20).map(|n| swap(None, n.to_string())).collect();
    let n_swapped = first.iter().filter(|sent| json_of(&sent.answer()) == true);
    assert_eq!(n_swapped.count(), 1);
    let other = swap(Some("nobody"), "x".to_owned());
    assert_eq!(json_of(&other.answer()), false);
}

/// A status is an answer, and what was written before it is kept; a failure keeps
/// nothing.
#[test]
fn errors_of_the_authors_own_have_their_statuses() {
    let (_site, host) = toolbox();
    let book = |row: u32| {
        let answer = call(&host.rpc, "book", &json!({"row": row}).to_string());
        (answer.status(), answer.text())
    };
    assert_eq!(book(1), (200, "1".to_owned()));
    assert_eq!(book(0), (409, "sold out".to_owned()));
    assert_eq!(book(10), (404, "no row 10".to_owned()));
    let (status, text) = book(100);
    assert!(status == 500 && !text.contains("broken"), "{text}");
    assert_eq!(book(2), (200, "4".to_owned()));
    host.wait_for_log("the failure", |line| {
        line.to_string().contains("the booking machine is broken")
    });
}

#[test]
fn errors_have_any_status_that_clients_know() {
    let (_site, host) = toolbox();
    for (status, expected) in [
        (201, 201),
        (402, 402),
        (418, 418),
        (419, 419),
        (451, 451),
        (499, 499),
        (503, 503),
        (299, 200),
        (444, 400),
        (520, 500),
        (7, 500),
    ] {
        let answer = call(&host.rpc, "answer", &json!({"status": status}).to_string());
        let expected = (expected, format!("as {status}"));
        assert_eq!((answer.status(), answer.text()), expected);
    }
}

#[test]
fn lines_of_log_and_tracing_reach_the_log_with_their_app_and_request() {
    let site = Site::new();
    let options = ["--name", "app", "--log", "guest=trace"];
    let host = Host::start(&site, &guest("toolbox"), &options);
    let sent = send(&host.rpc, "lines", Some(br#"{"what": "something"}"#));
    assert_eq!(sent.answer().status(), 200);
    let id = sent.path.file_stem().unwrap().to_str().unwrap().to_owned();
    host.wait_for_log("the last line", |line| line.to_string().contains("inside"));
    let lines: Vec<_> = host
        .log()
        .into_iter()
        .filter(|line| line["request"] == *id && line["stream"] == "log")
        .map(|line| {
            assert_eq!(line["app"], "app");
            let field = |name: &str| line[name].as_str().unwrap().to_owned();
            (field("level"), field("message"))
        })
        .collect();
    let expected = [
        ("ERROR", "toolbox::lines: log something"),
        ("WARN", "elsewhere: log something"),
        ("INFO", "toolbox::lines: log something"),
        ("DEBUG", "toolbox::lines: log something"),
        ("INFO", "toolbox::lines: an event what=\"something\" n=3"),
        ("WARN", "toolbox::lines: inside"),
    ];
    let expected = expected.map(|(level, text)| (level.to_owned(), text.to_owned()));
    assert_eq!(lines, expected);
}

#[test]
fn the_published_schema_tells_of_types() {
    let (_site, host) = toolbox();
    let schema = fs::read_to_string(host.rpc.join("rpc.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let typed = &schema["/typed"];
    assert_eq!(typed["description"], "Takes types that have schemas.");
    let arguments = &typed["args"];
    let seat = &arguments["seat"];
    assert_eq!(seat["required"], true);
    assert_eq!(seat["type"]["type"], "model");
    assert_eq!(seat["type"]["name"], "Seat");
    let fields = &seat["type"]["schema"]["properties"];
    assert_eq!(fields["row"]["description"], "Counted from the front.");
    assert_eq!(fields["window"]["default"], false);
    assert_eq!(seat["schema"], seat["type"]["schema"]);
    assert_eq!(arguments["seats"]["type"]["items"]["name"], "Seat");
    assert_eq!(typed["returns"]["items"]["name"], "Seat");
    let note = json!({"type": "str", "required": false, "schema": {"type": ["string", "null"]}});
    assert_eq!(arguments["note"], note);
    let class = json!({"type": "string", "default": "economy"});
    assert_eq!(arguments["class"]["schema"], class);
    assert_eq!(arguments["delta"]["schema"]["default"], -1);
    let plain = json!({
        "description": "Takes a type that has none.",
        "args": {"plain": {"type": "any", "required": true}},
        "returns": "any",
    });
    assert_eq!(schema["/plain"], plain);
}
