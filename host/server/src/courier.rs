//! Carries the messages of one app: out into the tree or to an app of this process, and back
//! what became of them.
//!
//! What is done, and when, is decided by the protocol crate's `Outbox`. Here is what it asks for:
//! `errand` carries out one step for one message, `tree_box` is the tree, `hints` says where an
//! answer may have come. Calls that wait are in `waiting`. The state knows all that must outlive
//! the process.
//!
//! Why: docs/decisions/82-messages-are-effects-of-a-transaction.md

mod errand;
mod hints;
mod tree_box;
mod waiting;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use syft_manifest::clock::now as wall_now;
use syft_protocol::due_calls::DueCall;
use syft_protocol::now::Now;
use syft_protocol::outbox::{Event, Outbox, OutboxLimits, Receiver, Way};
use syft_runtime::capability::messages::{Receive, ReceiveError};
use syft_runtime::durability::Durability;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time;
use tracing::Instrument;
use uuid::Uuid;

use crate::app::App;
use crate::due_calls::DueSender;
use crate::local::LocalApps;

use errand::Errand;
use hints::AnswerHints;
use tree_box::TreeBox;
use waiting::Waiting;

/// Calls whose wishes wait until the courier gets to them.
const MOST_WISHES: usize = 64;

/// After which time it is kept which messages surely lie in the tree, and which are gone from
/// there.
const NOTE_AFTER: Duration = Duration::from_secs(1);

/// How often messages are forgotten for which nobody may ask any more.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);

/// What a courier works with.
pub(crate) struct CourierSetup {
    pub(crate) app: Arc<App>,
    pub(crate) datasites: PathBuf,
    pub(crate) local_apps: LocalApps,
    pub(crate) durability: Durability,
    /// Who is told that the app is to be called with what became of a message.
    pub(crate) due: DueSender,
}

/// The courier of an app, until this is dropped.
pub(crate) struct Courier(JoinHandle<()>);

impl Drop for Courier {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the tasks of a courier share.
struct CourierShared {
    app: Arc<App>,
    tree: TreeBox,
    local_apps: LocalApps,
    hints: AnswerHints,
    /// Dropped last: tells that nothing of the app is open here.
    _alive: Box<dyn Send + Sync>,
}

/// What a task of the courier came to.
enum Done {
    /// A step of a message.
    Event(Event),
    /// A message was handed to an app of this process, which answers here.
    Handed(Uuid, oneshot::Receiver<Arc<Vec<u8>>>),
    /// What became of a message is kept, and perhaps a call is due.
    Ended(Uuid, Option<DueCall>),
    /// The messages that a call waits for are kept, or not.
    Posted(Receive, Result<HashSet<Uuid>, ReceiveError>),
    /// It was kept, or not, which messages were sent and which are cleared.
    Noted {
        sent: Vec<Uuid>,
        cleared: Vec<Uuid>,
        is_kept: bool,
    },
}

impl Courier {
    /// Begins with the messages that earlier runs left. `alive` is dropped once nothing of the
    /// app is open any more.
    pub(crate) fn start(setup: CourierSetup, alive: Box<dyn Send + Sync>) -> Self {
        let (sender, wishes) = mpsc::channel(MOST_WISHES);
        setup.app.connect_courier(sender);
        let (done, ended) = mpsc::unbounded_channel();
        let carrying = Carrying {
            shared: Arc::new(CourierShared {
                tree: TreeBox {
                    datasites: setup.datasites,
                    owner: setup.app.datasite().clone(),
                },
                app: setup.app,
                local_apps: setup.local_apps,
                hints: AnswerHints::new(),
                _alive: alive,
            }),
            outbox: Outbox::new(OutboxLimits::default()),
            waiting: Waiting::default(),
            due: setup.due,
            durability: setup.durability,
            wishes,
            done,
            ended,
            tasks: JoinSet::new(),
            sent: HashSet::new(),
            cleared: HashSet::new(),
            note_at: None,
            is_noting: false,
        };
        Self(tokio::spawn(carrying.run().in_current_span()))
    }
}

/// The courier at work.
struct Carrying {
    shared: Arc<CourierShared>,
    outbox: Outbox,
    waiting: Waiting,
    due: DueSender,
    durability: Durability,
    wishes: mpsc::Receiver<Receive>,
    done: mpsc::UnboundedSender<Done>,
    ended: mpsc::UnboundedReceiver<Done>,
    /// They end with the courier.
    tasks: JoinSet<()>,
    /// What is to be noted.
    sent: HashSet<Uuid>,
    cleared: HashSet<Uuid>,
    note_at: Option<Instant>,
    is_noting: bool,
}

impl Carrying {
    async fn run(mut self) {
        let mut forget = time::interval(FORGET_EVERY);
        forget.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let shared = Arc::clone(&self.shared);
        self.take_arrived();
        loop {
            self.act();
            let wakes_at = self.wakes_at();
            tokio::select! {
                () = shared.app.state().messages_arrived() => self.take_arrived(),
                Some(done) = self.ended.recv() => self.take(done),
                Some(receive) = self.wishes.recv() => self.receive(receive),
                hinted = shared.hints.next() => {
                    hinted.into_iter().for_each(|id| self.tell(Event::Hint(id)));
                }
                () = sleep_until(wakes_at) => {}
                _ = forget.tick() => self.forget(),
            }
        }
    }

    fn wakes_at(&self) -> Option<Instant> {
        let all = [
            self.outbox.wakes_at(),
            self.waiting.wakes_at(),
            self.note_at,
        ];
        all.into_iter().flatten().min()
    }

