//! What a guest does on a worker is what it does here: what it answers, keeps and says.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use syft_manifest::Limits;
use syft_protocol::message::Headers;
use syft_protocol::outbox::{MessageAnswer, MessageOutcome};
use syft_protocol::status::Status;
use syft_runtime::capability::messages::{Receive, ReceiveError};
use syft_runtime::wit::{replies, schedules, types, watch};
use tokio::sync::mpsc;

use super::site::{Given, Twin, answered, request};
use crate::support::web::WebServer;

static SERVER: LazyLock<WebServer> = LazyLock::new(WebServer::start);

#[test]
fn state_is_kept_and_seen_as_here() {
    let limits = Limits {
        time: Duration::from_secs(3),
        state_bytes: 300_000,
        state_call_bytes: 200_000,
        state_value_bytes: 100_000,
        ..Limits::default()
    };
    let twin = Twin::with("stateful", "", &[], limits);
    for (endpoint, arguments) in [
        ("/get", json!({"key": "a"})),
        ("/set", json!({"key": "a", "value": "1"})),
        ("/get", json!({"key": "a"})),
        ("/count", Value::Null),
        ("/count", Value::Null),
        ("/increment", json!({"key": "n", "delta": 7})),
        ("/increment", json!({"key": "n", "delta": -9})),
        ("/increment", json!({"key": "a", "delta": i64::MAX})),
        ("/swap", json!({"key": "a", "value": "2"})),
        ("/swap", json!({"key": "a", "between": "3", "value": "4"})),
        ("/many", Value::Null),
        ("/keys", Value::Null),
        ("/delete", json!({"key": "x"})),
        ("/delete", json!({"key": "none"})),
        ("/keys", Value::Null),
        ("/open", json!({"name": "default"})),
        ("/open", json!({"name": "other"})),
        ("/long-key", json!({"n_bytes": 1_024})),
        ("/long-key", json!({"n_bytes": 1_025})),
        ("/set-and", json!({"value": "1", "end": "answer"})),
        ("/set-and", json!({"value": "2", "end": "status"})),
        ("/set-and", json!({"value": "3", "end": "fail"})),
        ("/set-and", json!({"value": "4", "end": "panic"})),
        ("/set-and", json!({"value": "5", "end": "loop"})),
        ("/get", json!({"key": "ended"})),
        // More than a value, than a call and than the app may have.
        ("/fill", json!({"n_values": 1, "n_bytes": 100_001})),
        ("/fill", json!({"n_values": 30, "n_bytes": 10_000})),
        ("/fill", json!({"n_values": 19, "n_bytes": 9_000})),
        ("/fill", json!({"n_values": 9, "n_bytes": 20_000})),
        ("/keys", Value::Null),
    ] {
        twin.asked(endpoint, &arguments);
    }
}

#[test]
fn more_keys_than_are_told_at_once_are_listed() {
    let twin = Twin::new("stateful");
    for n in [900, 2_500] {
        twin.asked("/fill", &json!({"n_values": n, "n_bytes": 1}));
    }
    let keys = answered(&twin.asked("/keys", &Value::Null));
    assert_eq!(keys.as_array().unwrap().len(), 2_500);
}

#[test]
fn what_a_guest_finds_and_says_is_the_same() {
    let twin = Twin::with(
        "probe",
        "[app]\nargs = ['--fast']\nenv = { MODE = 'test' }",
        &[],
        Limits::default(),
    );
    for (endpoint, arguments) in [
        ("/whoami", Value::Null),
        ("/env", Value::Null),
        ("/files", Value::Null),
        ("/calls", Value::Null),
        ("/connect", json!({})),
        ("/log", json!({"line": "two\nlines \u{1b}[31m"})),
        ("/log", json!({"line": "x".repeat(10_000)})),
        ("/sleep-loudly", json!({"ms": 1})),
        ("/fail", json!({})),
        ("/refuse", json!({})),
        ("/text", json!({"wrong": 1})),
    ] {
        twin.asked(endpoint, &arguments);
    }
}

