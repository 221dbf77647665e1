//! Serves one app: the loop that everything comes to.
//!
//! The loop passes what may have to be done to the dispatcher. Workers fetch their actions there
//! and report the results there. Background jobs, such as scans, report to the loop with one
//! `ServerEvent`. File events and calls that are due take their turn in the same loop.

mod app_folder;
mod background;
mod crash_suspects;
mod dispatch;
mod job;
mod load;
mod load_view;
mod local_requests;
mod options;
mod scans;
mod unclaimed_answers;
mod worker;
mod written_answers;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use syft_manifest::AccessGrants;
use syft_protocol::address::Address;
use syft_protocol::inbox::{self, Inbox, InboxLimits};
use syft_protocol::now::Now;
use syft_protocol::retention::{Retention, Steadiness};
use syft_protocol::timestamp::Timestamp;
use syft_system::boot;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{self, Instant as TokioInstant};

use crate::app::App;
use crate::courier::{Courier, CourierSetup};
use crate::events::{EventOptions, EventRunner};
use crate::journal::Journal;
use crate::local::LocalRequest;
use crate::private_folder::PrivateFolder;
use crate::shutdown::Shutdown;
use crate::suspension;
use crate::tree::{Sweep, Tree, TreeHints, TreeScan, TreeWatcher};
use syft_runtime::durability::Durability;
use syft_runtime::failpoint::{self, Step};

use app_folder::AppFolder;
use background::Background;
use crash_suspects::CrashSuspects;
use dispatch::{Dispatcher, Finished};
pub use load_view::{LoadView, ServerLoad};
use local_requests::LocalRequests;
pub use options::ServeOptions;
use scans::{RequestScans, Scope};
use unclaimed_answers::UnclaimedAnswers;
use written_answers::WrittenAnswers;

/// How often the server looks whether the owner asked for something that is parked, or to be
/// recorded.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// When old requests are first deleted: not at the start, when there is most to do.
const FIRST_SWEEP: Duration = Duration::from_secs(60);

/// Where one app is served, and how.
#[derive(Debug, Clone)]
pub struct ServerSetup {
    /// The folder that holds the datasites.
    pub datasites: PathBuf,
    /// What the host keeps for the app.
    pub folder: PrivateFolder,
    /// The access rules that it asks for.
    pub access: AccessGrants,
    /// How apps are served.
    pub options: ServeOptions,
}

/// A background job of the server that finished.
enum ServerEvent {
    /// A scan ended.
    Scanned(TreeScan, Scope),
    /// Old requests were deleted.
    Swept(usize),
}

/// What the tasks of the server share.
struct ServerShared {
    app: Arc<App>,
    /// One permit for each call that may run, of a request or an event.
    slots: Arc<Semaphore>,
    journal: Arc<Journal>,
    durability: Durability,
    /// One permit for each KiB of request files in memory.
    loaded: Arc<Semaphore>,
    dispatcher: Mutex<Dispatcher>,
    written_answers: Mutex<WrittenAnswers>,
    unclaimed_answers: Mutex<UnclaimedAnswers>,
    local_requests: Mutex<LocalRequests>,
    /// Events and calls that are due, as last counted.
    n_parked_events: AtomicUsize,
    /// Wakes the loop when it has to look at the dispatcher.
    changed: Notify,
    /// Dropped last: see [`Draining`].
    events: mpsc::UnboundedSender<ServerEvent>,
}

impl ServerShared {
    fn dispatcher(&self) -> MutexGuard<'_, Dispatcher> {
        self.dispatcher
            .lock()
            .expect("no holder of this lock panics")
    }

    fn written_answers(&self) -> MutexGuard<'_, WrittenAnswers> {
        self.written_answers
            .lock()
            .expect("no holder of this lock panics")
    }

    fn unclaimed_answers(&self) -> MutexGuard<'_, UnclaimedAnswers> {
        self.unclaimed_answers
            .lock()
            .expect("no holder of this lock panics")
    }

    fn local_requests(&self) -> MutexGuard<'_, LocalRequests> {
        self.local_requests
            .lock()
            .expect("no holder of this lock panics")
    }

    /// Reports the result of an action to the dispatcher, and goes on there.
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
    shared: Arc<ServerShared>,
    events: mpsc::UnboundedReceiver<ServerEvent>,
    setup: ServerSetup,
    scans: RequestScans,
    background: Background,
    is_sweeping: bool,
    steadiness: Steadiness,
}

