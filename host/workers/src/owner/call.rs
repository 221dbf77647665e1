//! One call that a worker has, with the owner's end of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures_util::FutureExt as _;
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
pub(super) type Outcome = oneshot::Sender<thread::Result<Result<RanOn, NotRun>>>;

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
    pub(super) orders: TakenOrders,
    pub(super) desk: mpsc::UnboundedSender<Event>,
}

/// What is left of it.
enum Left {
    /// It ended, or nobody runs it any more.
    Outcome(Result<RanOn, NotRun>),
    /// What a worker said of its end counts.
    Taken(RanOn, Address),
    /// What a worker said of its end does not count: another one gets it.
    Refused(PreparedOwner, String, Address),
    /// It can be given out again.
    Owner(PreparedOwner),
    Nothing,
}

/// How many host calls were asked, and those that arrived before their turn.
#[derive(Default)]
struct Asked {
    next: u64,
    /// Those that have no memory were answered.
    early: BTreeMap<u64, Option<(Vec<u8>, HeldBytes, Address)>>,
}

impl GivenCall {
    /// Runs it until there is an outcome for whoever gave it out, or it goes back to the desk.
    pub(super) async fn run(
        mut self,
        owner: PreparedOwner,
        address: Address,
        mut outcome: Outcome,
    ) {
        let served = self.serve(owner, address, &mut outcome);
        // A panic here is the call's, as where the guest runs here: whoever gave it out gets it.
        let left = AssertUnwindSafe(served).catch_unwind().await;
        let id = self.id;
        match left {
            Ok(Left::Outcome(ended)) => send(outcome, Ok(ended)),
            Ok(Left::Taken(ran, address)) => {
                send(outcome, Ok(Ok(ran)));
                let taken = Event::Answer(address.clone(), Box::new(QuestionReply::Taken));
                self.tell(taken);
                self.tell(Event::Finished(id, address.0));
            }
            Ok(Left::Refused(owner, why, address)) => self.tell(Event::EndRefused {
                id,
                owner: Box::new(owner),
                outcome,
                why,
                address,
            }),
            Ok(Left::Owner(owner)) => self.tell(Event::GivenBack {
                id,
                owner: Box::new(owner),
                outcome,
            }),
            Ok(Left::Nothing) => {}
            Err(panic) => {
                self.tell(Event::Over(id));
                send(outcome, Err(panic));
            }
        }
    }

    /// Begins it, tells the worker of it, who waits at the address, and answers what it asks.
    async fn serve(
        &mut self,
        owner: PreparedOwner,
        address: Address,
        outcome: &mut Outcome,
    ) -> Left {
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
                    None => return Left::Nothing,
                },
                Some(answered) = open.join_next() => {
                    if let Err(error) = answered && error.is_panic() {
                        resume_unwind(error.into_panic());
                    }
                    if let Some(broken) = side.broken() {
                        self.broken(&broken.to_string());
                    }
                }
                () = sleep_until(side.deadline().into()) => return self.time_out(side).await,
                // Nobody waits for it any more.
                () = outcome.closed() => {
                    self.tell(Event::Over(self.id));
                    return Left::Nothing;
                }
            }
        };
        open.shutdown().await;
        match order {
            ToCall::End { end, address } => self.end(side, &end, address).await,
            ToCall::Lost { why, is_last: true } => Left::Outcome(Err(NotRun::Lost(why))),
            ToCall::Lost { .. } | ToCall::Ask { .. } => Left::Owner(side.give_back().await),
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

    async fn end(&self, side: OwnerSide, end: &[u8], address: Address) -> Left {
        let (_, most) = side.most_bytes();
        let Ok(held) = side.hold(end.len()) else {
            let why = "this host has no memory for its end".to_owned();
            let refused = Box::new(QuestionReply::Refused(why.clone()));
            self.tell(Event::Answer(address, refused));
            return Left::Outcome(Err(NotRun::Lost(why)));
        };
        let end = match decode::<CallEnd>(end, most) {
            Ok(end) => end,
            Err(error) => {
                let why = format!("the end of a call: {error}");
                return Left::Refused(side.give_back().await, why, address);
            }
        };
        let memory_bytes = end.taken.memory_bytes;
        let ended = side.end(end).await;
        drop(held);
        match ended {
            Ok((outcome, session)) => {
                let ran = RanOn {
                    outcome,
                    session,
                    worker: self.worker.clone(),
                    memory_bytes,
                };
                Left::Taken(ran, address)
            }
            Err((broken, owner)) => Left::Refused(owner, broken.to_string(), address),
        }
    }

    async fn time_out(&self, side: OwnerSide) -> Left {
        self.tell(Event::Over(self.id));
        let (outcome, session) = side.time_out().await;
        Left::Outcome(Ok(RanOn {
            outcome,
            session,
            worker: self.worker.clone(),
            memory_bytes: 0,
        }))
    }

    fn tell(&self, event: Event) {
        // It ends after all calls.
        self.desk.send(event).ok();
    }
}

fn send(outcome: Outcome, ended: thread::Result<Result<RanOn, NotRun>>) {
    // Who gave it out may have gone.
    drop(outcome.send(ended));
}
