//! A worker as it should not be, written by hand: whatever it sends, nothing of it counts.

use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt;
use serde_bytes::ByteBuf;
use serde_json::json;
use syft_manifest::Digest;
use syft_runtime::wire::{
    Ask, CallEnd, CallTaken, HostCall, HostReply, OutcomeEnd, StateWrite, WireAnswer, decode,
    encode,
};
use syft_workers::frame::{Frame, FrameAnswer, Sent, VERSION};
use syft_workers::words::{Question, QuestionReply};

use super::ON_WORKERS_ALONE;
use super::by_hand::ByHand;
use super::fleet::{Fleet, Worker, app};
use crate::support::client::{call, send};
use crate::support::guests::guest;
use crate::support::site::Site;
use crate::support::{PATIENCE, wait_for};

/// Returns an end that answers and writes a value.
fn end(key: &str, value: &[u8]) -> ByteBuf {
    let end = CallEnd {
        outcome: OutcomeEnd::Answered(WireAnswer {
            status: 200,
            headers: Vec::new(),
            body: Some(b"1000".to_vec()),
        }),
        writes: vec![StateWrite {
            key: key.to_owned(),
            value: Some(value.to_vec()),
        }],
        files: Vec::new(),
        lines: Vec::new(),
        taken: CallTaken::default(),
    };
    ByteBuf::from(encode(&end))
}

fn is_refused(reply: &Result<QuestionReply, String>) -> bool {
    matches!(reply, Ok(QuestionReply::Refused(_)) | Err(_))
}

#[test]
fn a_worker_that_lies_gets_nowhere_and_another_runs_its_call() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one", "bad"]) else {
        return;
    };
    let component = Digest::of(&app(&fleet, "counts", &guest("stateful"), ""));
    let _host = fleet.serve(ON_WORKERS_ALONE);
    let mut bad = ByHand::worker(&fleet, "bad");
    let sent = send(&site.rpc("counts"), "count", Some(b"{}"));
    let claim = bad.take_call("bad", &component);
    let ask = |claim, number| Question::Ask {
        claim,
        number,
        call: ByteBuf::from(encode(&HostCall {
            lines: Vec::new(),
            ask: Ask::StateGet {
                key: "count".to_owned(),
            },
        })),
    };
    // What it may ask, and the same once more.
    let reply = bad.ask_as("bad", 500, &ask(claim, 0));
    assert!(
        matches!(reply, Ok(QuestionReply::Reply(HostReply::Value(Ok(_))))),
        "{reply:?}"
    );
    assert_eq!(
        bad.ask_as("bad", 500, &ask(claim, 0)),
        reply,
        "it is told the same"
    );
    // A claim that nobody has.
    let mut other = claim;
    other[0] ^= 1;
    assert!(is_refused(&bad.ask("bad", &ask(other, 1))));
    let guessed = Question::End {
        claim: other,
        end: end("count", b"999"),
    };
    assert!(is_refused(&bad.ask("bad", &guessed)));
    // An end that nobody can read, and ones that come after it.
    let nonsense = Question::End {
        claim,
        end: ByteBuf::from(vec![255; 4_000]),
    };
    assert!(is_refused(&bad.ask("bad", &nonsense)));
    let late = Question::End {
        claim,
        end: end("count", b"999"),
    };
    assert!(is_refused(&bad.ask("bad", &late)));
    assert!(is_refused(&bad.ask("bad", &ask(claim, 2))));
    assert!(sent.peek().is_none());
    let _honest = Worker::start(&fleet, "one", &[]);
    assert_eq!(sent.answer().text(), "1");
    assert!(is_refused(&bad.ask("bad", &late)), "it has ended");
    assert_eq!(call(&site.rpc("counts"), "count", "{}").text(), "2");
    assert!(fleet.workers()["refused"].as_u64().unwrap() >= 5);
}

