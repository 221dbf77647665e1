//! Serves one app: the loop that everything comes to.
//!
//! It tells the dispatcher what may have to be done about requests. Workers ask there what they
//! are to do and report how it ended; scans and the like end with one `Event` here. File events
//! take their turn in the same loop.

mod app_folder;
mod crash_suspects;
mod dispatch;
mod given;
mod perform;
mod scans;
mod unclaimed;

use std::panic::{AssertUnwindSafe, catch_unwind};
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
use tokio::time::{self, Instant as TokioInstant};

use crate::app::App;
use crate::durability::Durability;
use crate::events::{EventOptions, EventRunner, FileEvents, Wake};
use crate::failpoint::{self, Step};
use crate::journal::Journal;
use crate::reply::Replier;
use crate::shutdown::Shutdown;
use crate::suspension;
use crate::tree::{Hints, Scan, Tree, Watcher};

use app_folder::AppFolder;
use crash_suspects::CrashSuspects;
use dispatch::{Dispatcher, Finished};
use given::Given;
use scans::{RequestScans, Scope};
use unclaimed::Unclaimed;

/// How often the server looks whether the owner asked for something that is parked.
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
    scans: RequestScans,
    file_events: Option<FileEvents>,
    is_sweeping: bool,
    steadiness: Steadiness,
}

