//! What hosts and workers write: as it was, and bounded before it is read.

mod files;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde::Serialize;
use serde::de::DeserializeOwned;
use syft_manifest::{Digest, Limits};
use syft_runtime::wire::{
    Ask, CallEnd, CallTaken, HandedCall, HostCall, HostReply, HttpBegin, HttpChunk, HttpFailure,
    HttpHead, LogLevel, LogLine, LogStream, Malformed, OutcomeEnd, StateError, StateRefusal,
    StateSeen, StateWrite, Variable, WireAnswer, WireDue, WireEvent, WireEventKind, WireMessage,
    WireMessageError, WireMessageOutcome, WireMethod, WireProof, WireReply, WireReplyTo,
    WireRequest, Work, decode, encode,
};

use crate::support::blessed;
use crate::support::guests::repository;

const MOST: usize = 1 << 20;

/// A message with its name, and what becomes of it when it is read and written again.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    again: fn(&[u8]) -> Result<Vec<u8>, Malformed>,
}

fn case<T: Serialize + DeserializeOwned>(name: &'static str, message: &T) -> Case {
    Case {
        name,
        bytes: encode(message),
        again: |bytes| decode::<T>(bytes, MOST).map(|message| encode(&message)),
    }
}

fn call(work: Work) -> HandedCall {
    HandedCall {
        app: "pingpong".to_owned(),
        datasite: "alice@example.org".to_owned(),
        work,
        component: Digest::of(b"a component"),
        limits: (&Limits::default()).into(),
        time_left: 10_000_000,
        idempotency_key: "5f0d1f6e-0000-4000-8000-000000000001".to_owned(),
        args: vec!["pingpong".to_owned(), "--fast".to_owned()],
        variables: vec![Variable {
            name: "PASSWORD".to_owned(),
            value: "s3cret".to_owned(),
            is_secret: true,
        }],
        files: files::handed(),
        has_state: true,
        collects_spans: false,
    }
}

fn answer() -> WireAnswer {
    WireAnswer {
        status: 200,
        headers: vec![("Content-Type".to_owned(), "text/plain".to_owned())],
        body: Some(b"pong".to_vec()),
    }
}

fn handed() -> Vec<Case> {
    let request = WireRequest {
        id: "5f0d1f6e-0000-4000-8000-000000000001".to_owned(),
        endpoint: "/ping".to_owned(),
        sender: "bob@example.org".to_owned(),
        sender_proof: WireProof::Folder,
        url: "syft://alice@example.org/app_data/pingpong/rpc/ping".to_owned(),
        method: WireMethod::Post,
        headers: vec![("X-A".to_owned(), "1".to_owned())],
        body: Some(b"{}".to_vec()),
        created: 1_700_000_000_000_000,
        expires: 1_700_000_060_000_000,
    };
    let event = WireEvent {
        id: "e".to_owned(),
        watch: 1,
        kind: WireEventKind::Moved,
        path: "bob@example.org/public/b.txt".to_owned(),
        moved_from: Some("bob@example.org/public/a.txt".to_owned()),
        attempt: 1,
    };
    let reply = WireReply {
        message_id: "m".to_owned(),
        url: "syft://bob@example.org/app_data/pingpong/rpc/ping".to_owned(),
        handler: "replied".to_owned(),
        context: Some(b"c".to_vec()),
        outcome: WireMessageOutcome::Answered(answer()),
        attempt: 2,
    };
    let due = WireDue {
        id: "d".to_owned(),
        schedule: "tick".to_owned(),
        due: 1_700_000_000_000_000,
        attempt: 1,
    };
    vec![
        case("handed_request", &call(Work::Request(request))),
        case("handed_event", &call(Work::Event(event))),
        case("handed_reply", &call(Work::Reply(reply))),
        case("handed_due", &call(Work::Due(due))),
    ]
}

fn asked() -> Vec<Case> {
    let ask = |name, ask| {
        let lines = Vec::new();
        case(name, &HostCall { lines, ask })
    };
    let said = LogLine::Said {
        level: LogLevel::Info,
        stream: LogStream::Stdout,
        text: b"hello".to_vec(),
    };
    let lines = vec![said, LogLine::StateRefused(StateRefusal::Quota { more: 7 })];
    let message = WireMessage {
        url: "syft://bob@example.org/app_data/pingpong/rpc/ping".to_owned(),
        method: WireMethod::Get,
        headers: Vec::new(),
        body: None,
        timeout: 1_000_000,
        encrypt: true,
        reply_to: Some(WireReplyTo {
            handler: "replied".to_owned(),
            context: None,
        }),
    };
    let begin = HttpBegin {
        exchange: 3,
        method: "GET".to_owned(),
        url: "https://example.org/".to_owned(),
        headers: vec![("accept".to_owned(), b"*/*".to_vec().into())],
        has_body: true,
        body_bytes: Some(4),
        timeouts: [None, Some(1), None],
    };
    let key = || "k".to_owned();
    vec![
        case(
            "ask_nothing",
            &HostCall {
                lines,
                ask: Ask::Nothing,
            },
        ),
        ask("ask_state_get", Ask::StateGet { key: key() }),
        ask("ask_state_size", Ask::StateSize { key: key() }),
        ask(
            "ask_state_list",
            Ask::StateList {
                cursor: Some(key()),
            },
        ),
        ask("ask_send", Ask::Send(message)),
        ask(
            "ask_receive",
            Ask::Receive {
                ids: vec!["m".to_owned()],
                all: true,
                timeout: 5,
            },
        ),
        ask("ask_http_begin", Ask::HttpBegin(begin)),
        ask(
            "ask_http_send",
            Ask::HttpSend {
                exchange: 3,
                chunk: HttpChunk::Data(b"data".to_vec()),
            },
        ),
        ask("ask_http_receive", Ask::HttpReceive { exchange: 3 }),
        ask("ask_http_end", Ask::HttpEnd { exchange: 3 }),
    ]
}

