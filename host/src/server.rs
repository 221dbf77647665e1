//! Serves one app: the loop that everything comes to.
//!
//! It alone holds the inbox. What takes time runs in tasks of its own, and each
//! ends with one `Event` here.

mod lookout;
mod perform;
mod shutdown;
mod suspects;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use syft_protocol::address::Address;
use syft_protocol::inbox::{self, Inbox, InboxLimits, Loaded, Now};
use syft_protocol::retention::{Retention, Steadiness};
use syft_protocol::timestamp::Timestamp;
use syft_protocol::watching::Retry;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{self, Instant as TokioInstant};
use tracing::Instrument;

use crate::app::App;
use crate::durability::Durability;
use crate::failpoint::{self, Step};
use crate::journal::{Entry, Journal};
use crate::reply::Replier;
use crate::tree::{Hints, Scan, Tree, Watcher};
use crate::watching::{Runner, WatchOptions, Watching};

use lookout::{Lookout, Scope};
pub use shutdown::{Shutdown, Stop};
use suspects::Suspects;

/// How often somebody may have asked for a parked request.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// Tasks that are started for each thread that runs them, before one of them has to
/// wait or ends. More would only stand in line there, where a flood is in nobody's turn.
const STARTS_PER_WORKER: usize = 2;

/// Requests that the inbox is told of before others have their turn.
const FOUND_AT_ONCE: usize = 256;

/// How the server goes about its work.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The folder that holds the datasites.
    pub datasites: PathBuf,
    /// The app's private folder.
    pub folder: PathBuf,
    /// Callers see what went wrong inside a handler.
    pub debug: bool,
    /// Publish `rpc.schema.json`.
    pub publish_schema: bool,
    /// How long requests and their answers are kept.
    pub retention: Retention,
    /// How often old requests are deleted.
    pub sweep_every: Duration,
    /// What is forced to the disk.
    pub durability: Durability,
    /// Time for calls in progress once the server is to stop.
    pub stop_within: Duration,
    /// How an event is told again that the app did not take.
    pub retry: Retry,
}

/// Everything that wakes the server.
enum Event {
    /// A request was opened and read.
    Loaded(Address, Loaded, Option<Held>),
    /// Work on a request ended.
    Closed(Address, inbox::Closed),
    /// A scan ended.
    Scanned(Scan, Scope),
    /// Old requests were deleted.
    Swept(usize),
}

/// What a request holds while it is at work.
struct Held {
    entry: Entry,
    /// For its memory, where there is any.
    _permit: Option<OwnedSemaphorePermit>,
}

/// What the tasks of the server share.
struct Shared {
    app: Arc<App>,
    /// One permit for each call that may run, of a request or an event.
    slots: Arc<Semaphore>,
    /// One permit for each task that has been started and has not yet had to wait.
    starts: Arc<Semaphore>,
    replier: Replier,
    journal: Arc<Journal>,
    durability: Durability,
    /// One permit for each KiB of request files in memory.
    loaded: Arc<Semaphore>,
    events: mpsc::UnboundedSender<Event>,
}

/// A server that is ready, and has not begun to answer.
pub struct Server {
    shared: Arc<Shared>,
    events: mpsc::UnboundedReceiver<Event>,
    options: ServerOptions,
    inbox: Inbox,
    lookout: Lookout,
    /// What scans have found and the inbox has not been told.
    found: VecDeque<Address>,
    watching: Option<Watching>,
    suspects: Suspects,
    /// What requests at work hold.
    held: HashMap<Address, Held>,
    is_sweeping: bool,
    steadiness: Steadiness,
    n_dropped: u64,
}

impl Server {
    /// Makes the app's folders and starts to watch them, and what the app watches.
    ///
    /// # Errors
    /// The tree cannot be written, a part of it is a symlink, or another host
    /// serves the app. What the app was told of files cannot be read.
    pub async fn new(app: App, options: ServerOptions) -> anyhow::Result<Self> {
        let replier = Replier {
            datasite: app.datasite().clone(),
            app: app.name().clone(),
            debug: options.debug,
            response_bytes: app.limits().response_bytes,
        };
        let mut inbox = Inbox::new(InboxLimits {
            active: app.limits().concurrency,
            active_per_sender: app.limits().concurrency_per_sender(),
            ..InboxLimits::default()
        });
        let loaded_kib = usize::try_from(app.limits().loaded_bytes >> 10)?;
        let (sender, events) = mpsc::unbounded_channel();
        let lookout = Lookout::new(&app, &options, sender.clone())?;
        let slots = Arc::new(Semaphore::new(app.limits().concurrency));
        let app = Arc::new(app);
        let suspects = Suspects::find(&options.folder, &lookout.tree, &app, &mut inbox).await?;
        let watch_options = WatchOptions {
            folder: options.folder.clone(),
            retry: options.retry,
        };
        let runner = Runner {
            app: Arc::clone(&app),
            journal: Arc::clone(&suspects.journal),
            slots: Arc::clone(&slots),
        };
        Ok(Self {
            lookout,
            watching: Watching::start(runner, watch_options).await?,
            shared: Arc::new(Shared {
                app,
                slots,
                starts: Arc::new(Semaphore::new(STARTS_PER_WORKER * n_workers())),
                replier,
                journal: Arc::clone(&suspects.journal),
                durability: options.durability,
                loaded: Arc::new(Semaphore::new(loaded_kib)),
                events: sender,
            }),
            events,
            options,
            inbox,
            suspects,
            found: VecDeque::new(),
            held: HashMap::new(),
            is_sweeping: false,
            steadiness: Steadiness::default(),
            n_dropped: 0,
        })
    }