impl Server {
    /// Makes the app's folders and starts to watch them, and what the app watches.
    ///
    /// # Errors
    /// The tree cannot be written, a part of it is a symlink, or another host
    /// serves the app. The record of delivered file events cannot be read.
    pub async fn new(app: App, setup: ServerSetup) -> anyhow::Result<Self> {
        let mut inbox = Inbox::new(InboxLimits {
            active: app.limits().concurrency,
            active_per_sender: app.limits().concurrency_per_sender(),
            ..InboxLimits::default()
        });
        let loaded_kib = usize::try_from(app.limits().loaded_bytes >> 10)?;
        let (sender, events) = mpsc::unbounded_channel();
        let folder = AppFolder::open(&app, &setup)?;
        let scans = RequestScans::new(folder, sender.clone());
        let slots = Arc::new(Semaphore::new(app.limits().concurrency));
        let app = Arc::new(app);
        let suspects =
            CrashSuspects::find(&setup.folder, &scans.folder.tree, &app, &mut inbox).await?;
        // What was found there may have suspended it.
        if let Some(suspended) = suspension::suspended(&setup.folder)? {
            return Err(suspended.into());
        }
        let event_options = EventOptions {
            datasites: setup.datasites.clone(),
            folder: setup.folder.clone(),
            retry: setup.options.retry,
        };
        let (journal, calls) = (Arc::clone(&suspects.journal), Arc::clone(&slots));
        let runner = EventRunner::new(Arc::clone(&app), journal, calls);
        let background = Background::start(runner, event_options).await?;
        let (journal, tree) = (
            Arc::clone(&suspects.journal),
            Arc::clone(&scans.folder.tree),
        );
        let dispatcher = Dispatcher::new(inbox, suspects, tree, n_workers());
        Ok(Self {
            scans,
            background,
            shared: Arc::new(ServerShared {
                app,
                slots,
                journal,
                durability: setup.options.store.durability,
                loaded: Arc::new(Semaphore::new(loaded_kib)),
                dispatcher: Mutex::new(dispatcher),
                written_answers: Mutex::default(),
                unclaimed_answers: Mutex::default(),
                local_requests: Mutex::default(),
                n_parked_events: AtomicUsize::new(0),
                changed: Notify::new(),
                events: sender,
            }),
            events,
            setup,
            is_sweeping: false,
            steadiness: Steadiness::default(),
        })
    }

    /// Returns the app's folder.
    pub fn tree(&self) -> &Tree {
        &self.scans.folder.tree
    }

    /// Answers requests until it has to stop, then finishes what is in progress. Requests
    /// that could not be finished stay unanswered in the tree and are found at the next start.
    pub async fn run(mut self, mut shutdown: Shutdown) -> Draining {
        failpoint::reach(Step::Serve, self.shared.app.name().as_str());
        let every = self.setup.options.sweep_every;
        let mut sweep = time::interval_at(TokioInstant::now() + every.min(FIRST_SWEEP), every);
        sweep.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut asked = time::interval(ASKED_EVERY);
        asked.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let shared = Arc::clone(&self.shared);
        let mut door = self.setup.options.local_apps.open(&shared.app);
        let courier = self.start_courier();
        self.background.act();
        loop {
            worker::start_workers(&shared);
            let wakes_at = self.look_at_dispatcher();
            tokio::select! {
                () = shutdown.requested() => break,
                wake = self.background.wake() => {
                    let has_ended = wake.has_ended();
                    self.background.go_on(wake);
                    if has_ended {
                        self.make_ready();
                    }
                }
                Some(event) = self.events.recv() => self.handle(event),
                Some(request) = door.next() => self.take_local(request),
                hints = hints(self.scans.folder.watcher.as_deref()) => self.take_hints(hints),
                () = shared.changed.notified() => {}
                () = sleep_until(wakes_at) => {}
                () = sleep_until(self.scans.due_at()) => {
                    self.scans.scan(&shared.app, &self.setup);
                    shared.dispatcher().move_to(&self.scans.folder.tree);
                }
                _ = sweep.tick() => self.sweep(),
                _ = asked.tick() => self.apply_requests(),
            }
        }
        drop(shared);
        drop(door);
        self.finish(shutdown, courier).await
    }

    /// Begins to carry messages. What calls wait for is carried until the last of them has ended.
    fn start_courier(&self) -> Courier {
        let setup = CourierSetup {
            app: Arc::clone(&self.shared.app),
            datasites: self.setup.datasites.clone(),
            local_apps: self.setup.options.local_apps.clone(),
            durability: self.shared.durability,
            due: self.background.due_sender(),
        };
        Courier::start(setup, Box::new(self.shared.events.clone()))
    }

    async fn finish(mut self, mut shutdown: Shutdown, courier: Courier) -> Draining {
        self.scans.folder.watcher = None;
        let shared = Arc::clone(&self.shared);
        shared.journal.stopping();
        let n_active = || shared.dispatcher().inbox.n_active();
        shared.dispatcher().inbox.close();
        shared.app.stop_waiting();
        self.background.close();
        tracing::info!(
            n_active = n_active(),
            "stopping: calls in progress are finished"
        );
        let stop_within = self.setup.options.stop_within;
        let stop_within = stop_within.unwrap_or(shared.app.limits().time);
        let deadline = TokioInstant::now() + stop_within;
        loop {
            worker::start_workers(&shared);
            // What calls did to files is recorded after the last one of them.
            let is_over = n_active() == 0;
            self.background.act();
            if is_over && self.background.is_drained() {
                break;
            }
            tokio::select! {
                () = shared.changed.notified() => {}
                wake = self.background.wake() => self.background.go_on(wake),
                () = time::sleep_until(deadline) => break,
                () = shutdown.insisted() => break,
            }
        }
        self.shared.journal.close();
        match n_active() {
            0 => tracing::info!("stopped"),
            n_left => tracing::warn!(n_left, "stopped; these calls run again at the next start"),
        }
        drop((shared, courier));
        self.shared.local_requests().clear();
        let Self { events, .. } = self;
        Draining(events)
    }

