//! The loop of the owner's host: all that happens comes here, and the ledger says what follows.

mod asked;
mod settle;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::Client;
use bytes::Bytes;
use futures_util::StreamExt as _;
use syft_runtime::remote::{HandOut, NotRun, PoolEnd, PoolStats, PreparedOwner, WorkerStats};
use syft_runtime::wire::encode;
use tokio::sync::{mpsc, watch};

use super::call::{Orders, Outcome};
use super::components::{self, Wanted};
use super::known::KnownWorkers;
use super::process::Processes;
use super::queue::{self, Change};
use super::{AppOffer, PRESENT};
use crate::connect::LinkEvent;
use crate::frame::FrameAnswer;
use crate::ledger::{CallId, Claim, Ledger, LedgerTimes, Wants, WorkerId};
use crate::names::ASKED;
use crate::words::{OfferedApp, QuestionReply};

/// How often what is late is looked for.
const TICK: Duration = Duration::from_millis(500);

/// The question of a process of a worker, to which an answer goes.
pub(super) type Address = (WorkerId, u64);

/// When what a process of a worker had asked is forgotten, if nothing is heard of it.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// What happens.
pub(super) enum Event {
    /// An app is offered.
    Offer(Box<AppOffer>),
    /// One is not any more.
    NotOffered(String),
    /// The component of an app can be fetched, by this name of its pieces.
    Stored(Box<AppOffer>, String),
    /// A question is answered.
    Answer(Address, Box<QuestionReply>),
    /// A call was ended well by a worker.
    Finished(CallId, WorkerId),
    /// Who has a claim broke a rule.
    Broken(Claim, String),
    /// A call was given back, since its worker was lost.
    GivenBack {
        id: CallId,
        owner: Box<PreparedOwner>,
        outcome: Outcome,
    },
    /// What a worker said of an end does not count.
    EndRefused {
        id: CallId,
        owner: Box<PreparedOwner>,
        outcome: Outcome,
        why: String,
        address: Address,
    },
    /// Nobody waits for a call any more, or its time is up.
    Over(CallId),
}

/// A call that was taken in.
struct OpenCall {
    app: String,
    id: String,
    wants: Wants,
    n_refused: u32,
    stage: Stage,
}

enum Stage {
    Waits(Box<PreparedOwner>, Outcome),
    /// A worker has it, or it is on its way back.
    Given(Orders),
}

pub(super) struct Desk {
    client: Client,
    known: KnownWorkers,
    ledger: Ledger,
    processes: Processes,
    calls: HashMap<CallId, OpenCall>,
    /// The apps whose components are there, with the names of their pieces.
    offered: BTreeMap<String, (OfferedApp, String)>,
    n_offers: u64,
    is_connected: bool,
    /// The availability that others were told of.
    told: u64,
    knows_of_accounts: bool,
    desk: mpsc::UnboundedSender<Event>,
    answers: mpsc::UnboundedSender<(String, FrameAnswer)>,
    queue: mpsc::UnboundedSender<Change>,
    components: mpsc::UnboundedSender<Wanted>,
}

impl Desk {
    pub(super) fn new(client: Client, accounts: &Path, desk: mpsc::UnboundedSender<Event>) -> Self {
        let (answers, to_publish) = mpsc::unbounded_channel();
        tokio::spawn(publish(client.clone(), to_publish));
        let (queue, changes) = mpsc::unbounded_channel();
        tokio::spawn(queue::keep(client.clone(), changes));
        let (components, wanted) = mpsc::unbounded_channel();
        tokio::spawn(components::keep(client.clone(), desk.clone(), wanted));
        Self {
            client,
            known: KnownWorkers::new(accounts),
            ledger: Ledger::new(LedgerTimes::default(), new_claim),
            processes: Processes::default(),
            calls: HashMap::new(),
            offered: BTreeMap::new(),
            n_offers: 0,
            is_connected: false,
            told: 0,
            knows_of_accounts: true,
            desk,
            answers,
            queue,
            components,
        }
    }