#[test]
fn what_ends_a_guest_ends_it_there() {
    let limits = Limits {
        time: Duration::from_secs(2),
        memory_bytes: 16 << 20,
        output_bytes: 1 << 20,
        hostcall_bytes: 4 << 20,
        ..Limits::default()
    };
    let twin = Twin::with("hostile", "", &[], limits);
    for (endpoint, arguments) in [
        ("/ok", Value::Null),
        ("/loop", Value::Null),
        ("/allocate", Value::Null),
        ("/panic", Value::Null),
        ("/thread", Value::Null),
        ("/print", Value::Null),
        ("/recurse", Value::Null),
        ("/exit", Value::Null),
        ("/says-nothing", Value::Null),
        ("/huge-response", json!({"n": 1 << 20})),
        ("/huge-response", json!({"n": 5 << 20})),
        ("/many-headers", json!({"n": 2_000})),
        ("/bad-status", json!({"code": 65_535})),
        ("/bad-header", Value::Null),
        ("/fails-at-length", json!({"n": 100_000})),
    ] {
        twin.asked(endpoint, &arguments);
    }
}

#[test]
fn secrets_are_where_they_belong_and_nowhere_else() {
    let origin = SERVER.origin();
    let manifest = format!(
        "[http]\nallow = ['{origin}']\nmethods = ['GET', 'POST']\n[secrets.PASSWORD]\n\
         [secrets.KEY]\nsend-to = '{origin}'\nheader = 'X-Api-Key'"
    );
    let secrets = [("PASSWORD", "s3cret-word"), ("KEY", "s3cret-key")];
    let twin = Twin::with("web", &manifest, &secrets, Limits::default());
    let found = answered(&twin.asked("/variables", &Value::Null));
    assert!(found.to_string().contains("s3cret-word"));
    assert!(!found.to_string().contains("s3cret-key"), "{found}");
    // The host of the owner adds it, and names stand for both in the log and in the failure.
    let echoed = answered(&twin.asked("/send", &json!({"url": format!("{origin}/echo")})));
    assert!(
        echoed.to_string().contains("x-api-key: s3cret-key"),
        "{echoed}"
    );
    let [_, (outcome, lines)] = twin.both(&request("/tell", &json!({"name": "PASSWORD"})));
    assert!(
        lines.iter().any(|line| line.contains("[secret PASSWORD]")),
        "{lines:?}"
    );
    assert!(
        !format!("{lines:?}{outcome:?}").contains("s3cret"),
        "{outcome:?}"
    );
    twin.asked("/tell", &json!({"name": "PASSWORD"}));
    // What a worker is given has the one, and not the other.
    let handed = twin.runtime.block_on(async {
        let run = |state| async {
            let prepared = twin
                .prepared(&request("/variables", &Value::Null), state)
                .await;
            let (handed, owner) = prepared.begin();
            let (_, state) = owner.time_out().await;
            (syft_runtime::wire::encode(&handed), state)
        };
        let limits = &twin.app.limits;
        twin.there.transact(limits, run, |_| false).await.unwrap()
    });
    let handed = String::from_utf8_lossy(&handed);
    assert!(handed.contains("s3cret-word") && !handed.contains("s3cret-key"));
}