    /// Begins all that is to be done now.
    fn act(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        while let Some(action) = self.outbox.poll(now()) {
            let errand = self.errand(action.id());
            self.spawn(errand.run(action));
        }
        let now = Instant::now();
        for receive in self.waiting.take_due(now) {
            let shared = Arc::clone(&self.shared);
            tokio::task::spawn_blocking(move || waiting::answer(shared.app.state(), receive));
        }
        if self.note_at.is_some_and(|at| at <= now) {
            self.note_at = None;
            self.note();
        }
    }

    fn errand(&self, id: Uuid) -> Errand {
        Errand {
            shared: Arc::clone(&self.shared),
            id,
            has_files: self.outbox.has_files(id),
        }
    }

    fn spawn(&mut self, work: impl Future<Output = Done> + Send + 'static) {
        let done = self.done.clone();
        let work = async move {
            if done.send(work.await).is_err() {
                tracing::debug!("a message was at work when the server stopped");
            }
        };
        self.tasks.spawn(work.in_current_span());
    }

    fn tell(&mut self, event: Event) {
        self.outbox.handle(now(), event);
    }

    fn take_arrived(&mut self) {
        match self.shared.app.state().take_arrived() {
            Ok(arrived) => {
                for message in arrived {
                    self.tell(Event::Kept(message.id, message.stage, message.expires));
                }
            }
            Err(error) => tracing::error!("messages wait until the state can be read: {error}"),
        }
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Event(event) => self.take_event(event),
            Done::Handed(id, answer) => {
                self.tell(Event::Sent(id, Way::Local));
                let errand = self.errand(id);
                self.spawn(errand.take_answer(answer));
            }
            Done::Ended(id, due) => {
                self.sent.remove(&id);
                self.shared.hints.forget(id);
                self.waiting.ended(id);
                self.tell(Event::Ended(id));
                if let Some(call) = due {
                    self.due.added(call);
                }
            }
            Done::Posted(receive, Ok(open)) => {
                // Some may have ended since they were looked at.
                let state = self.shared.app.state();
                self.waiting.add(receive, waiting::still_open(state, open));
            }
            Done::Posted(receive, Err(error)) => {
                if receive.reply.send(Err(error)).is_err() {
                    tracing::debug!("a call has ended that waited for messages");
                }
            }
            Done::Noted {
                sent,
                cleared,
                is_kept,
            } => {
                self.is_noting = false;
                if !is_kept {
                    self.sent.extend(sent);
                    self.cleared.extend(cleared);
                }
                if !(self.sent.is_empty() && self.cleared.is_empty()) {
                    self.note_later();
                }
            }
        }
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Sent(id, _) => {
                self.sent.insert(id);
                self.note_later();
            }
            Event::Cleared(id) => {
                self.cleared.insert(id);
                self.note_later();
            }
            _ => {}
        }
        self.tell(event);
    }

    /// Keeps the messages that a call waits for, and has it wait.
    fn receive(&mut self, mut receive: Receive) {
        let shared = Arc::clone(&self.shared);
        let post = std::mem::take(&mut receive.post);
        self.spawn(async move {
            let state = shared.app.state();
            let posted = if post.is_empty() {
                Ok(())
            } else {
                state.post(post).await.map_err(waiting::unavailable)
            };
            let open = posted.and_then(|()| waiting::open_ones(state, &receive.ids));
            Done::Posted(receive, open)
        });
    }

    fn note_later(&mut self) {
        self.note_at
            .get_or_insert_with(|| Instant::now() + NOTE_AFTER);
    }

    /// Keeps which messages surely lie in the tree, and which are gone from there. Few messages
    /// are still on their way then.
    fn note(&mut self) {
        if self.is_noting || (self.sent.is_empty() && self.cleared.is_empty()) {
            return;
        }
        self.is_noting = true;
        let sent: Vec<Uuid> = self.sent.drain().collect();
        let cleared: Vec<Uuid> = self.cleared.drain().collect();
        let (shared, durability) = (Arc::clone(&self.shared), self.durability);
        self.spawn(async move {
            let forced = match durability {
                Durability::None => sent.clone(),
                Durability::Batched | Durability::Strict => force(&shared, sent.clone()).await,
            };
            let noted = shared.app.state().note_messages(forced, cleared.clone());
            let is_kept = match noted.await {
                Ok(()) => true,
                Err(error) => {
                    tracing::error!("it is not kept which messages were sent: {error}");
                    false
                }
            };
            Done::Noted {
                sent,
                cleared,
                is_kept,
            }
        });
    }

    fn forget(&mut self) {
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            if let Err(error) = shared.app.state().forget_messages(wall_now()).await {
                tracing::error!("old messages are not deleted: {error}");
            }
        });
    }
}

/// Forces messages in the tree to the disk. Returns those of which that is sure.
async fn force(shared: &Arc<CourierShared>, ids: Vec<Uuid>) -> Vec<Uuid> {
    let shared = Arc::clone(shared);
    let force = move || {
        let place = |id: &Uuid| {
            let kept = shared.app.state().message_without_body(*id).ok()??;
            let receiver = Receiver::of(&kept.message.url).ok()?;
            Some((*id, shared.tree.place(receiver, *id).ok()?))
        };
        shared.tree.force(ids.iter().filter_map(place).collect())
    };
    let forced = tokio::task::spawn_blocking(force).await;
    forced.unwrap_or_default()
}

/// Waits until a time, or for ever without one.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Reads the clocks.
fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: wall_now(),
    }
}
