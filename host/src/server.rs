//! Serves one app: the loop that everything comes to.
//!
//! It tells the dispatcher what may have to be done. Workers ask there what they are to do and
//! say what came of it; scans and the like end with one `Event` here.

mod crash_suspects;
mod dispatch;
mod given;
mod lookout;
mod perform;
mod unclaimed;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use syft_protocol::address::Address;
use syft_protocol::file_events::RetryPolicy;
use syft_protocol::inbox::{self, Inbox, InboxLimits};
use syft_protocol::now::Now;
use syft_protocol::retention::{Retention, Steadiness};
use syft_protocol::timestamp::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{self, Instant as TokioInstant};
use tracing::Instrument;

use crate::app::App;
use crate::durability::Durability;
use crate::events::{EventOptions, EventRunner, FileEvents};
use crate::failpoint::{self, Step};
use crate::journal::Journal;
use crate::reply::Replier;
use crate::shutdown::Shutdown;
use crate::suspension;
use crate::tree::{Hints, Scan, Tree, Watcher};

use crash_suspects::CrashSuspects;
use dispatch::{Dispatcher, Finished};
use given::Given;
use lookout::{Lookout, Scope};
use unclaimed::Unclaimed;

/// How often somebody may have asked for a parked request.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// When old requests are deleted for the first time.
const FIRST_SWEEP: Duration = Duration::from_secs(60);

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
    pub retry: RetryPolicy,
}

/// What ends of that which the server has others do.
enum Event {
    /// A scan ended.
    Scanned(Scan, Scope),
    /// Old requests were deleted.
    Swept(usize),
}

/// What the tasks of the server share.
struct Shared {
    app: Arc<App>,
    /// One permit for each call that may run, of a request or an event.
    slots: Arc<Semaphore>,
    replier: Replier,
    journal: Arc<Journal>,
    durability: Durability,
    /// One permit for each KiB of request files in memory.
    loaded: Arc<Semaphore>,
    dispatcher: Mutex<Dispatcher>,
    given: Mutex<Given>,
    unclaimed: Mutex<Unclaimed>,
    /// Wakes the server where it is to look at the dispatcher.
    changed: Notify,
    /// The last thing to be let go of: see [`Draining`].
    events: mpsc::UnboundedSender<Event>,
}

impl Shared {
    fn dispatcher(&self) -> MutexGuard<'_, Dispatcher> {
        self.dispatcher
            .lock()
            .expect("no holder of this lock panics")
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().expect("no holder of this lock panics")
    }

    fn unclaimed(&self) -> MutexGuard<'_, Unclaimed> {
        self.unclaimed
            .lock()
            .expect("no holder of this lock panics")
    }

    /// Tells the dispatcher what came of an action, and goes on there.
    fn note<T>(&self, done: Finished, go_on: impl FnOnce(&mut Dispatcher, Now) -> T) -> T {
        let now = now();
        let mut dispatcher = self.dispatcher();
        let wakes_at = dispatcher.inbox.wakes_at();
        dispatcher.finish(now, done);
        let next = go_on(&mut dispatcher, now);
        if dispatcher.inbox.wakes_at() != wakes_at
            || dispatcher.inbox.is_closed()
            || dispatcher.inbox.is_behind()
        {
            self.changed.notify_one();
        }
        next
    }
}

