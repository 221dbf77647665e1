//! Workers that say what no honest one says: the host of the owner judges it as a guest's, or
//! believes nothing more.

use std::sync::Arc;

use serde_json::Value;
use syft_manifest::Limits;
use syft_runtime::sandbox::Outcome;
use syft_runtime::wire::{
    Ask, CallEnd, CallTaken, HostCall, HostReply, HttpBegin, HttpChunk, HttpFailure, LogLevel,
    LogLine, LogStream, OutcomeEnd, StateError, StateWrite, WireAnswer, WireMessage,
    WireMessageError, WireMethod,
};
use tokio::sync::mpsc;

use super::site::{Given, Twin, answered, is_kept, logged, request};
use crate::support::web::WebServer;

fn limits() -> Limits {
    Limits {
        state_bytes: 100_000,
        state_call_bytes: 50_000,
        state_value_bytes: 10_000,
        output_bytes: 10_000,
        hostcall_bytes: 1 << 20,
        ..Limits::default()
    }
}

fn twin() -> Twin {
    let manifest = "[http]\nallow = ['http://127.0.0.1:1']\n[messages]\n\
                    send = ['bob@example.org/app_data/x/rpc/**']";
    Twin::with(
        "stateful",
        manifest,
        &[("PASSWORD", "s3cret-word")],
        limits(),
    )
}

/// Asks the host of the owner, one after another, and returns what it says, and whether it has
/// had enough.
fn told(twin: &Twin, calls: Vec<HostCall>) -> (Vec<HostReply>, Option<String>) {
    twin.runtime.block_on(async {
        let run = |state| async {
            let given = request("/get", &Value::Null);
            let (_, owner) = twin.prepared(&given, state).await.begin();
            let mut replies = Vec::new();
            for call in calls.clone() {
                replies.push(owner.host_call(call).await);
            }
            let broken = owner.broken().map(|broken| broken.to_string());
            let (_, state) = owner.time_out().await;
            ((replies, broken), state)
        };
        twin.there
            .transact(&twin.app.limits, run, |_| false)
            .await
            .unwrap()
    })
}

/// Ends a call so, and returns what the host makes of that.
fn ended(twin: &Twin, given: &Given, end: CallEnd) -> Result<Outcome, String> {
    twin.runtime.block_on(async {
        let run = |state| async {
            let (_, owner) = twin.prepared(given, state).await.begin();
            match owner.end(end.clone()).await {
                Ok((outcome, state)) => (Ok(outcome), state),
                Err((broken, prepared)) => {
                    let (_, state) = prepared.begin().1.time_out().await;
                    (Err(broken.to_string()), state)
                }
            }
        };
        let kept = |ended: &Result<Outcome, String>| ended.as_ref().is_ok_and(is_kept);
        twin.there
            .transact(&twin.app.limits, run, kept)
            .await
            .unwrap()
    })
}

fn ask(ask: Ask) -> HostCall {
    HostCall {
        lines: Vec::new(),
        ask,
    }
}

fn said(stream: LogStream, level: LogLevel, text: &[u8]) -> HostCall {
    let line = LogLine::Said {
        level,
        stream,
        text: text.to_vec(),
    };
    HostCall {
        lines: vec![line],
        ask: Ask::Nothing,
    }
}

fn begin(exchange: u32, url: &str) -> HttpBegin {
    HttpBegin {
        exchange,
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        has_body: true,
        body_bytes: None,
        timeouts: [None; 3],
    }
}

fn answer() -> WireAnswer {
    WireAnswer {
        status: 200,
        headers: Vec::new(),
        body: None,
    }
}

fn end(outcome: OutcomeEnd) -> CallEnd {
    CallEnd {
        outcome,
        writes: Vec::new(),
        files: Vec::new(),
        lines: Vec::new(),
        taken: CallTaken::default(),
    }
}

fn write(key: &str, bytes: usize) -> StateWrite {
    StateWrite {
        key: key.to_owned(),
        value: Some(vec![b'x'; bytes]),
    }
}