fn replied() -> Vec<Case> {
    let head = HttpHead {
        status: 200,
        headers: vec![("x".to_owned(), b"y".to_vec().into())],
        body_bytes: None,
    };
    fn seen<T>(seen: T) -> Result<StateSeen<T>, StateError> {
        let used_bytes = 300;
        Ok(StateSeen { seen, used_bytes })
    }
    let value = Some(b"value".to_vec().into());
    vec![
        case("reply_done", &HostReply::Done),
        case("reply_value", &HostReply::Value(seen(value))),
        case("reply_no_value", &HostReply::Value(Err(StateError::Call))),
        case("reply_size", &HostReply::Size(seen(Some(5)))),
        case("reply_keys", &HostReply::Keys(seen(vec!["k".to_owned()]))),
        case("reply_sent", &HostReply::Sent(Ok("m".to_owned()))),
        case(
            "reply_not_sent",
            &HostReply::Sent(Err(WireMessageError::TooMany("why".to_owned()))),
        ),
        case(
            "reply_received",
            &HostReply::Received(Ok(vec![None, Some(WireMessageOutcome::Expired)])),
        ),
        case("reply_http_head", &HostReply::HttpHead(Ok(head))),
        case(
            "reply_http_failure",
            &HostReply::HttpHead(Err(HttpFailure::ResponseBody(Some(9)))),
        ),
        case("reply_http_taken", &HostReply::HttpTaken(true)),
        case(
            "reply_http_chunk",
            &HostReply::HttpChunk(Ok(HttpChunk::End)),
        ),
        case("reply_exhausted", &HostReply::Exhausted),
        case("reply_over", &HostReply::Over("why".to_owned())),
    ]
}

fn ended() -> Vec<Case> {
    let end = |name, outcome| {
        let writes = vec![
            StateWrite {
                key: "k".to_owned(),
                value: Some(b"v".to_vec()),
            },
            StateWrite {
                key: "gone".to_owned(),
                value: None,
            },
        ];
        case(
            name,
            &CallEnd {
                outcome,
                writes,
                files: files::effects(),
                lines: Vec::new(),
                taken: CallTaken {
                    memory_bytes: 1 << 20,
                    micros: 2_000,
                },
            },
        )
    };
    let failed = OutcomeEnd::Failed {
        kind: "ValueError".to_owned(),
        message: "bad".to_owned(),
        handler: "ping".to_owned(),
        wanted: None,
    };
    vec![
        end("end_answered", OutcomeEnd::Answered(answer())),
        end("end_taken", OutcomeEnd::Taken),
        end("end_failed", failed),
        end("end_out_of_memory", OutcomeEnd::OutOfMemory { wanted: 9 }),
        end("end_trapped", OutcomeEnd::Trapped("why".to_owned())),
    ]
}

fn cases() -> Vec<Case> {
    let all = [
        handed(),
        asked(),
        replied(),
        ended(),
        files::asked(),
        files::replied(),
    ];
    all.into_iter().flatten().collect()
}

#[test]
fn messages_are_written_as_they_were() {
    let folder = repository().join("tests/cases/wire");
    for case in cases() {
        let mut hex = String::new();
        for line in case.bytes.chunks(32) {
            for byte in line {
                write!(hex, "{byte:02x}").unwrap();
            }
            hex.push('\n');
        }
        blessed(&folder.join(case.name).with_extension("hex"), &hex);
        let again = (case.again)(&case.bytes);
        assert_eq!(again.as_ref(), Ok(&case.bytes), "{}", case.name);
    }
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path().with_extension(""));
    let files: BTreeSet<String> = files
        .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let known = cases().iter().map(|case| case.name.to_owned()).collect();
    assert_eq!(files, known, "a file without a case");
}

#[test]
fn what_is_cut_or_goes_on_is_none() {
    for case in cases() {
        for n_bytes in 0..case.bytes.len() {
            let cut = (case.again)(&case.bytes[..n_bytes]);
            assert!(cut.is_err(), "{} of {n_bytes} bytes", case.name);
        }
        let longer = [&case.bytes[..], &[0]].concat();
        let longer = (case.again)(&longer);
        assert!(longer.is_err(), "{}", case.name);
    }
}

#[test]
fn lengths_that_are_lies_take_no_memory() {
    let large = vec![0; MOST + 1];
    let read = decode::<HostReply>(&large, MOST);
    assert!(matches!(read, Err(Malformed::TooLarge { .. })), "{read:?}");
    // A list of 2^60 lines, and one of more than there may be, all of which are there.
    let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(decode::<HostCall>(&endless, MOST).is_err());
    let line = LogLine::StateRefused(StateRefusal::Value);
    let call = |n_lines| HostCall {
        lines: vec![line.clone(); n_lines],
        ask: Ask::Nothing,
    };
    assert!(decode::<HostCall>(&encode(&call(4_096)), MOST).is_ok());
    let refused = decode::<HostCall>(&encode(&call(4_097)), MOST);
    assert!(
        matches!(refused, Err(Malformed::Unreadable(_))),
        "{refused:?}"
    );
}

#[test]
fn no_secret_is_shown_by_who_shows_a_call() {
    let due = WireDue {
        id: "d".to_owned(),
        schedule: "tick".to_owned(),
        due: 0,
        attempt: 1,
    };
    let shown = format!("{:?}", call(Work::Due(due)));
    assert!(
        shown.contains("PASSWORD") && !shown.contains("s3cret"),
        "{shown}"
    );
}
