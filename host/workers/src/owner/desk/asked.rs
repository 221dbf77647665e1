//! What workers ask.

use std::collections::BTreeSet;
use std::time::Instant;

use async_nats::Message;
use syft_manifest::Digest;
use syft_manifest::sanitize::plain;
use syft_runtime::wire::decode;

use super::super::call::ToCall;
use super::super::components::piece;
use super::{Address, Desk, Stage};
use crate::exchanges::{Numbers, Taken};
use crate::frame::{FRAME_BYTES, Frame, FrameAnswer, MOST_BYTES, Sent, VERSION};
use crate::ledger::{BeatFacts, CallId, Claim, Profile, Readiness, WorkerId};
use crate::names::{FOREIGN_REPLY, WorkerName};
use crate::words::{Beat, Hello, Question, QuestionReply};

/// Calls that one process of a worker runs at a time.
const MOST_CONCURRENCY: u32 = 1_024;

/// The most characters of a text of a worker in the log.
const MOST_CHARS: usize = 300;

impl Desk {
    /// Takes what a worker sent. Its subject says who it is: it can publish to no other.
    pub(super) fn asked(&mut self, message: &Message) {
        let Some(name) = WorkerName::of_subject(&message.subject) else {
            return;
        };
        // Where an answer would go that stays in this account, the worker could have this host
        // publish anywhere in it. Only a server without our accounts passes that on.
        let reply_to = message.reply.as_deref().unwrap_or_default();
        if !reply_to.starts_with(FOREIGN_REPLY) {
            self.ledger.note_refused();
            return self.complain_of_accounts(&name);
        }
        let reply_to = reply_to.to_owned();
        if !self.known.knows(&name) {
            self.ledger.note_refused();
            let why = "the owner does not know this worker, or has removed it".to_owned();
            return self.publish(reply_to, FrameAnswer::Dismissed(why));
        }
        let frame = match decode::<Frame>(&message.payload, FRAME_BYTES) {
            Ok(frame) if frame.version == VERSION => frame,
            Ok(_) => {
                let why = "the owner's host has another version: run the same on both machines";
                return self.publish(reply_to, FrameAnswer::Dismissed(why.to_owned()));
            }
            Err(error) => {
                self.ledger.note_refused();
                return self.publish(reply_to, FrameAnswer::Refused(error.to_string()));
            }
        };
        let worker = WorkerId {
            name: name.to_string(),
            instance: frame.instance,
        };
        self.sent(worker, frame.sent, reply_to);
    }

    fn complain_of_accounts(&mut self, name: &WorkerName) {
        if std::mem::take(&mut self.knows_of_accounts) {
            tracing::error!(
                worker = name.as_str(),
                "refused: the NATS server does not keep its accounts apart; run it with the \
                 configuration that `syft-host workers` writes"
            );
        }
    }

    fn sent(&mut self, worker: WorkerId, sent: Sent, reply_to: String) {
        let now = Instant::now();
        let Some((process, others_hold)) = self.processes.heard(now, &worker) else {
            let why = "too many processes use this worker's key".to_owned();
            return self.publish(reply_to, FrameAnswer::Refused(why));
        };
        let exchanges = &mut process.exchanges;
        let (id, taken) = match sent {
            Sent::Component { digest, after } => {
                return self.pass_piece(&digest, after, reply_to);
            }
            Sent::Rest { id, part } => (id, exchanges.rest(now, id, part, &reply_to)),
            Sent::Part {
                id,
                done_below,
                done,
                part,
                of,
                bytes,
            } => {
                let done = &done;
                let numbers = Numbers {
                    id,
                    done_below,
                    done,
                };
                let part = (part, of);
                (
                    id,
                    exchanges.part(now, numbers, part, &bytes, &reply_to, others_hold),
                )
            }
        };
        match taken {
            Taken::Later => {}
            Taken::Answer(answer) => {
                if let FrameAnswer::Refused(why) = &answer {
                    self.refuse(&worker, why);
                }
                self.publish(reply_to, answer);
            }
            Taken::Question(question) => self.question((worker, id), &question),
        }
    }

    /// Passes on a piece of a component from the object store.
    fn pass_piece(&mut self, digest: &Digest, after: u64, reply_to: String) {
        let mut offered = self.offered.values();
        let pieces = offered.find(|(app, _)| app.component == *digest);
        let Some((_, pieces)) = pieces else {
            let why = "no app has this component".to_owned();
            return self.publish(reply_to, FrameAnswer::Refused(why));
        };
        let (client, pieces, answers) = (self.client.clone(), pieces.clone(), self.answers.clone());
        tokio::spawn(async move {
            let answer = match piece(&client, &pieces, after).await {
                Ok(piece) => FrameAnswer::Piece(piece),
                Err(error) => FrameAnswer::Refused(format!("the object store: {error:#}")),
            };
            // The desk may have gone.
            answers.send((reply_to, answer)).ok();
        });
    }

    fn refuse(&mut self, worker: &WorkerId, why: &str) {
        self.ledger.note_refused();
        self.processes.complain(worker, why);
    }

    fn question(&mut self, address: Address, question: &[u8]) {
        let reply = match decode::<Question>(question, MOST_BYTES) {
            Ok(question) => self.reply(&address, question),
            Err(error) => {
                self.refuse(&address.0, &format!("a question: {error}"));
                Some(QuestionReply::Refused(error.to_string()))
            }
        };
        if let Some(reply) = reply {
            self.answer(&address, &reply);
        }
    }