#[test]
fn requests_by_http_go_as_from_here() {
    let origin = SERVER.origin();
    let limits = Limits {
        time: Duration::from_secs(8),
        http_sent_bytes: 1 << 20,
        http_received_bytes: 1 << 20,
        ..Limits::default()
    };
    let manifest = format!(
        "[http]\nallow = ['{origin}', 'http://no-such-host.invalid', 'http://127.0.0.1:1']\n\
         methods = ['GET', 'POST']"
    );
    let twin = Twin::with("web", &manifest, &[], limits);
    let to = |path: &str| format!("{origin}{path}");
    for path in [
        "/",
        "/json",
        "/missing",
        "/redirect?elsewhere",
        "/chunked",
        "/events",
        "/many-headers",
        "/endless-headers",
        "/endless-body",
        "/cut-off",
        "/gibberish",
    ] {
        twin.asked("/send", &json!({"url": to(path)}));
    }
    for arguments in [
        json!({"url": to("/echo"), "method": "POST", "body": "hello", "secret": "of the guest"}),
        json!({"url": to("/echo"), "method": "POST"}),
        json!({"url": to("/echo"), "method": "PUT", "body": "no"}),
        json!({"url": to("/silent"), "timeout_ms": 100}),
        json!({"url": to("/slow-body"), "timeout_ms": 100}),
        json!({"url": "http://elsewhere.example/x"}),
        json!({"url": "http://no-such-host.invalid/"}),
        json!({"url": "http://127.0.0.1:1/"}),
        json!({"url": "ftp://127.0.0.1:1/"}),
    ] {
        twin.asked("/send", &arguments);
    }
    let counted = answered(&twin.asked("/upload", &json!({"url": to("/count"), "bytes": 900_000})));
    assert_eq!(counted["body"], "900000");
    twin.asked("/upload", &json!({"url": to("/count"), "bytes": 2_000_000}));
    let authority = origin.strip_prefix("http://").unwrap();
    let held = json!({"authority": authority, "path": "/hold", "n": 16});
    let statuses = answered(&twin.asked("/many", &held));
    assert_eq!(statuses, json!(vec![200; 16]));
    twin.asked(
        "/many",
        &json!({"authority": authority, "path": "/json", "n": 40}),
    );
    twin.asked("/bodies", &json!({"n": 1_000}));
}

/// Answers what is asked of messages to `/pong`, and of no others.
async fn carry(mut asked: mpsc::Receiver<Receive>) {
    let mut known = Vec::new();
    while let Some(receive) = asked.recv().await {
        known.extend(receive.post);
        let answer = |id| {
            let message = known.iter().find(|message| message.id == id);
            let message = message.ok_or(ReceiveError::Unknown(id))?;
            let is_known = message.url.as_str().ends_with("/pong");
            Ok(is_known.then(|| {
                MessageOutcome::Answered(MessageAnswer {
                    status: Status::OK,
                    headers: Headers::from_iter([("X-A".to_owned(), "1".to_owned())]),
                    body: message.body.clone(),
                })
            }))
        };
        let answers = receive.ids.into_iter().map(answer).collect();
        receive.reply.send(answers).ok();
    }
}