#[test]
fn an_end_beyond_the_limits_of_the_call_is_refused() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one", "bad"]) else {
        return;
    };
    let component = Digest::of(&app(&fleet, "counts", &guest("stateful"), ""));
    let _host = fleet.serve(ON_WORKERS_ALONE);
    let mut bad = ByHand::worker(&fleet, "bad");
    let sent = send(&site.rpc("counts"), "count", Some(b"{}"));
    let claim = bad.take_call("bad", &component);
    let too_long = Question::End {
        claim,
        end: end(&"k".repeat(5_000), b"1"),
    };
    assert!(is_refused(&bad.ask("bad", &too_long)));
    let _honest = Worker::start(&fleet, "one", &[]);
    assert_eq!(sent.answer().text(), "1");
}

#[test]
fn what_waits_for_its_turn_is_bounded() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one", "bad"]) else {
        return;
    };
    let component = Digest::of(&app(&fleet, "counts", &guest("stateful"), ""));
    let _host = fleet.serve(ON_WORKERS_ALONE);
    let mut bad = ByHand::worker(&fleet, "bad");
    let sent = send(&site.rpc("counts"), "count", Some(b"{}"));
    let claim = bad.take_call("bad", &component);
    let (client, inbox) = (bad.client.clone(), bad.client.new_inbox());
    let mut answers = bad
        .runtime
        .block_on(client.subscribe(inbox.clone()))
        .unwrap();
    // The first one never comes, so all of these wait for it.
    let call = encode(&HostCall {
        lines: Vec::new(),
        ask: Ask::StateGet {
            key: "k".repeat(500_000),
        },
    });
    let flood = async {
        for number in 1..=400 {
            let question = Question::Ask {
                claim,
                number,
                call: ByteBuf::from(call.clone()),
            };
            let sent = Sent::Part {
                id: 1_000 + number,
                done_below: 0,
                done: Vec::new(),
                part: 0,
                of: 1,
                bytes: encode(&question),
            };
            let frame = Frame {
                version: VERSION,
                instance: 7,
                sent,
            };
            let bytes = encode(&frame).into();
            let published = client.publish_with_reply("syft.host.bad", inbox.clone(), bytes);
            published.await.unwrap();
        }
        loop {
            let answer = answers.next().await.unwrap();
            let FrameAnswer::Part { bytes, .. } = decode(&answer.payload, 1 << 20).unwrap() else {
                continue;
            };
            let reply = decode::<QuestionReply>(&bytes, 1 << 20).unwrap();
            if matches!(
                reply,
                QuestionReply::Reply(HostReply::Exhausted) | QuestionReply::Refused(_)
            ) {
                return;
            }
        }
    };
    let bounded = async { tokio::time::timeout(PATIENCE, flood).await };
    bad.runtime.block_on(bounded).unwrap();
    let _honest = Worker::start(&fleet, "one", &[]);
    let nonsense = Question::End {
        claim,
        end: ByteBuf::from(vec![255; 10]),
    };
    assert!(is_refused(&bad.ask("bad", &nonsense)));
    assert_eq!(sent.answer().text(), "1");
}

#[test]
fn what_is_no_frame_is_refused() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["bad"]) else {
        return;
    };
    app(&fleet, "counts", &guest("stateful"), "");
    let _host = fleet.serve(&[]);
    let bad = ByHand::worker(&fleet, "bad");
    let wrong = [vec![], vec![255; 10], vec![0; 900_000]];
    for bytes in wrong {
        let asked = bad.client.request("syft.host.bad", bytes.into());
        let answer = bad.runtime.block_on(asked).unwrap();
        let answer = decode::<FrameAnswer>(&answer.payload, 1 << 20).unwrap();
        assert!(matches!(answer, FrameAnswer::Refused(_)), "{answer:?}");
    }
    let strange = Sent::Component {
        digest: Digest::of(b"nobody's"),
        after: 0,
    };
    assert!(matches!(bad.frame("bad", strange), FrameAnswer::Refused(_)));
}