impl Server {
    /// Makes the app's folders and starts to watch them, and what the app watches.
    ///
    /// # Errors
    /// The tree cannot be written, a part of it is a symlink, or another host
    /// serves the app. What is kept of file events cannot be read.
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
        let folder = AppFolder::open(&app, &options)?;
        let scans = RequestScans::new(folder, sender.clone());
        let slots = Arc::new(Semaphore::new(app.limits().concurrency));
        let app = Arc::new(app);
        let suspects =
            CrashSuspects::find(&options.folder, &scans.folder.tree, &app, &mut inbox).await?;
        // It may be since what was found there.
        if let Some(suspended) = suspension::suspended(&options.folder)? {
            return Err(suspended.into());
        }
        let event_options = EventOptions {
            datasites: options.datasites.clone(),
            folder: options.folder.clone(),
            retry: options.retry,
        };
        let runner = EventRunner {
            app: Arc::clone(&app),
            journal: Arc::clone(&suspects.journal),
            slots: Arc::clone(&slots),
        };
        let file_events = FileEvents::start(runner, event_options).await?;
        let (journal, tree) = (
            Arc::clone(&suspects.journal),
            Arc::clone(&scans.folder.tree),
        );
        let dispatcher = Dispatcher::new(inbox, suspects, tree, n_workers());
        Ok(Self {
            scans,
            file_events,
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
        &self.scans.folder.tree
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
        let shared = Arc::clone(&self.shared);
        self.with_file_events(FileEvents::act);
        loop {
            perform::start_workers(&shared);
            let wakes_at = self.look_at_dispatcher();
            tokio::select! {
                () = shutdown.requested() => break,
                wake = file_events(self.file_events.as_mut()) => {
                    self.with_file_events(|events| events.go_on(wake));
                }
                Some(event) = self.events.recv() => self.handle(event),
                hints = hints(self.scans.folder.watcher.as_deref()) => self.take_hints(hints),
                () = shared.changed.notified() => {}
                () = sleep_until(wakes_at) => {}
                () = sleep_until(self.scans.due_at()) => {
                    self.scans.scan(&shared.app, &self.options);
                    shared.dispatcher().move_to(&self.scans.folder.tree);
                }
                _ = sweep.tick() => self.sweep(),
                _ = asked.tick() => self.apply_requests(),
            }
        }
        drop(shared);
        self.finish(shutdown).await
    }

    async fn finish(mut self, mut shutdown: Shutdown) -> Draining {
        self.scans.folder.watcher = None;
        let shared = Arc::clone(&self.shared);
        shared.journal.stopping();
        let n_active = || shared.dispatcher().inbox.n_active();
        shared.dispatcher().inbox.close();
        self.with_file_events(FileEvents::close);
        tracing::info!(
            n_active = n_active(),
            "stopping: calls in progress are finished"
        );
        let deadline = TokioInstant::now() + self.options.stop_within;
        loop {
            perform::start_workers(&shared);
            // What calls did to files is recorded after the last one of them.
            let is_over = n_active() == 0;
            self.with_file_events(FileEvents::act);
            if is_over && self.file_events.as_ref().is_none_or(FileEvents::is_drained) {
                break;
            }
            tokio::select! {
                () = shared.changed.notified() => {}
                wake = file_events(self.file_events.as_mut()) => {
                    self.with_file_events(|events| events.go_on(wake));
                }
                () = time::sleep_until(deadline) => break,
                () = shutdown.insisted() => break,
            }
        }
        self.shared.journal.close();
        match n_active() {
            0 => tracing::info!("stopped"),
            n_left => tracing::warn!(n_left, "stopped; these calls run again at the next start"),
        }
        drop(shared);
        let Self { events, .. } = self;
        Draining(events)
    }

    /// Returns when there is something to do, and sees to what the dispatcher has missed.
    fn look_at_dispatcher(&mut self) -> Option<Instant> {
        let mut dispatcher = self.shared.dispatcher();
        if dispatcher.inbox.is_behind() {
            dispatcher.inbox.catch_up();
            self.scans.scan_soon();
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

    /// Does something about file events. Should that break off by a fault of the host,
    /// requests are answered still, and the owner has to know.
    fn with_file_events(&mut self, step: impl FnOnce(&mut FileEvents)) {
        let Some(events) = &mut self.file_events else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| step(events))).is_err() {
            self.file_events = None;
            tracing::error!(
                "the host failed: no file events are delivered until the app is started again"
            );
        }
    }

    fn take_hints(&mut self, hints: Hints) {
        let router = self.shared.app.router();
        if hints.everything {
            self.scans.scan_soon();
        }
        let (now, mut dispatcher) = (now(), self.shared.dispatcher());
        for (path, ids) in hints.requests {
            let Some(folder) = scans::served_folder(router, &path) else {
                continue;
            };
            let folder = Arc::new(folder);
            for id in ids {
                let address = Address::new(Arc::clone(&folder), id);
                dispatcher.inbox.handle(now, inbox::Event::Seen(address));
            }
        }
        drop(dispatcher);
        if let Some(watcher) = &self.scans.folder.watcher {
            for path in &hints.gone_folders {
                watcher.forget(path);
            }
        }
        self.scans.look_into(router, hints.new_folders);
    }

    fn take_scan(&mut self, scan: Scan, scope: Scope) {
        let found = inbox::Event::Found(scan.found);
        self.shared.dispatcher().inbox.handle(now(), found);
        self.shared.given().forget_old(Instant::now());
        let router = self.shared.app.router();
        self.scans.scanned(router, scan.is_cut, scope);
    }

    /// Does with parked requests and events what the owner asked for.
    fn apply_requests(&mut self) {
        if self
            .file_events
            .as_ref()
            .is_some_and(FileEvents::has_parked)
        {
            self.with_file_events(FileEvents::apply_requests);
        }
        let mut dispatcher = self.shared.dispatcher();
        let Dispatcher {
            inbox, suspects, ..
        } = &mut *dispatcher;
        if !suspects.is_any_parked() {
            return;
        }
        for address in suspects.apply_requests(&self.scans.folder.tree, inbox) {
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
        let (tree, events) = (
            Arc::clone(&self.scans.folder.tree),
            self.shared.events.clone(),
        );
        let (endpoints, retention) = (self.scans.folder.endpoints(), self.options.retention);
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

/// Waits until file events have something to do; for ever where nothing is watched.
async fn file_events(events: Option<&mut FileEvents>) -> Wake {
    match events {
        Some(events) => events.wake().await,
        None => std::future::pending().await,
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
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
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
