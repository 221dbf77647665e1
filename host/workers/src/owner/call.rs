//! One call that a worker has, with the owner's end of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use syft_runtime::remote::{HeldBytes, NotRun, OwnerSide, PreparedOwner, RanOn};
use syft_runtime::wire::{CallEnd, HandedCall, HostCall, HostReply, decode};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::desk::{Address, Event};
use crate::ledger::{CallId, Claim};
use crate::words::QuestionReply;

/// How many numbers a host call may be ahead of its turn, and how many are answered at a time.
const MOST_OPEN: u64 = 1_024;

/// The most bytes that wait for one call to take them.
const WAITING_BYTES: usize = 48 << 20;

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

/// Where orders for a call go. What waits there is bounded.
#[derive(Clone)]
pub(super) struct Orders {
    orders: mpsc::UnboundedSender<ToCall>,
    waiting: Arc<AtomicUsize>,
}

/// Orders that a call takes.
pub(super) struct TakenOrders {
    orders: mpsc::UnboundedReceiver<ToCall>,
    waiting: Arc<AtomicUsize>,
}

impl Orders {
    pub(super) fn new() -> (Self, TakenOrders) {
        let (sender, orders) = mpsc::unbounded_channel();
        let waiting = Arc::<AtomicUsize>::default();
        let own = Self {
            orders: sender,
            waiting: Arc::clone(&waiting),
        };
        (own, TakenOrders { orders, waiting })
    }

    /// Tells whether so many bytes more may wait.
    pub(super) fn have_room(&self, bytes: usize) -> bool {
        self.waiting.load(Ordering::Relaxed).saturating_add(bytes) <= WAITING_BYTES
    }

    /// Tells whether the call is still there to take it.
    pub(super) fn send(&self, order: ToCall) -> bool {
        self.waiting.fetch_add(order.bytes(), Ordering::Relaxed);
        self.orders.send(order).is_ok()
    }
}

impl TakenOrders {
    async fn next(&mut self) -> Option<ToCall> {
        let order = self.orders.recv().await?;
        self.waiting.fetch_sub(order.bytes(), Ordering::Relaxed);
        Some(order)
    }
}

impl ToCall {
    fn bytes(&self) -> usize {
        match self {
            Self::Ask { call, .. } => call.len(),
            Self::End { end, .. } => end.len(),
            Self::Lost { .. } => 0,
        }
    }
}

/// A call that a worker has.
pub(super) struct GivenCall {
    pub(super) id: CallId,
    pub(super) claim: Claim,
    pub(super) worker: String,
    pub(super) outcome: Outcome,
    pub(super) orders: TakenOrders,
    pub(super) desk: mpsc::UnboundedSender<Event>,
}

/// How many host calls were asked, and those that arrived before their turn.
#[derive(Default)]
struct Asked {
    next: u64,
    /// Those that have no memory were answered.
    early: BTreeMap<u64, Option<(Vec<u8>, HeldBytes, Address)>>,
}

impl GivenCall {
    /// Begins it, and tells the worker of it, who waits at the address.
    pub(super) async fn run(mut self, owner: PreparedOwner, address: Address) {
        let (handed, side) = owner.begin();
        self.hand_over(handed, address);
        let (mut asked, mut open) = (Asked::default(), JoinSet::new());
        let order = loop {
            tokio::select! {
                order = self.orders.next() => match order {
                    Some(ToCall::Ask { number, call, address }) => {
                        self.take(&side, &mut asked, number, call, address);
                        self.answer_in_turn(&side, &mut asked, &mut open);
                    }
                    Some(order) => break order,
                    None => return,
                },
                Some(_) = open.join_next() => {
                    if let Some(broken) = side.broken() {
                        self.broken(&broken.to_string());
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
        let work = QuestionReply::Work {
            claim: self.claim,
            call: Box::new(handed),
        };
        self.tell(Event::Answer(address, Box::new(work)));
    }

    /// Takes a host call until it is its turn.
    fn take(
        &self,
        side: &OwnerSide,
        asked: &mut Asked,
        number: u64,
        call: Vec<u8>,
        address: Address,
    ) {
        let (most, _) = side.most_bytes();
        let is_near = (asked.next..asked.next + MOST_OPEN).contains(&number);
        if !is_near || asked.early.contains_key(&number) {
            return self.broken("a host call has a number that is not its own");
        }
        if call.len() > most {
            return self.broken("a host call is larger than it may be");
        }
        let kept = match side.hold(call.len()) {
            Ok(held) => Some((call, held, address)),
            Err(_) => {
                let exhausted = Box::new(QuestionReply::Reply(HostReply::Exhausted));
                self.tell(Event::Answer(address, exhausted));
                None
            }
        };
        asked.early.insert(number, kept);
    }

    /// Begins to answer what was asked, in the order in which it was.
    fn answer_in_turn(&self, side: &OwnerSide, asked: &mut Asked, open: &mut JoinSet<()>) {
        while let Some(kept) = asked.early.remove(&asked.next) {
            asked.next += 1;
            let Some((call, held, address)) = kept else {
                continue;
            };
            if open.len() as u64 >= MOST_OPEN {
                return self.broken("it asks too much at a time");
            }
            match decode::<HostCall>(&call, call.len()) {
                Ok(call) => {
                    let (reply, desk) = (side.host_call(call), self.desk.clone());
                    open.spawn(async move {
                        let reply = Box::new(QuestionReply::Reply(reply.await));
                        drop(held);
                        // It ends after all calls.
                        desk.send(Event::Answer(address, reply)).ok();
                    });
                }
                Err(error) => self.broken(&format!("a host call: {error}")),
            }
        }
    }

    fn broken(&self, why: &str) {
        self.tell(Event::Broken(self.claim, why.to_owned()));
    }

    async fn end(self, side: OwnerSide, end: &[u8], address: Address) {
        let (_, most) = side.most_bytes();
        let Ok(held) = side.hold(end.len()) else {
            let why = "this host has no memory for its end".to_owned();
            let refused = Event::Answer(address, Box::new(QuestionReply::Refused(why.clone())));
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
                let taken = Event::Answer(address.clone(), Box::new(QuestionReply::Taken));
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