/// As a server would pass it on that keeps no accounts apart: an answer could be sent anywhere.
#[test]
fn what_is_asked_within_the_owners_account_is_refused() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    app(&fleet, "counts", &guest("stateful"), "");
    let host = fleet.serve(&[]);
    let owner = ByHand::owner(&fleet);
    let mut inbox = owner
        .runtime
        .block_on(owner.client.subscribe("a.place"))
        .unwrap();
    let question = Frame {
        version: VERSION,
        instance: 1,
        sent: Sent::Rest { id: 1, part: 0 },
    };
    let bytes = encode(&question).into();
    let asked = owner
        .client
        .publish_with_reply("syft.host.one", "a.place", bytes);
    owner.runtime.block_on(asked).unwrap();
    wait_for("a word about it", || {
        host.log()
            .contains("does not keep its accounts apart")
            .then_some(())
    });
    assert_eq!(fleet.workers()["refused"], 1);
    let end = owner.client.publish("a.place", "end".into());
    owner.runtime.block_on(end).unwrap();
    let first = owner.runtime.block_on(inbox.next()).unwrap();
    assert_eq!(first.payload, "end", "nothing else came");
}

#[test]
fn a_worker_reaches_its_own_subject_and_nothing_else_at_the_server() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one", "bad"]) else {
        return;
    };
    app(&fleet, "counts", &guest("stateful"), "");
    let _host = fleet.serve(&[]);
    let (owner, bad) = (ByHand::owner(&fleet), ByHand::worker(&fleet, "bad"));
    let n_messages = || owner.runtime.block_on(n_stored(&owner.client));
    wait_for("the component in the object store", || {
        (n_messages() > 0).then_some(())
    });
    let before = n_messages();
    let mut seen = owner.runtime.block_on(owner.client.subscribe(">")).unwrap();
    owner.runtime.block_on(owner.client.flush()).unwrap();
    for subject in [
        "syft.host.one",
        "syft.host",
        "syft.owner",
        "syft.work.counts",
        "$JS.API.INFO",
        "$JS.API.STREAM.NAMES",
        "$JS.API.STREAM.INFO.OBJ_SYFT_COMPONENTS",
        "$JS.API.STREAM.PURGE.OBJ_SYFT_COMPONENTS",
        "$JS.API.STREAM.DELETE.SYFT_WORK",
        "$JS.API.STREAM.MSG.GET.OBJ_SYFT_COMPONENTS",
        "$JS.API.STREAM.MSG.DELETE.SYFT_WORK",
        "$JS.API.DIRECT.GET.OBJ_SYFT_COMPONENTS",
        "$JS.API.CONSUMER.CREATE.OBJ_SYFT_COMPONENTS",
        "$JS.API.CONSUMER.MSG.NEXT.SYFT_WORK.waiting",
        "$JS.API.CONSUMER.DELETE.SYFT_WORK.waiting",
        "$JS.ACK.SYFT_WORK.waiting.1.1.1.1.0",
        "$O.SYFT_COMPONENTS.C.x",
        "$O.SYFT_COMPONENTS.M.x",
        "$SYS.REQ.SERVER.PING",
        "_INBOX.somebody",
        "_R_.somebody",
    ] {
        let inbox = bad.client.new_inbox();
        let published = bad.client.publish_with_reply(subject, inbox, "x".into());
        bad.runtime.block_on(published).unwrap();
        bad.wait_for_refusal(&format!("to \"{subject}\""));
    }
    for subject in [
        ">",
        "syft.host.*",
        "syft.work.>",
        "$JS.>",
        "$SYS.>",
        "_R_.>",
        "$O.>",
    ] {
        let subscribed = bad.client.subscribe(subject);
        drop(bad.runtime.block_on(subscribed).unwrap());
        bad.wait_for_refusal(&format!("subscription to \"{subject}\""));
    }
    // Where an answer is to go is a subject of its own account, whatever it is called.
    let own = [
        "$JS.API.STREAM.PURGE.OBJ_SYFT_COMPONENTS",
        "syft.host.one",
        "syft.work.x",
        "bell",
    ];
    for reply in own {
        let published = bad
            .client
            .publish_with_reply("syft.host.bad", reply, "x".into());
        bad.runtime.block_on(published).unwrap();
    }
    let asked = bad.client.request("syft.host.bad", "x".into());
    bad.runtime.block_on(asked).unwrap();
    owner
        .runtime
        .block_on(owner.client.publish("end", "".into()))
        .unwrap();
    let subjects = owner.runtime.block_on(async {
        let mut subjects = Vec::new();
        while let Some(message) = seen.next().await
            && message.subject.as_str() != "end"
        {
            subjects.push(message.subject.to_string());
        }
        subjects
    });
    let foreign = |subject: &&String| {
        let may = ["syft.host.bad", "_R_.", "_INBOX.", "$JS.", "$SYS."];
        !may.iter().any(|start| subject.starts_with(start))
    };
    let foreign: Vec<&String> = subjects.iter().filter(foreign).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let is_purge = |subject: &String| subject.contains("PURGE");
    assert!(!subjects.iter().any(is_purge), "{subjects:?}");
    assert_eq!(n_messages(), before);
}