    /// Returns when there is something to do, and has a scan find what the inbox had no room for.
    fn look_at_dispatcher(&mut self) -> Option<Instant> {
        let mut dispatcher = self.shared.dispatcher();
        if dispatcher.inbox.is_behind() {
            dispatcher.inbox.catch_up();
            self.scans.scan_soon();
        }
        dispatcher.inbox.wakes_at()
    }

    /// Makes an instance ready for the next call, if none is at work.
    fn make_ready(&self) {
        let shared = Arc::clone(&self.shared);
        if shared.slots.available_permits() >= shared.app.limits().concurrency {
            tokio::spawn(async move { shared.app.make_ready().await });
        }
    }

    fn handle(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Scanned(scan, scope) => self.take_scan(scan, scope),
            ServerEvent::Swept(n_deleted) => {
                self.is_sweeping = false;
                if n_deleted > 0 {
                    tracing::info!(n_deleted, "old requests deleted");
                }
            }
        }
    }

    fn take_hints(&mut self, hints: TreeHints) {
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

    /// Takes a request that another app of this process has handed over.
    fn take_local(&self, request: LocalRequest) {
        let address = self.shared.local_requests().take(request);
        let mut dispatcher = self.shared.dispatcher();
        dispatcher.inbox.handle(now(), inbox::Event::Seen(address));
    }

    fn take_scan(&mut self, scan: TreeScan, scope: Scope) {
        let found = inbox::Event::Found(scan.found);
        let local = self.shared.local_requests().addresses();
        let mut dispatcher = self.shared.dispatcher();
        dispatcher.inbox.handle(now(), found);
        for address in local {
            dispatcher.inbox.handle(now(), inbox::Event::Seen(address));
        }
        drop(dispatcher);
        self.shared.written_answers().forget_old(Instant::now());
        let router = self.shared.app.router();
        self.scans.scanned(router, scan.is_cut, scope);
    }

    /// Does what the owner asked for: with parked requests and events, and with what is recorded.
    fn apply_requests(&mut self) {
        self.shared.app.look_for_recordings();
        let n_parked = self.background.n_parked();
        let counted = &self.shared.n_parked_events;
        counted.store(n_parked, Ordering::Relaxed);
        self.background.apply_requests();
        let mut dispatcher = self.shared.dispatcher();
        let Dispatcher {
            inbox, suspects, ..
        } = &mut *dispatcher;
        if suspects.n_parked() == 0 {
            return;
        }
        for address in suspects.apply_requests(&self.scans.folder.tree, inbox) {
            inbox.handle(now(), inbox::Event::Again(address));
        }
    }

    fn sweep(&mut self) {
        if !self.steadiness.is_steady(boot::since_start(), now().wall) {
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
        let endpoints = self.scans.folder.endpoints();
        let retention = Retention {
            keep: self.setup.options.store.keep,
        };
        let request_bytes = self.shared.app.limits().request_bytes;
        let app = Arc::clone(&self.shared.app);
        tokio::task::spawn_blocking(move || {
            let now = now().wall;
            let sweep = Sweep {
                tree: &tree,
                retention,
                now,
                request_bytes,
            };
            let endpoints = endpoints.iter();
            let n_deleted = endpoints.map(|endpoint| sweep.endpoint(endpoint)).sum();
            let is_waiting = |address: &Address| tree.is_waiting(address);
            if let Err(error) = Handle::current().block_on(app.sweep(is_waiting, now)) {
                tracing::error!("cannot forget old answers: {error}");
            }
            drop((tree, app));
            send(&events, ServerEvent::Swept(n_deleted));
        });
    }
}

/// What is still at work for a server that has ended: perhaps a scan, or a call that took too
/// long.
pub struct Draining(mpsc::UnboundedReceiver<ServerEvent>);

impl Draining {
    /// Waits until nothing of the app is open, so that it can be served again.
    pub async fn drained(mut self) {
        // Each task drops the app and its folder before its sender.
        while self.0.recv().await.is_some() {}
    }
}

/// Returns the number of threads that run tasks.
fn n_workers() -> usize {
    Handle::current().metrics().num_workers()
}

/// Waits for hints, or for ever if nothing is watched.
async fn hints(watcher: Option<&TreeWatcher>) -> TreeHints {
    match watcher {
        Some(watcher) => watcher.hints().await,
        None => std::future::pending().await,
    }
}

/// Waits until a time, or for ever without one.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Sends an event to the loop. After the loop has ended it is dropped.
fn send(events: &mpsc::UnboundedSender<ServerEvent>, event: ServerEvent) {
    if events.send(event).is_err() {
        tracing::debug!("an event came after the end");
    }
}

/// Reads the clocks: here, and nowhere in what decides.
fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::from_system_time(SystemTime::now()),
    }
}