    /// Returns the app's folder.
    pub fn tree(&self) -> &Tree {
        &self.lookout.tree
    }

    /// Answers requests until it is told to stop, then finishes what is in
    /// progress. What could not be finished lies there unanswered and is found at
    /// the next start.
    pub async fn run(mut self, mut shutdown: Shutdown) -> Remains {
        failpoint::reach(Step::Serve, self.shared.app.name().as_str());
        let mut sweep = time::interval(self.options.sweep_every);
        let starts = Arc::clone(&self.shared.starts);
        sweep.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut asked = time::interval(ASKED_EVERY);
        asked.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let watching = self.watching.take();
        let watching =
            watching.map(|it| tokio::spawn(watch(it, shutdown.clone()).in_current_span()));
        loop {
            let is_held_up = self.perform_all();
            tokio::select! {
                () = shutdown.requested() => break,
                Some(event) = self.events.recv() => self.handle_all(event),
                _ = starts.acquire(), if is_held_up => {}
                () = std::future::ready(()), if !self.found.is_empty() => self.take_found(),
                hints = hints(self.lookout.watcher.as_deref()) => self.take_hints(hints),
                () = sleep_until(self.inbox.wakes_at().map(Into::into)) => {}
                () = sleep_until(self.lookout.next_scan()) => {
                    self.lookout.scan(&self.shared.app, &self.options);
                }
                _ = sweep.tick() => self.sweep(),
                _ = asked.tick(), if self.suspects.is_any_parked() => self.see_to_asked(),
            }
        }
        self.finish(shutdown, watching).await
    }

    async fn finish(mut self, mut shutdown: Shutdown, watching: Option<JoinHandle<()>>) -> Remains {
        self.lookout.watcher = None;
        self.inbox.close();
        let n_active = self.inbox.n_active();
        tracing::info!(n_active, "stopping: calls in progress are finished");
        let deadline = TokioInstant::now() + self.options.stop_within;
        let starts = Arc::clone(&self.shared.starts);
        while self.inbox.n_active() > 0 {
            let is_held_up = self.perform_all();
            tokio::select! {
                Some(event) = self.events.recv() => self.handle_all(event),
                _ = starts.acquire(), if is_held_up => {}
                () = time::sleep_until(deadline) => break,
                () = shutdown.insisted() => break,
            }
        }
        if let Some(watching) = watching {
            tokio::select! {
                ended = watching => if let Err(error) = ended {
                    tracing::debug!("watching: {error}");
                },
                () = time::sleep_until(deadline) => {}
                () = shutdown.insisted() => {}
            }
        }
        self.suspects.journal.close();
        match self.inbox.n_active() {
            0 => tracing::info!("stopped"),
            n_left => tracing::warn!(n_left, "stopped; these calls run again at the next start"),
        }
        let Self { events, .. } = self;
        Remains(events)
    }

    /// Starts what is to be done, and tells whether it was held up: so many tasks are
    /// at work that the processors are busy.
    fn perform_all(&mut self) -> bool {
        let now = now();
        while let Ok(permit) = Arc::clone(&self.shared.starts).try_acquire_owned() {
            let Some(action) = self.inbox.poll(now) else {
                return false;
            };
            perform::start(&self.shared, &self.lookout.tree, action, permit);
        }
        true
    }

    /// Handles an event and those behind it.
    fn handle_all(&mut self, first: Event) {
        let now = now();
        self.handle(now, first);
        while let Ok(event) = self.events.try_recv() {
            self.handle(now, event);
        }
    }

    fn handle(&mut self, now: Now, event: Event) {
        match event {
            Event::Loaded(address, loaded, held) => {
                if let Some(held) = held {
                    self.held.insert(address.clone(), held);
                }
                self.inbox
                    .handle(now, inbox::Event::Loaded(address.clone(), loaded));
                if !self.inbox.is_busy(&address) {
                    self.held.remove(&address);
                    self.suspects.ended(&self.inbox, &address);
                }
            }
            Event::Closed(address, closed) => {
                let held = self.held.remove(&address);
                self.inbox
                    .handle(now, inbox::Event::Closed(address.clone(), closed));
                self.suspects.ended(&self.inbox, &address);
                if let (Some(held), inbox::Closed::Answered) = (held, closed) {
                    held.entry.answered();
                }
            }
            Event::Scanned(scan, scope) => self.take_scan(scan, scope),
            Event::Swept(n_deleted) => {
                self.is_sweeping = false;
                if n_deleted > 0 {
                    tracing::info!(n_deleted, "old requests deleted");
                }
            }
        }
    }