/// A server that is ready, and has not begun to answer.
pub struct Server {
    shared: Arc<Shared>,
    events: mpsc::UnboundedReceiver<Event>,
    options: ServerOptions,
    lookout: Lookout,
    watching: Option<FileEvents>,
    is_sweeping: bool,
    steadiness: Steadiness,
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
        let suspects =
            CrashSuspects::find(&options.folder, &lookout.tree, &app, &mut inbox).await?;
        // It may be since what was found there.
        if let Some(suspended) = suspension::suspended(&options.folder)? {
            return Err(suspended.into());
        }
        let watch_options = EventOptions {
            datasites: options.datasites.clone(),
            folder: options.folder.clone(),
            retry: options.retry,
        };
        let runner = EventRunner {
            app: Arc::clone(&app),
            journal: Arc::clone(&suspects.journal),
            slots: Arc::clone(&slots),
        };
        let watching = FileEvents::start(runner, watch_options).await?;
        let (journal, tree) = (Arc::clone(&suspects.journal), Arc::clone(&lookout.tree));
        let dispatcher = Dispatcher::new(inbox, suspects, tree, n_workers());
        Ok(Self {
            lookout,
            watching,
            shared: Arc::new(Shared {
                app,
                slots,
                replier,
                journal,
                durability: options.durability,
                loaded: Arc::new(Semaphore::new(loaded_kib)),
                dispatcher: Mutex::new(dispatcher),
                given: Mutex::default(),
                unclaimed: Mutex::default(),
                changed: Notify::new(),
                events: sender,
            }),
            events,
            options,
            is_sweeping: false,
            steadiness: Steadiness::default(),
        })
    }

    /// Returns the app's folder.
    pub fn tree(&self) -> &Tree {
        &self.lookout.tree
    }

    /// Answers requests until it is told to stop, then finishes what is in
    /// progress. What could not be finished lies there unanswered and is found at
    /// the next start.
    pub async fn run(mut self, mut shutdown: Shutdown) -> Draining {
        failpoint::reach(Step::Serve, self.shared.app.name().as_str());
        // Not at once, when there is most to do.
        let every = self.options.sweep_every;
        let mut sweep = time::interval_at(TokioInstant::now() + every.min(FIRST_SWEEP), every);
        sweep.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut asked = time::interval(ASKED_EVERY);
        asked.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let watching = self.watching.take();
        let watching =
            watching.map(|it| tokio::spawn(watch(it, shutdown.clone()).in_current_span()));
        let shared = Arc::clone(&self.shared);
        loop {
            perform::start_workers(&shared);
            let wakes_at = self.look_at_dispatcher();
            tokio::select! {
                () = shutdown.requested() => break,
                Some(event) = self.events.recv() => self.handle(event),
                hints = hints(self.lookout.watcher.as_deref()) => self.take_hints(hints),
                () = shared.changed.notified() => {}
                () = sleep_until(wakes_at.map(Into::into)) => {}
                () = sleep_until(self.lookout.next_scan()) => {
                    self.lookout.scan(&shared.app, &self.options);
                    shared.dispatcher().move_to(&self.lookout.tree);
                }
                _ = sweep.tick() => self.sweep(),
                _ = asked.tick(), if shared.dispatcher().suspects.is_any_parked() => self.apply_requests(),
            }
        }
        drop(shared);
        self.finish(shutdown, watching).await
    }

    async fn finish(
        mut self,
        mut shutdown: Shutdown,
        watching: Option<JoinHandle<()>>,
    ) -> Draining {
        self.lookout.watcher = None;
        self.shared.journal.stopping();
        let n_active = || self.shared.dispatcher().inbox.n_active();
        self.shared.dispatcher().inbox.close();
        tracing::info!(
            n_active = n_active(),
            "stopping: calls in progress are finished"
        );
        let deadline = TokioInstant::now() + self.options.stop_within;
        while n_active() > 0 {
            perform::start_workers(&self.shared);
            tokio::select! {
                () = self.shared.changed.notified() => {}
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
        self.shared.journal.close();
        match n_active() {
            0 => tracing::info!("stopped"),
            n_left => tracing::warn!(n_left, "stopped; these calls run again at the next start"),
        }
        let Self { events, .. } = self;
        Draining(events)
    }

    /// Returns when there is something to do, and sees to what the dispatcher has missed.
    fn look_at_dispatcher(&mut self) -> Option<Instant> {
        let mut dispatcher = self.shared.dispatcher();
        if dispatcher.inbox.is_behind() {
            dispatcher.inbox.catch_up();
            self.lookout.scan_soon();
        }
        dispatcher.inbox.wakes_at()
    }

    fn handle(&mut self, event: Event) {
        match event {
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
        let router = self.shared.app.router();
        if hints.everything {
            self.lookout.scan_soon();
        }
        let (now, mut dispatcher) = (now(), self.shared.dispatcher());
        for (path, ids) in hints.requests {
            let Some(folder) = lookout::served_folder(router, &path) else {
                continue;
            };
            let folder = Arc::new(folder);
            for id in ids {
                let address = Address::new(Arc::clone(&folder), id);
                dispatcher.inbox.handle(now, inbox::Event::Seen(address));
            }
        }
        drop(dispatcher);
        if let Some(watcher) = &self.lookout.watcher {
            for path in &hints.gone_folders {
                watcher.forget(path);
            }
        }
        self.lookout.look_into(router, hints.new_folders);
    }

    fn take_scan(&mut self, scan: Scan, scope: Scope) {
        let found = inbox::Event::Found(scan.found);
        self.shared.dispatcher().inbox.handle(now(), found);
        self.shared.given().forget_old(Instant::now());
        let router = self.shared.app.router();
        self.lookout.scanned(router, scan.is_cut, scope);
    }

    /// Tries parked requests again that somebody asked for.
    fn apply_requests(&mut self) {
        let mut dispatcher = self.shared.dispatcher();
        let Dispatcher {
            inbox, suspects, ..
        } = &mut *dispatcher;
        for address in suspects.apply_requests(&self.lookout.tree, inbox) {
            inbox.handle(now(), inbox::Event::Again(address));
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
pub struct Draining(mpsc::UnboundedReceiver<Event>);

impl Draining {
    /// Waits until nothing of the app is open any more, so that it can be served again.
    pub async fn drained(mut self) {
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
async fn watch(watching: FileEvents, shutdown: Shutdown) {
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