#[test]
fn what_a_guest_may_not_is_refused() {
    let twin = twin();
    let long = "k".repeat(limits().state_key_bytes + 1);
    let message = WireMessage {
        url: "syft://eve@example.org/app_data/x/rpc/a".to_owned(),
        method: WireMethod::Post,
        headers: Vec::new(),
        body: None,
        timeout: 1_000_000,
        encrypt: false,
        reply_to: None,
    };
    let calls = vec![
        ask(Ask::StateGet { key: long.clone() }),
        ask(Ask::StateSize { key: long }),
        ask(Ask::Send(message)),
        ask(Ask::HttpBegin(begin(1, "http://elsewhere.example/"))),
        // It is not there any more.
        ask(Ask::HttpSend {
            exchange: 1,
            chunk: HttpChunk::End,
        }),
        ask(Ask::HttpReceive { exchange: 9 }),
        ask(Ask::HttpEnd { exchange: 9 }),
    ];
    let ((replies, broken), lines) = logged(|| told(&twin, calls));
    assert_eq!(broken, None);
    assert_eq!(replies[0], HostReply::Value(Err(StateError::Key)));
    assert_eq!(replies[1], HostReply::Size(Err(StateError::Key)));
    let refused = &replies[2];
    assert!(
        matches!(
            refused,
            HostReply::Sent(Err(WireMessageError::NotGranted(_)))
        ),
        "{refused:?}"
    );
    assert_eq!(replies[3], HostReply::HttpHead(Err(HttpFailure::Denied)));
    assert_eq!(replies[4], HostReply::HttpTaken(false));
    assert_eq!(replies[5], HostReply::HttpChunk(Ok(HttpChunk::End)));
    assert_eq!(replies[6], HostReply::Done);
    // The owner is told as of a guest that is here.
    for refused in ["message refused", "HTTP request refused"] {
        assert!(lines.iter().any(|line| line.contains(refused)), "{lines:?}");
    }
}

#[test]
fn what_no_guest_can_ends_all_belief() {
    let server = WebServer::start();
    let allowed = "http://127.0.0.1:1/";
    let header = |name: &str, value: &str| HttpBegin {
        headers: vec![(name.to_owned(), value.as_bytes().to_vec().into())],
        ..begin(1, allowed)
    };
    let silent = format!("{}/silent", server.origin());
    let chunk = |bytes: usize| Ask::HttpSend {
        exchange: 1,
        chunk: HttpChunk::Data(vec![b'x'; bytes]),
    };
    for (rule, calls) in [
        (
            "a URL is none",
            vec![Ask::HttpBegin(begin(1, "http://a b/"))],
        ),
        ("a URL is not whole", vec![Ask::HttpBegin(begin(1, "/x"))]),
        (
            "a method is none",
            vec![Ask::HttpBegin(HttpBegin {
                method: "GET /x HTTP/1.1\r\n".to_owned(),
                ..begin(1, allowed)
            })],
        ),
        (
            "a header is none",
            vec![Ask::HttpBegin(header("x", "a\r\nb: c"))],
        ),
        (
            "no guest can set",
            vec![Ask::HttpBegin(header("Host", "elsewhere.example"))],
        ),
        (
            "no guest can set",
            vec![Ask::HttpBegin(header("transfer-encoding", "chunked"))],
        ),
        (
            "another length",
            vec![Ask::HttpBegin(header("content-length", "+5"))],
        ),
        (
            "another length",
            vec![Ask::HttpBegin(HttpBegin {
                has_body: false,
                ..header("content-length", "5")
            })],
        ),
        (
            "too large",
            vec![Ask::HttpBegin(header("x", &"v".repeat(70_000)))],
        ),
    ] {
        let (replies, broken) = told(&twin(), calls.into_iter().map(ask).collect());
        let broken = broken.unwrap_or_default();
        assert!(broken.contains(rule), "{rule}: {broken} {replies:?}");
        assert!(
            matches!(replies.last(), Some(HostReply::Over(_))),
            "{replies:?}"
        );
    }
    // Of requests that are on their way.
    let manifest = format!(
        "[http]\nallow = ['{}']\nmethods = ['POST']",
        server.origin()
    );
    let twin = Twin::with("stateful", &manifest, &[], limits());
    for (rule, then) in [
        (
            "two requests have one name",
            vec![Ask::HttpBegin(begin(1, &silent))],
        ),
        ("did not begin", vec![Ask::HttpReceive { exchange: 1 }]),
        ("a part of a body is too large", vec![chunk(70_000)]),
        (
            "after the end of a body",
            vec![
                Ask::HttpSend {
                    exchange: 1,
                    chunk: HttpChunk::End,
                },
                chunk(1),
            ],
        ),
    ] {
        let broken = twin.runtime.block_on(async {
            let run = |state| async {
                let given = request("/get", &Value::Null);
                let (_, owner) = twin.prepared(&given, state).await.begin();
                // It goes on beside the others.
                let waiting = tokio::spawn(owner.host_call(ask(Ask::HttpBegin(begin(1, &silent)))));
                let mut replied = HostReply::Done;
                for then in then.clone() {
                    replied = owner.host_call(ask(then)).await;
                }
                assert!(matches!(replied, HostReply::Over(_)), "{replied:?}");
                let broken = owner.broken().map(|broken| broken.to_string());
                let (_, state) = owner.time_out().await;
                assert!(matches!(waiting.await.unwrap(), HostReply::Over(_)));
                (broken.unwrap_or_default(), state)
            };
            twin.there
                .transact(&twin.app.limits, run, |_| false)
                .await
                .unwrap()
        });
        assert!(broken.contains(rule), "{rule}: {broken}");
    }
}