    /// Returns the reply, unless it comes later.
    fn reply(&mut self, address: &Address, question: Question) -> Option<QuestionReply> {
        let (now, worker) = (Instant::now(), &address.0);
        match question {
            Question::Hello(hello) => Some(self.hello(worker, hello)),
            Question::Beat(beat) => Some(self.beat(worker, beat)),
            Question::Apps => Some(QuestionReply::Apps {
                number: self.n_offers,
                apps: self.offered.values().map(|(app, _)| app.clone()).collect(),
            }),
            Question::Next if self.ledger.is_leaving(worker) => Some(QuestionReply::Nothing),
            Question::Next => {
                let is_known = self.ledger.wish(now, worker, address.1);
                (!is_known).then_some(QuestionReply::Unknown)
            }
            Question::Ask {
                claim,
                number,
                call,
            } => {
                let id = self.ledger.heard(now, worker, &claim);
                if !self.has_room(id, call.len()) {
                    let why = "it sends more than this host takes at a time";
                    self.ledger.refuse(now, worker, &claim, why);
                    return Some(QuestionReply::Refused(why.to_owned()));
                }
                let ask = |address| ToCall::Ask {
                    number,
                    call: call.into_vec(),
                    address,
                };
                self.pass_on(id, address, ask)
            }
            Question::End { claim, end } => {
                let id = self.ledger.heard(now, worker, &claim);
                if !self.has_room(id, end.len()) {
                    let why = "its end is larger than this host takes";
                    self.ledger.refuse(now, worker, &claim, why);
                    return Some(QuestionReply::Refused(why.to_owned()));
                }
                let id = self.ledger.end(now, worker, &claim);
                let end = |address| ToCall::End {
                    end: end.into_vec(),
                    address,
                };
                let reply = self.pass_on(id, address, end);
                // What becomes of it is not the desk's any more.
                if let Some(call) = id.and_then(|id| self.calls.get_mut(&id)) {
                    call.n_refused += 1;
                }
                reply
            }
            Question::Refuse { claim, why } => {
                let why = shown(&why);
                self.ledger.refuse(now, worker, &claim, &why);
                Some(QuestionReply::Taken)
            }
            Question::Leave => {
                for wish in self.ledger.leave(worker) {
                    self.answer(&(worker.clone(), wish), &QuestionReply::Nothing);
                }
                Some(QuestionReply::Taken)
            }
            Question::Bye => {
                tracing::info!(worker = worker.name, "a worker has gone");
                self.ledger.bye(now, worker);
                Some(QuestionReply::Taken)
            }
        }
    }

    /// Tells whether a call takes so many bytes more. One that the worker does not have takes none,
    /// which is told elsewhere.
    fn has_room(&self, id: Option<CallId>, bytes: usize) -> bool {
        match id
            .and_then(|id| self.calls.get(&id))
            .map(|call| &call.stage)
        {
            Some(Stage::Given(orders)) => orders.have_room(bytes),
            _ => true,
        }
    }

    /// Passes something on to a call, if the worker has it.
    fn pass_on(
        &mut self,
        id: Option<CallId>,
        address: &Address,
        order: impl FnOnce(Address) -> ToCall,
    ) -> Option<QuestionReply> {
        let call = id.and_then(|id| self.calls.get(&id));
        if let Some(Stage::Given(orders)) = call.map(|call| &call.stage)
            && orders.send(order(address.clone()))
        {
            return None;
        }
        let why = "the call is not this worker's, or not any more";
        self.processes.complain(&address.0, why);
        Some(QuestionReply::Refused(why.to_owned()))
    }

    fn hello(&mut self, worker: &WorkerId, hello: Hello) -> QuestionReply {
        let is_label = |label: &String| WorkerName::parse(label).is_ok();
        let labels: BTreeSet<String> = hello.labels.into_iter().filter(is_label).collect();
        let concurrency = hello.concurrency.min(MOST_CONCURRENCY);
        tracing::info!(
            worker = worker.name,
            concurrency,
            labels = Vec::from_iter(&labels).len(),
            version = shown(&hello.program),
            "a worker is there"
        );
        let profile = Profile {
            labels,
            concurrency: concurrency as usize,
            memory_bytes: hello.memory_bytes,
            apps: hello.apps.into_iter().collect(),
        };
        self.ledger.hello(Instant::now(), worker, profile);
        QuestionReply::Welcome
    }

    fn beat(&mut self, worker: &WorkerId, beat: Beat) -> QuestionReply {
        let Beat {
            number,
            claims,
            apps,
        } = beat;
        for (component, why) in apps.iter().flatten() {
            if let Some(why) = why {
                let component = component.as_str();
                tracing::warn!(
                    worker = worker.name,
                    component,
                    "it does not run it: {}",
                    shown(why)
                );
            }
        }
        let readiness = |(component, why): (Digest, Option<String>)| {
            let is_ready = why.is_none();
            let readiness = if is_ready {
                Readiness::Ready
            } else {
                Readiness::Refused
            };
            (component, readiness)
        };
        let apps = apps.map(|apps| apps.into_iter().map(readiness).collect());
        let facts = BeatFacts {
            number,
            claims,
            apps,
        };
        let void: Option<Vec<Claim>> = self.ledger.beat(Instant::now(), worker, &facts);
        let apps = self.n_offers;
        void.map_or(QuestionReply::Unknown, |void| QuestionReply::Heard {
            void,
            apps,
        })
    }
}

/// Returns a text of a worker for the log.
fn shown(text: &str) -> String {
    plain(text).chars().take(MOST_CHARS).collect()
}