    fn take_hints(&mut self, hints: Hints) {
        let now = now();
        let router = self.shared.app.router();
        if hints.everything {
            self.lookout.scan_soon();
        }
        for (path, ids) in hints.requests {
            let Some(folder) = lookout::served_folder(router, &path) else {
                continue;
            };
            let folder = Arc::new(folder);
            for id in ids {
                let address = Address::new(Arc::clone(&folder), id);
                self.inbox.handle(now, inbox::Event::Seen(address));
            }
        }
        if let Some(watcher) = &self.lookout.watcher {
            for path in &hints.gone_folders {
                watcher.forget(path);
            }
        }
        self.lookout.look_into(router, hints.new_folders);
    }

    fn take_scan(&mut self, scan: Scan, scope: Scope) {
        self.found.extend(scan.requests);
        self.lookout
            .scanned(self.shared.app.router(), (scan.skipped, scan.quiet), scope);
    }

    /// Tells the inbox of some of what was found. All of a flood at once would keep
    /// everybody waiting.
    fn take_found(&mut self) {
        let now = now();
        for address in self.found.drain(..self.found.len().min(FOUND_AT_ONCE)) {
            self.inbox.handle(now, inbox::Event::Seen(address));
        }
        let n_dropped = self.inbox.n_dropped();
        if n_dropped > self.n_dropped {
            self.n_dropped = n_dropped;
            let n_queued = self.inbox.n_queued();
            tracing::warn!(n_queued, "too many requests wait: more are taken up later");
        }
    }

    /// Tries parked requests again that somebody asked for.
    fn see_to_asked(&mut self) {
        let (tree, inbox) = (&self.lookout.tree, &mut self.inbox);
        for address in self.suspects.see_to_asked(tree, inbox) {
            self.inbox.handle(now(), inbox::Event::Again(address));
        }
    }

    fn sweep(&mut self) {
        if !self.steadiness.is_steady(since_start(), now().wall) {
            return tracing::warn!(
                "the clock of this machine has jumped: nothing is deleted before it has kept \
                 steady from one clean-up to the next"
            );
        }
        if std::mem::replace(&mut self.is_sweeping, true) {
            return;
        }
        let (tree, events) = (Arc::clone(&self.lookout.tree), self.shared.events.clone());
        let (endpoints, retention) = (self.lookout.endpoints(), self.options.retention);
        let request_bytes = self.shared.app.limits().request_bytes;
        let app = Arc::clone(&self.shared.app);
        tokio::task::spawn_blocking(move || {
            let now = now().wall;
            let n_deleted = endpoints
                .iter()
                .map(|endpoint| tree.sweep_endpoint(endpoint, &retention, now, request_bytes))
                .sum();
            let is_waiting = |address: &Address| tree.is_waiting(address);
            if let Err(error) = Handle::current().block_on(app.sweep(is_waiting, now)) {
                tracing::error!("cannot forget old answers: {error}");
            }
            drop((tree, app));
            send(&events, Event::Swept(n_deleted));
        });
    }
}

/// What still goes on of a server that has ended: a scan perhaps, or a call that took too
/// long.
pub struct Remains(mpsc::UnboundedReceiver<Event>);

impl Remains {
    /// Waits until nothing of the app is open any more, so that it can be served again.
    pub async fn gone(mut self) {
        // Each task lets go of the app and its folder before it lets go of its sender.
        while self.0.recv().await.is_some() {}
    }
}

/// Returns the number of threads that run tasks.
fn n_workers() -> usize {
    Handle::current().metrics().num_workers()
}

/// Tells the app of files to the end. Should that break off by a fault of the host,
/// requests are answered still, and somebody has to know.
async fn watch(watching: Watching, shutdown: Shutdown) {
    if let Err(error) = tokio::spawn(watching.run(shutdown).in_current_span()).await {
        tracing::error!("the app is told of no more files until the next start: {error}");
    }
}

/// Waits for hints; for ever where nothing is watched.
async fn hints(watcher: Option<&Watcher>) -> Hints {
    match watcher {
        Some(watcher) => watcher.hints().await,
        None => std::future::pending().await,
    }
}

/// Waits for a time; for ever where there is none.
async fn sleep_until(at: Option<TokioInstant>) {
    match at {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Sends an event to the loop. Once the loop has ended nobody wants it.
fn send(events: &mpsc::UnboundedSender<Event>, event: Event) {
    if events.send(event).is_err() {
        tracing::debug!("an event came after the end");
    }
}

/// Returns the time since the machine was started, the time that it slept included.
fn since_start() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// Reads the clocks: here, and nowhere in what decides.
fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::from_system_time(SystemTime::now()),
    }
}