#[test]
fn a_worker_that_talks_without_end_is_not_heard() {
    let line = vec![b'x'; 1_000];
    let calls: Vec<HostCall> = (0..11)
        .map(|_| said(LogStream::Stdout, LogLevel::Info, &line))
        .collect();
    let ((replies, broken), lines) = logged(|| told(&twin(), calls));
    assert_eq!(replies[9], HostReply::Done);
    assert!(
        matches!(&replies[10], HostReply::Over(why) if why.contains("output")),
        "{replies:?}"
    );
    assert!(broken.is_some());
    assert_eq!(lines.len(), 10, "{lines:?}");
    // Nothing of the owner's is shown, and nothing that moves the cursor.
    let twin = Twin::with(
        "web",
        "[secrets.PASSWORD]",
        &[("PASSWORD", "s3cret-word")],
        limits(),
    );
    let calls = vec![said(
        LogStream::Log,
        LogLevel::Error,
        b"s3cret-word\n\x1b[2J",
    )];
    let (_, lines) = logged(|| told(&twin, calls));
    assert!(lines[0].contains("[secret PASSWORD]"), "{lines:?}");
    assert!(!lines[0].contains(['\u{1b}', '\n']), "{lines:?}");
}

#[test]
fn more_at_one_time_than_a_guest_can_ask_is_refused() {
    let twin = twin();
    // Nobody answers, so all of them wait.
    let (courier, _asked) = mpsc::channel(1_000);
    twin.app.access.messages.connect(courier);
    let broken = twin.runtime.block_on(async {
        let run = |state| async {
            let given = request("/get", &Value::Null);
            let (_, owner) = twin.prepared(&given, state).await.begin();
            let owner = Arc::new(owner);
            let id = "5f0d1f6e-0000-4000-8000-000000000001".to_owned();
            let receive = || {
                ask(Ask::Receive {
                    ids: vec![id.clone()],
                    all: true,
                    timeout: u64::MAX,
                })
            };
            let waiting: Vec<_> = (0..64).map(|_| owner.host_call(receive())).collect();
            assert_eq!(owner.broken(), None);
            drop(owner.host_call(receive()));
            let broken = owner.broken().unwrap().to_string();
            drop(waiting);
            let (_, state) = Arc::into_inner(owner).unwrap().time_out().await;
            (broken, state)
        };
        twin.there
            .transact(&twin.app.limits, run, |_| false)
            .await
            .unwrap()
    });
    assert!(broken.contains("65 things at one time"), "{broken}");
}