    /// Runs until nobody gives calls out any more.
    pub(super) async fn run(
        mut self,
        end: PoolEnd,
        mut events: mpsc::UnboundedReceiver<Event>,
        mut links: mpsc::Receiver<LinkEvent>,
    ) {
        let PoolEnd { mut calls, stats } = end;
        let asked = self.client.subscribe(format!("{ASKED}.*")).await;
        let present = self.client.subscribe(PRESENT).await;
        let (Ok(mut asked), Ok(mut present)) = (asked, present) else {
            tracing::error!("the connection to the NATS server has ended");
            return;
        };
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                message = asked.next() => match message {
                    Some(message) => self.asked(&message),
                    None => break,
                },
                event = events.recv() => match event {
                    Some(event) => self.happened(event),
                    None => break,
                },
                call = calls.recv() => match call {
                    Some(call) => self.given_out(call),
                    None => break,
                },
                Some(link) = links.recv() => self.linked(&link),
                Some(message) = present.next() => self.say_present(message.reply),
                _ = ticks.tick() => self.tick(),
            }
            self.settle();
            self.tell(&stats);
        }
        tracing::debug!("no calls are given to workers any more");
    }

    fn say_present(&self, reply: Option<async_nats::Subject>) {
        let client = self.client.clone();
        tokio::spawn(async move {
            if let Some(reply) = reply {
                client.publish(reply, Bytes::new()).await.ok();
            }
        });
    }

    fn linked(&mut self, link: &LinkEvent) {
        match link {
            LinkEvent::Up => {
                tracing::info!("connected with the NATS server: workers can be given calls");
                self.is_connected = true;
                self.ledger.resumed(Instant::now());
                self.queue.send(Change::Renew).ok();
                self.components.send(Wanted::Renew).ok();
            }
            LinkEvent::Down if self.is_connected => {
                tracing::warn!("the NATS server is gone: no worker can be heard until it is back");
                self.is_connected = false;
                self.give_up_waiting();
            }
            LinkEvent::Down => {}
            LinkEvent::Refused => {
                tracing::error!("the NATS server refuses the key of this host");
            }
        }
    }

    /// Lets go of what no worker has: it need not wait for the server.
    fn give_up_waiting(&mut self) {
        let waits = |call: &OpenCall| matches!(call.stage, Stage::Waits(..));
        let waiting = self.calls.iter().filter(|(_, call)| waits(call));
        let waiting: Vec<CallId> = waiting.map(|(id, _)| *id).collect();
        for id in waiting {
            self.ledger.withdraw(Instant::now(), id);
            self.give_up(id, NotRun::NoWorker);
        }
    }

    fn given_out(&mut self, call: HandOut) {
        let HandOut {
            app,
            id,
            component,
            needs,
            owner,
            reply,
        } = call;
        if !self.is_connected {
            // Who gave it out may have gone.
            drop(reply.send(Ok(Err(NotRun::NoWorker))));
            return;
        }
        let wants = Wants {
            app: app.clone(),
            asker: owner.asker(),
            component,
            memory_bytes: needs.memory_bytes,
            labels: needs.labels,
        };
        let open = OpenCall {
            app,
            id,
            wants,
            n_refused: 0,
            stage: Stage::Waits(Box::new(owner), reply),
        };
        self.take_in(open);
    }

    fn take_in(&mut self, open: OpenCall) {
        let id = self.ledger.offer(Instant::now(), open.wants.clone());
        self.calls.insert(id, open);
    }

    fn happened(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Offer(app) => drop(self.components.send(Wanted::App(app))),
            Event::NotOffered(name) => {
                if self.offered.remove(&name).is_some() {
                    self.n_offers += 1;
                }
                self.components.send(Wanted::NoApp(name)).ok();
            }
            Event::Stored(app, pieces) => self.stored(&app, pieces),
            Event::Answer(address, reply) => self.answer(&address, &reply),
            Event::Finished(id, worker) => {
                self.calls.remove(&id);
                self.ledger.note_finished(&worker);
            }
            Event::Broken(claim, why) => {
                self.ledger.refuse_claim(now, &claim, &why);
            }
            Event::GivenBack { id, owner, outcome } => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.stage = Stage::Waits(owner, outcome);
                    self.ledger.again(now, id);
                }
            }
            Event::EndRefused {
                id,
                owner,
                outcome,
                why,
                address,
            } => self.end_refused(id, owner, outcome, &why, &address),
            Event::Over(id) => {
                self.calls.remove(&id);
                self.ledger.withdraw(now, id);
            }
        }
    }

    fn stored(&mut self, app: &AppOffer, pieces: String) {
        let offered = OfferedApp {
            name: app.name.clone(),
            component: app.component.clone(),
            bytes: app.bytes,
            author: app.author.clone(),
            limits: (&app.limits).into(),
        };
        tracing::debug!(app = app.name, "workers can fetch the component");
        self.offered.insert(app.name.clone(), (offered, pieces));
        self.n_offers += 1;
    }

    /// Looks for what is late, and for what was changed beside this.
    fn tick(&mut self) {
        let now = Instant::now();
        for name in self.known.look() {
            tracing::info!(
                worker = name,
                "its key was removed: it gets nothing any more"
            );
            self.ledger.revoke(now, &name);
            self.processes.remove_name(&name);
        }
        if self.is_connected {
            self.ledger.tick(now);
            if let Some(since) = now.checked_sub(FORGET_AFTER) {
                self.processes.forget_silent(since);
            }
        }
        let overdue = self.processes.all();
        let overdue: Vec<String> = overdue.flat_map(|one| one.exchanges.overdue(now)).collect();
        for reply_to in overdue {
            self.publish(reply_to, FrameAnswer::Wait);
        }
        let is_gone =
            |call: &OpenCall| matches!(&call.stage, Stage::Waits(_, to) if to.is_closed());
        let gone = self.calls.iter().filter(|(_, call)| is_gone(call));
        let gone: Vec<CallId> = gone.map(|(id, _)| *id).collect();
        for id in gone {
            self.calls.remove(&id);
            self.queue.send(Change::WaitsNoMore(id)).ok();
            self.ledger.withdraw(now, id);
        }
    }

    fn answer(&mut self, (worker, question): &Address, reply: &QuestionReply) {
        let Some(process) = self.processes.get(worker) else {
            return;
        };
        if let Some((reply_to, answer)) = process.exchanges.done(*question, encode(reply)) {
            self.publish(reply_to, answer);
        }
    }

    fn publish(&self, reply_to: String, answer: FrameAnswer) {
        // It ends after this.
        self.answers.send((reply_to, answer)).ok();
    }

    fn tell(&mut self, stats: &watch::Sender<PoolStats>) {
        let (queued, running) = self.ledger.sizes();
        let counts = self.ledger.counts();
        let mut workers = Vec::new();
        self.ledger.each_worker(|id, profile, facts| {
            workers.push(WorkerStats {
                name: id.name.clone(),
                labels: profile.labels.iter().cloned().collect(),
                concurrency: profile.concurrency,
                running: facts.n_running,
                last_heard: facts.last_heard,
                finished: facts.finished,
                lost: facts.lost,
            });
        });
        name_apart(&mut workers);
        let is_connected = self.is_connected;
        let availability = self.ledger.availability();
        let is_news = std::mem::replace(&mut self.told, availability) != availability;
        stats.send_if_modified(|stats| {
            let is_news = is_news || stats.is_connected != is_connected;
            *stats = PoolStats {
                is_connected,
                workers,
                queued,
                running,
                finished: counts.finished,
                redelivered: counts.redelivered,
                lost: counts.lost,
                refused: counts.refused,
            };
            // Who waits for a worker is woken only if there may be one.
            is_news
        });
    }
}

/// Numbers processes that have the same key.
fn name_apart(workers: &mut [WorkerStats]) {
    let mut n_of = BTreeMap::<String, usize>::new();
    for worker in workers.iter() {
        *n_of.entry(worker.name.clone()).or_default() += 1;
    }
    let mut next = BTreeMap::<String, usize>::new();
    for worker in workers.iter_mut().filter(|worker| n_of[&worker.name] > 1) {
        let number = next.entry(worker.name.clone()).or_default();
        *number += 1;
        worker.name = format!("{}/{number}", worker.name);
    }
}

fn new_claim() -> Claim {
    let mut claim = Claim::default();
    getrandom::fill(&mut claim).expect("the system has random numbers");
    claim
}

/// Publishes answers, in order. It takes as long as the connection does.
async fn publish(client: Client, mut answers: mpsc::UnboundedReceiver<(String, FrameAnswer)>) {
    while let Some((reply_to, answer)) = answers.recv().await {
        let bytes = Bytes::from(encode(&answer));
        if let Err(error) = client.publish(reply_to, bytes).await {
            tracing::debug!("an answer to a worker: {error}");
        }
    }
}
