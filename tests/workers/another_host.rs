//! The owner's host begins anew while workers wait for calls.

use async_nats::Message;
use futures_util::StreamExt as _;
use syft_runtime::wire::{decode, encode};
use syft_workers::frame::{Frame, FrameAnswer, Sent};
use syft_workers::names::ASKED;
use syft_workers::words::{Question, QuestionReply};

use super::by_hand::ByHand;
use super::fleet::{Fleet, Worker};
use crate::support::site::Site;

/// The owner's host as a worker sees it, which knows nobody and has no call.
struct Host {
    client: async_nats::Client,
    is_known: bool,
    /// For calls.
    asked: Vec<u64>,
    n_beats: usize,
}

impl Host {
    async fn take(&mut self, message: Message) {
        let frame: Frame = decode(&message.payload, 1 << 20).unwrap();
        let Sent::Part { id, bytes, .. } = frame.sent else {
            return;
        };
        let reply = match decode(&bytes, 1 << 20).unwrap() {
            Question::Hello(_) => {
                self.is_known = true;
                QuestionReply::Welcome
            }
            Question::Beat(_) if self.is_known => {
                self.n_beats += 1;
                let void = Vec::new();
                QuestionReply::Heard { void, apps: 0 }
            }
            Question::Beat(_) => QuestionReply::Unknown,
            Question::Next => return self.asked.push(id),
            other => panic!("{other:?}"),
        };
        let bytes = encode(&reply);
        let answer = encode(&FrameAnswer::Part { of: 1, bytes });
        let reply_to = message.reply.unwrap();
        self.client.publish(reply_to, answer.into()).await.unwrap();
    }
}

/// What a host that was killed has not answered, nobody answers.
#[test]
fn a_worker_asks_the_next_host_at_once_for_what_it_asked_the_last_one() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let owner = ByHand::owner(&fleet);
    let subscribed = owner.client.subscribe(format!("{ASKED}.*"));
    let mut messages = owner.runtime.block_on(subscribed).unwrap();
    let _worker = Worker::start(&fleet, "one", &["--concurrency", "1"]);
    let mut host = Host {
        client: owner.client.clone(),
        is_known: false,
        asked: Vec::new(),
        n_beats: 0,
    };
    owner.runtime.block_on(async {
        // All that it asks again since it says hello has come by the second beat.
        while host.asked.is_empty() || host.n_beats < 2 {
            host.take(messages.next().await.unwrap()).await;
        }
        let first = std::mem::take(&mut host.asked)[0];
        (host.is_known, host.n_beats) = (false, 0);
        while host.asked.is_empty() {
            host.take(messages.next().await.unwrap()).await;
            assert!(host.n_beats < 5, "it does not ask again");
        }
        assert_eq!(host.asked[0], first, "it is the same question");
    });
}
