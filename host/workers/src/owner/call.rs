//! One call that a worker has, with the owner's end of it.

use std::collections::BTreeMap;

use syft_runtime::remote::{NotRun, OwnerSide, PreparedOwner, RanOn};
use syft_runtime::wire::{CallEnd, HandedCall, HostCall, HostReply, decode};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::desk::{Address, Event};
use crate::ledger::{CallId, Claim};
use crate::words::Reply;

/// Host calls that arrive before one that was asked earlier.
const MOST_EARLY: usize = 1_024;

/// Host calls that one call has open at a time.
const MOST_OPEN: usize = 1_024;

/// What a call is told.
pub(super) enum ToCall {
    /// The guest asks.
    Ask {
        number: u64,
        call: Vec<u8>,
        address: Address,
    },
    /// It has ended there.
    End { end: Vec<u8>, address: Address },
    /// Its worker was lost.
    Lost { why: String, is_last: bool },
}

/// Where the outcome goes.
pub(super) type Outcome = oneshot::Sender<Result<RanOn, NotRun>>;

/// A call that a worker has.
pub(super) struct GivenCall {
    pub(super) id: CallId,
    pub(super) claim: Claim,
    pub(super) worker: String,
    pub(super) outcome: Outcome,
    pub(super) orders: mpsc::UnboundedReceiver<ToCall>,
    pub(super) desk: mpsc::UnboundedSender<Event>,
}

/// How many host calls were asked, and those that arrived before their turn.
#[derive(Default)]
struct Asked {
    next: u64,
    early: BTreeMap<u64, (Vec<u8>, Address)>,
}

impl GivenCall {
    /// Begins it, and tells the worker of it, who waits at the address.
    pub(super) async fn run(mut self, owner: PreparedOwner, address: Address) {
        let (handed, side) = owner.begin();
        self.hand_over(handed, address);
        let (mut asked, mut open) = (Asked::default(), JoinSet::new());
        let order = loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(ToCall::Ask { number, call, address }) => {
                        asked.early.insert(number, (call, address));
                        self.answer_in_turn(&side, &mut asked, &mut open);
                    }
                    Some(order) => break order,
                    None => return,
                },
                Some(_) = open.join_next() => {
                    if let Some(broken) = side.broken() {
                        self.tell(Event::Broken(self.claim, broken.to_string()));
                    }
                }
                () = sleep_until(side.deadline().into()) => return self.time_out(side).await,
                // Nobody waits for it any more.
                () = self.outcome.closed() => return self.tell(Event::Over(self.id)),
            }
        };
        open.shutdown().await;
        match order {
            ToCall::End { end, address } => self.end(side, &end, address).await,
            ToCall::Lost { why, is_last: true } => self.give_up(NotRun::Lost(why)),
            ToCall::Lost { .. } | ToCall::Ask { .. } => {
                let owner = Box::new(side.give_back().await);
                let (id, outcome) = (self.id, self.outcome);
                let back = Event::GivenBack { id, owner, outcome };
                self.desk.send(back).ok();
            }
        }
    }

    fn hand_over(&self, handed: HandedCall, address: Address) {
        let work = Reply::Work {
            claim: self.claim,
            call: Box::new(handed),
        };
        self.tell(Event::Answer(address, Box::new(work)));
    }

    /// Begins to answer what was asked, in the order in which it was.
    fn answer_in_turn(&self, side: &OwnerSide, asked: &mut Asked, open: &mut JoinSet<()>) {
        let is_too_much = asked.early.len() > MOST_EARLY || open.len() > MOST_OPEN;
        if is_too_much {
            return self.tell(Event::Broken(self.claim, "it asks too much at a time".to_owned()));
        }
        while let Some((call, address)) = asked.early.remove(&asked.next) {
            asked.next += 1;
            let (most, _) = side.most_bytes();
            let Ok(held) = side.hold(call.len()) else {
                let exhausted = Reply::Reply(HostReply::Exhausted);
                self.tell(Event::Answer(address, Box::new(exhausted)));
                continue;
            };
            match decode::<HostCall>(&call, most) {
                Ok(call) => {
                    let (reply, desk) = (side.host_call(call), self.desk.clone());
                    open.spawn(async move {
                        let reply = Box::new(Reply::Reply(reply.await));
                        drop(held);
                        // It ends after all calls.
                        desk.send(Event::Answer(address, reply)).ok();
                    });
                }
                Err(error) => self.tell(Event::Broken(self.claim, format!("a host call: {error}"))),
            }
        }
    }

    async fn end(self, side: OwnerSide, end: &[u8], address: Address) {
        let (_, most) = side.most_bytes();
        let Ok(held) = side.hold(end.len()) else {
            let why = "this host has no memory for its end".to_owned();
            let refused = Event::Answer(address, Box::new(Reply::Refused(why.clone())));
            self.desk.send(refused).ok();
            return self.give_up(NotRun::Lost(why));
        };
        let end = match decode::<CallEnd>(end, most) {
            Ok(end) => end,
            Err(error) => {
                let why = format!("the end of a call: {error}");
                let owner = side.give_back().await;
                return self.refuse(why, owner, address);
            }
        };
        let memory_bytes = end.taken.memory_bytes;
        let ended = side.end(end).await;
        drop(held);
        match ended {
            Ok((outcome, session)) => {
                let worker = self.worker.clone();
                let ran = RanOn {
                    outcome,
                    session,
                    worker,
                    memory_bytes,
                };
                // Who gave it out may have gone.
                drop(self.outcome.send(Ok(ran)));
                let taken = Event::Answer(address.clone(), Box::new(Reply::Taken));
                self.desk.send(taken).ok();
                self.desk.send(Event::Finished(self.id, address.0)).ok();
            }
            Err((broken, owner)) => self.refuse(broken.to_string(), owner, address),
        }
    }

    /// What the worker says of its end does not count: another one gets it.
    fn refuse(self, why: String, owner: PreparedOwner, address: Address) {
        let outcome = self.outcome;
        let refused = Event::EndRefused {
            id: self.id,
            owner: Box::new(owner),
            outcome,
            why,
            address,
        };
        self.desk.send(refused).ok();
    }

    async fn time_out(self, side: OwnerSide) {
        self.tell(Event::Over(self.id));
        let (outcome, session) = side.time_out().await;
        let ran = RanOn {
            outcome,
            session,
            worker: self.worker,
            memory_bytes: 0,
        };
        // Who gave it out may have gone.
        drop(self.outcome.send(Ok(ran)));
    }

    fn give_up(self, why: NotRun) {
        // Who gave it out may have gone.
        drop(self.outcome.send(Err(why)));
    }

    fn tell(&self, event: Event) {
        // It ends after all calls.
        self.desk.send(event).ok();
    }
}
