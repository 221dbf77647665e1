//! Asks the owner's host: in parts, again where something was lost, until there is an answer.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use async_nats::{Client, Message, RequestErrorKind};
use bytes::Bytes;
use serde_bytes::ByteBuf;
use syft_manifest::Digest;
use syft_runtime::wire::{decode, encode};
use thiserror::Error;
use tokio::sync::watch;

use crate::frame::{
    FRAME_BYTES, Frame, FrameAnswer, MOST_BYTES, MOST_DONE, MOST_PARTS, Sent, VERSION, n_parts,
    part_of,
};
use crate::names::WorkerName;
use crate::words::{Question, QuestionReply};

/// How long one message may be without an answer. The host answers within 15 s, if only that it
/// takes longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// How long to wait before asking again where nobody listens.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

const UNPOISONED: &str = "no holder of this lock panics";

/// The owner's host gives no reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum NoReply {
    /// To this.
    #[error("{0}")]
    Refused(String),
    /// To nothing of this worker.
    #[error("{0}")]
    Dismissed(String),
}

/// The owner's host.
pub(super) struct OwnerHost {
    client: Client,
    subject: String,
    instance: u64,
    numbers: Mutex<Numbers>,
    /// Counts connections, and hosts: what was asked by an earlier one, or an earlier host, is asked
    /// again.
    connections: watch::Sender<u64>,
    /// Nobody listens, which was said in the log.
    is_missing: Mutex<bool>,
}

#[derive(Default)]
struct Numbers {
    next: u64,
    open: BTreeSet<u64>,
    /// Those that have ended, and of which the host was not told yet.
    ended: Vec<u64>,
}

/// A question that is open until this is dropped.
struct OpenQuestion<'a> {
    owner: &'a OwnerHost,
    id: u64,
}

fn no_reply(why: impl std::fmt::Display) -> NoReply {
    NoReply::Refused(why.to_string())
}

