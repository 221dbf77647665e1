//! The owner's host begins anew while workers wait for calls, or does not answer.

use async_nats::{Message, Subscriber};
use futures_util::StreamExt as _;
use syft_manifest::{Digest, Limits};
use syft_runtime::wire::{decode, encode};
use syft_workers::frame::{Frame, FrameAnswer, Sent};
use syft_workers::names::ASKED;
use syft_workers::words::{OfferedApp, Question, QuestionReply};

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
    /// What it offers, and how often it was told about components. The first time it says nothing.
    offered: Vec<OfferedApp>,
    n_told: usize,
}

impl Host {
    /// Returns the host, and what it is asked from now on.
    fn listen(owner: &ByHand) -> (Self, Subscriber) {
        let subscribed = owner.client.subscribe(format!("{ASKED}.*"));
        let messages = owner.runtime.block_on(subscribed).unwrap();
        let host = Self {
            client: owner.client.clone(),
            is_known: false,
            asked: Vec::new(),
            n_beats: 0,
            offered: Vec::new(),
            n_told: 0,
        };
        (host, messages)
    }

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
            Question::Beat(beat) if self.is_known => {
                self.n_beats += 1;
                if beat.apps.is_some_and(|apps| !apps.is_empty()) {
                    self.n_told += 1;
                    if self.n_told == 1 {
                        return;
                    }
                }
                let (void, apps) = (Vec::new(), self.offered.len() as u64);
                QuestionReply::Heard { void, apps }
            }
            Question::Apps => QuestionReply::Apps {
                number: self.offered.len() as u64,
                apps: self.offered.clone(),
            },
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
    let (mut host, mut messages) = Host::listen(&owner);
    let _worker = Worker::start(&fleet, "one", &["--concurrency", "1"]);
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

#[test]
fn what_a_beat_said_that_nobody_answered_the_next_one_says_again() {
    let site = Site::new();
    let Some(fleet) = Fleet::start(&site, &["one"]) else {
        return;
    };
    let owner = ByHand::owner(&fleet);
    let (mut host, mut messages) = Host::listen(&owner);
    let _worker = Worker::start(&fleet, "one", &[]);
    // It is refused without being fetched.
    host.offered.push(OfferedApp {
        name: "large".to_owned(),
        component: Digest::of(b"a large one"),
        bytes: u64::MAX,
        author: String::new(),
        limits: (&Limits::default()).into(),
    });
    owner.runtime.block_on(async {
        while host.n_told < 2 {
            host.take(messages.next().await.unwrap()).await;
            assert!(host.n_beats < 12, "it does not say it again");
        }
    });
}