/// Returns how many messages the streams have.
async fn n_stored(client: &Client) -> u64 {
    let context = async_nats::jetstream::new(client.clone());
    let mut streams = context.streams();
    let mut n_messages = 0;
    while let Some(Ok(stream)) = streams.next().await {
        n_messages += stream.state.messages;
    }
    n_messages
}

/// Returns how many calls wait, by what others read of the queue.
pub(super) fn n_queued(fleet: &Fleet<'_>) -> u64 {
    let owner = ByHand::owner(fleet);
    owner.runtime.block_on(async {
        let context = async_nats::jetstream::new(owner.client.clone());
        let consumer = context
            .get_consumer_from_stream("waiting", "SYFT_WORK")
            .await;
        let consumer: async_nats::jetstream::consumer::PullConsumer = consumer.unwrap();
        consumer.cached_info().num_pending
    })
}

#[test]
fn a_component_that_was_exchanged_at_the_server_is_refused() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    app(&fleet, "counts", &guest("stateful"), "");
    let _host = fleet.serve(ON_WORKERS_ALONE);
    let owner = ByHand::owner(&fleet);
    owner.runtime.block_on(async {
        let context = async_nats::jetstream::new(owner.client.clone());
        loop {
            if let Ok(stream) = context.get_stream("OBJ_SYFT_COMPONENTS").await
                && exchange(&owner.client, &stream).await
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    // One that has it already would not fetch it.
    let worker = Worker::start_afresh(&fleet, "one", &[]);
    worker.wait_for_log("its bytes are not those that its digest names");
    assert_eq!(fleet.done_by("one"), 0);
}

/// Puts other bytes in the place of a component. Tells whether there was one.
async fn exchange(client: &Client, stream: &async_nats::jetstream::stream::Stream) -> bool {
    let last = json!({"last_by_subj": "$O.SYFT_COMPONENTS.M.>"}).to_string();
    let info = client
        .request("$JS.API.DIRECT.GET.OBJ_SYFT_COMPONENTS", last.into())
        .await
        .unwrap();
    let Ok(info) = serde_json::from_slice::<serde_json::Value>(&info.payload) else {
        return false;
    };
    let subject = format!("$O.SYFT_COMPONENTS.C.{}", info["nuid"].as_str().unwrap());
    stream.purge().filter(&subject).await.unwrap();
    let mut left = usize::try_from(info["size"].as_u64().unwrap()).unwrap();
    while left > 0 {
        let piece = vec![7; left.min(100_000)];
        left -= piece.len();
        client.publish(subject.clone(), piece.into()).await.unwrap();
    }
    client.flush().await.unwrap();
    true
}