impl OwnerHost {
    pub(super) fn new(client: Client, name: &WorkerName) -> Self {
        let mut instance = [0; 8];
        getrandom::fill(&mut instance).expect("the system has random numbers");
        Self {
            client,
            subject: name.subject(),
            instance: u64::from_le_bytes(instance),
            numbers: Mutex::default(),
            connections: watch::Sender::new(0),
            is_missing: Mutex::default(),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Asks all that is open again: there is another connection, or another host. What was asked of
    /// the earlier one nobody answers any more.
    pub(super) fn ask_again(&self) {
        self.connections
            .send_modify(|connections| *connections += 1);
    }

    /// Asks, and waits for the reply as long as it takes.
    ///
    /// # Errors
    /// The host refuses to answer.
    pub(super) async fn ask(&self, question: &Question) -> Result<QuestionReply, NoReply> {
        let question = encode(question);
        let of = n_parts(question.len());
        if of > MOST_PARTS {
            return Err(no_reply("it is too large for a question"));
        }
        let open = self.open();
        let mut sent = open.part(&question, 0);
        let mut answer = Vec::new();
        let (mut n_sent, mut n_received) = (0, 0);
        loop {
            match self.send(sent).await? {
                FrameAnswer::More if n_sent + 1 < of => {
                    n_sent += 1;
                    sent = open.part(&question, n_sent);
                }
                FrameAnswer::More | FrameAnswer::Wait => sent = open.rest(0),
                // Another host has begun, or this one has forgotten it.
                FrameAnswer::Unknown => {
                    answer.clear();
                    (n_sent, n_received) = (0, 0);
                    sent = open.part(&question, 0);
                }
                FrameAnswer::Part { of, bytes } => {
                    answer.extend_from_slice(&bytes);
                    n_received += 1;
                    if answer.len() > MOST_BYTES || of > MOST_PARTS {
                        return Err(no_reply("the answer is too large"));
                    }
                    if n_received >= of {
                        let reply = decode(&answer, MOST_BYTES);
                        return reply.map_err(no_reply);
                    }
                    sent = open.rest(n_received);
                }
                FrameAnswer::Refused(why) => return Err(NoReply::Refused(why)),
                FrameAnswer::Dismissed(why) => return Err(NoReply::Dismissed(why)),
                FrameAnswer::Piece(_) => return Err(no_reply("it is no answer")),
            }
        }
    }

    /// Fetches a piece of a component. Returns its number, and what it is; nothing, where there is
    /// none any more.
    ///
    /// # Errors
    /// The host refuses.
    pub(super) async fn piece(
        &self,
        digest: &Digest,
        after: u64,
    ) -> Result<Option<(u64, ByteBuf)>, NoReply> {
        let digest = digest.clone();
        match self.send(Sent::Component { digest, after }).await? {
            FrameAnswer::Piece(piece) => Ok(piece),
            FrameAnswer::Refused(why) => Err(NoReply::Refused(why)),
            FrameAnswer::Dismissed(why) => Err(NoReply::Dismissed(why)),
            _ => Err(no_reply("it is no piece of a component")),
        }
    }

    fn open(&self) -> OpenQuestion<'_> {
        let mut numbers = self.numbers.lock().expect(UNPOISONED);
        let id = numbers.next;
        numbers.next += 1;
        numbers.open.insert(id);
        OpenQuestion { owner: self, id }
    }

    async fn send(&self, sent: Sent) -> Result<FrameAnswer, NoReply> {
        let message = self.request(sent).await;
        let answer = decode(&message.payload, FRAME_BYTES);
        answer.map_err(no_reply)
    }

    /// Sends until there is an answer.
    async fn request(&self, sent: Sent) -> Message {
        let frame = Frame {
            version: VERSION,
            instance: self.instance,
            sent,
        };
        let payload = Bytes::from(encode(&frame));
        let mut connections = self.connections.subscribe();
        loop {
            connections.mark_unchanged();
            let request = async_nats::Request::new();
            let request = request
                .payload(payload.clone())
                .timeout(Some(ANSWER_WITHIN));
            let sent = self.client.send_request(self.subject.clone(), request);
            let result = tokio::select! {
                result = sent => result,
                // What was asked before may have been lost.
                _ = connections.changed() => continue,
            };
            match result {
                Ok(message) => {
                    self.note_missing(false);
                    return message;
                }
                Err(error) if error.kind() == RequestErrorKind::TimedOut => {}
                Err(error) => {
                    self.note_missing(error.kind() == RequestErrorKind::NoResponders);
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    fn note_missing(&self, is_missing: bool) {
        let was_missing =
            std::mem::replace(&mut *self.is_missing.lock().expect(UNPOISONED), is_missing);
        if is_missing && !was_missing {
            tracing::warn!("the owner's host is not there; it waits until it is");
        }
        if was_missing && !is_missing {
            tracing::info!("the owner's host is there");
        }
    }
}

impl OpenQuestion<'_> {
    fn part(&self, question: &[u8], part: u32) -> Sent {
        let mut numbers = self.owner.numbers.lock().expect(UNPOISONED);
        let done_below = numbers.open.first().copied().unwrap_or(numbers.next);
        numbers.ended.retain(|ended| *ended >= done_below);
        let n_told = numbers.ended.len().min(MOST_DONE);
        Sent::Part {
            id: self.id,
            done_below,
            done: numbers.ended.drain(..n_told).collect(),
            part,
            of: n_parts(question.len()),
            bytes: part_of(question, part).unwrap_or_default().to_vec(),
        }
    }

    fn rest(&self, part: u32) -> Sent {
        Sent::Rest { id: self.id, part }
    }
}

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        let mut numbers = self.owner.numbers.lock().expect(UNPOISONED);
        numbers.open.remove(&self.id);
        numbers.ended.push(self.id);
    }
}