#[test]
fn messages_go_as_from_here() {
    let bob = "syft://bob@example.org/app_data/x/rpc";
    let limits = Limits {
        messages: 5,
        message_bytes: 10_000,
        ..Limits::default()
    };
    let manifest = "[messages]\nsend = ['bob@example.org/app_data/x/rpc/**']";
    let twin = Twin::with("messenger", manifest, &[], limits);
    let asks = json!({"messages": [{"url": format!("{bob}/pong"), "body": "hello"}]});
    // Nobody carries them yet.
    twin.asked("/ask", &asks);
    let (courier, asked) = mpsc::channel(8);
    twin.app.access.messages.connect(courier);
    twin.runtime.spawn(carry(asked));
    let outcomes = answered(&twin.asked("/ask", &asks));
    assert_eq!(
        outcomes["outcomes"],
        json!([{"status": 200, "body": "hello"}])
    );
    for (endpoint, arguments) in [
        (
            "/ask",
            json!({"messages": [{"url": format!("{bob}/silent")}], "timeout": 1_000}),
        ),
        (
            "/ask",
            json!({"messages": [{"url": format!("{bob}/pong")}], "fail": true}),
        ),
        (
            "/send",
            json!({"messages": [{"url": format!("{bob}/pong"), "times": 7}]}),
        ),
        (
            "/send",
            json!({"messages": [{"url": "syft://eve@example.org/app_data/x/rpc/a"}]}),
        ),
        (
            "/send",
            json!({"messages": [{"url": "https://bob@example.org"}]}),
        ),
        (
            "/send",
            json!({"messages": [{"url": format!("{bob}/pong"), "bytes": 20_000}]}),
        ),
        (
            "/send",
            json!({"messages": [{"url": format!("{bob}/pong"), "handler": "replied", "context": "c"}]}),
        ),
        (
            "/send",
            json!({"messages": [{"url": format!("{bob}/pong")}], "fail": true}),
        ),
        ("/receive", json!({"ids": ["no id"]})),
        (
            "/receive",
            json!({"ids": ["5f0d1f6e-0000-4000-8000-000000000001"]}),
        ),
        ("/receive", json!({"ids": []})),
        ("/counts", Value::Null),
    ] {
        twin.asked(endpoint, &arguments);
    }
    // Messages that nobody waits for leave with what the call wrote.
    let sent = |store: &syft_runtime::state::Store| {
        let mut open = store.take_arrived().unwrap();
        open.sort_by_key(|message| message.id);
        open.into_iter()
            .map(|message| message.id)
            .collect::<Vec<_>>()
    };
    let (here, there) = (sent(&twin.here), sent(&twin.there));
    assert_eq!(here, there);
    assert!(!there.is_empty());
}

#[test]
fn replies_events_and_what_is_due_are_taken_there() {
    let messenger = Twin::new("messenger");
    for (context, attempt) in [("fail once", 1), ("fail once", 2), ("x", 1)] {
        messenger.same(&Given::Reply(replies::Reply {
            message_id: "5f0d1f6e-0000-4000-8000-000000000001".to_owned(),
            url: "syft://bob@example.org/app_data/x/rpc/pong".to_owned(),
            handler: "replied".to_owned(),
            context: Some(context.into()),
            outcome: types::Outcome::Answered(types::Response {
                status: 200,
                headers: Vec::new(),
                body: Some(b"\"pong\"".to_vec()),
            }),
            attempt,
        }));
    }
    let told = answered(&messenger.asked("/replies", &Value::Null));
    assert_eq!(told.as_array().unwrap().len(), 2, "{told}");
    let scheduler = Twin::new("scheduler");
    let due = |schedule: &str, due| {
        Given::Due(schedules::Due {
            id: format!("5f0d1f6e-0000-4000-8000-00000000000{due}"),
            schedule: schedule.to_owned(),
            due,
            attempt: 1,
        })
    };
    scheduler.same(&due("tick", 1));
    scheduler.same(&due("tick", 2));
    scheduler.asked("/fail", &json!({"schedule": "tock"}));
    scheduler.same(&due("tock", 3));
    scheduler.same(&due("unknown", 4));
    let ran = answered(&scheduler.asked("/ran", &Value::Null));
    assert_eq!(ran.as_object().unwrap().len(), 2, "{ran}");
    let watcher = Twin::new("watcher");
    for (path, kind) in [
        ("bob@example.org/public/a.txt", watch::EventKind::Created),
        ("bob@example.org/public/a.txt", watch::EventKind::Deleted),
    ] {
        watcher.same(&Given::Event(watch::Event {
            id: "5f0d1f6e-0000-4000-8000-000000000009".to_owned(),
            watch: 0,
            kind,
            path: path.to_owned(),
            moved_from: None,
            attempt: 1,
        }));
    }
    // It has no handler of that kind.
    scheduler.same(&Given::Event(watch::Event {
        id: "5f0d1f6e-0000-4000-8000-000000000009".to_owned(),
        watch: 0,
        kind: watch::EventKind::Moved,
        path: "x".to_owned(),
        moved_from: Some("y".to_owned()),
        attempt: 3,
    }));
}