#[test]
fn an_end_is_judged_as_a_guest_would_be() {
    let twin = twin();
    let get = request("/get", &Value::Null);
    let well = || OutcomeEnd::Answered(answer());
    let with_writes = |outcome, writes| CallEnd {
        writes,
        ..end(outcome)
    };
    let many = |n: usize, bytes| (0..n).map(|n| write(&format!("{n}"), bytes)).collect();
    for (rule, refused) in [
        (
            "a write is refused: a key",
            with_writes(well(), vec![write(&"k".repeat(2_000), 1)]),
        ),
        (
            "a write is refused: a value",
            with_writes(well(), vec![write("a", 10_001)]),
        ),
        (
            "a call reads and writes",
            with_writes(well(), many(6, 9_000)),
        ),
        (
            "did not end well changed",
            with_writes(OutcomeEnd::TimedOut, vec![write("a", 1)]),
        ),
        ("as none of its kind", end(OutcomeEnd::Taken)),
    ] {
        let ended = ended(&twin, &get, refused);
        let why = ended.expect_err(rule);
        assert!(why.contains(rule), "{rule}: {why}");
    }
    // What it may, it may; beyond what the app keeps in all it may not.
    for n in 0..2 {
        let writes = many(4, 10_000);
        let writes = writes.into_iter().map(|write: StateWrite| StateWrite {
            key: format!("{n} {}", write.key),
            ..write
        });
        let ended = ended(&twin, &get, with_writes(well(), writes.collect()));
        assert!(ended.is_ok(), "{ended:?}");
    }
    let writes = vec![write("more", 10_000), write("and more", 10_000)];
    let why = ended(&twin, &get, with_writes(well(), writes)).expect_err("the quota");
    assert!(why.contains("the state of an app has at most"), "{why}");
    let kept = answered(
        &twin
            .runtime
            .block_on(twin.run_there(&request("/keys", &Value::Null))),
    );
    assert_eq!(kept.as_array().unwrap().len(), 8, "{kept}");
}

#[test]
fn an_outcome_has_the_limits_of_the_owner_and_none_of_the_secrets() {
    let twin = Twin::with(
        "web",
        "[secrets.PASSWORD]",
        &[("PASSWORD", "s3cret-word")],
        limits(),
    );
    let get = request("/variables", &Value::Null);
    let huge = OutcomeEnd::Answered(WireAnswer {
        body: Some(vec![0; (1 << 20) + 1]),
        ..answer()
    });
    let refused = ended(&twin, &get, end(huge));
    assert_eq!(refused, Ok(Outcome::TooMuchData(1 << 20)));
    let late = ended(&twin, &get, end(OutcomeEnd::TimedOut));
    assert_eq!(late, Ok(Outcome::TimedOut(limits().time)));
    for outcome in [
        OutcomeEnd::Trapped("s3cret-word".to_owned()),
        OutcomeEnd::InvalidArguments("s3cret-word".to_owned()),
        OutcomeEnd::Failed {
            kind: "s3cret-word".to_owned(),
            message: "s3cret-word".to_owned(),
            handler: "s3cret-word".to_owned(),
            wanted: Some(u64::MAX),
        },
    ] {
        let shown = format!("{:?}", ended(&twin, &get, end(outcome)));
        assert!(
            shown.contains("[secret PASSWORD]") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
}

#[test]
fn after_the_end_nothing_is_answered() {
    let twin = twin();
    twin.runtime.block_on(async {
        let run = |state| async {
            let given = request("/get", &Value::Null);
            let (_, owner) = twin.prepared(&given, state).await.begin();
            let key = "a".to_owned();
            let before = owner.host_call(ask(Ask::StateGet { key }));
            let (_, state) = owner
                .end(end(OutcomeEnd::Answered(answer())))
                .await
                .unwrap();
            // It was begun, and comes to nothing.
            let replied = before.await;
            assert!(matches!(replied, HostReply::Over(_)), "{replied:?}");
            ((), state)
        };
        twin.there
            .transact(&twin.app.limits, run, |()| false)
            .await
            .unwrap();
    });
}
