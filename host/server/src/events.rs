//! Delivers file events to an app while it is served.
//!
//! What is done, and when, is decided by the protocol crate's `EventQueue`. Here is the IO
//! that it asks for: `hints` of changes from the kernel, looks and scans (`detect`) at the
//! files that concern the app (`scope`), calls of the app (`deliver`), and what is kept of
//! it on the disk (`record`, `restore`). Looking at a file takes microseconds and is done
//! in the server's loop; scans, calls and writes run in tasks of their own, each of which
//! ends with one event.
//!
//! Why: docs/decisions/29-events-and-requests-share-calls.md

mod deliver;
mod detect;
mod hints;
mod mismatch;
mod record;
mod report;
mod restore;
mod scope;
mod walk;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use syft_protocol::file_events::{
    Event, EventAction, EventQueue, LeftBehind, NumberedWatch, QueueOptions, RetryPolicy,
};
use syft_protocol::now::Now;
use syft_protocol::timestamp::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time;

use crate::app::App;
use crate::journal::Journal;
use crate::parked::{MAX_PARKED, ParkedAction, ParkedStore};
use crate::private_folder::PrivateFolder;
use crate::scanner_count::ScannerCount;
use syft_runtime::capability::files::OwnWrites;

pub(crate) use deliver::failure;
use hints::{HintQueue, Hints};
use restore::Restored;
use scope::{Coverage, MAX_FILES, WatchScope};
use walk::Walk;

/// How events are delivered.
#[derive(Debug, Clone)]
pub struct EventOptions {
    /// The folder that holds the datasites.
    pub datasites: PathBuf,
    /// The app's private folder.
    pub folder: PrivateFolder,
    /// When an event that failed is delivered again.
    pub retry: RetryPolicy,
}

/// What runs the app where nobody waits for an answer.
pub(crate) struct EventRunner {
    pub(crate) app: Arc<App>,
    pub(crate) journal: Arc<Journal>,
    /// One permit for each call that may run.
    slots: Arc<Semaphore>,
    /// Half of the calls at a time are for requests alone: one permit for each other one.
    background: Arc<Semaphore>,
}

/// The permits of a call.
pub(crate) struct Slots {
    _of_all: OwnedSemaphorePermit,
    _background: OwnedSemaphorePermit,
}

impl EventRunner {
    pub(crate) fn new(app: Arc<App>, journal: Arc<Journal>, slots: Arc<Semaphore>) -> Self {
        let n_background = most_in_background(&app);
        Self {
            app,
            journal,
            slots,
            background: Arc::new(Semaphore::new(n_background)),
        }
    }

    /// Returns how many such calls may run at the same time.
    pub(crate) fn most_in_background(&self) -> usize {
        most_in_background(&self.app)
    }

    /// Waits until another call may run.
    pub(crate) async fn slots(&self) -> Slots {
        let acquire = async |permits: &Arc<Semaphore>| {
            let permit = Arc::clone(permits).acquire_owned().await;
            permit.expect("nobody closes them")
        };
        Slots {
            _background: acquire(&self.background).await,
            _of_all: acquire(&self.slots).await,
        }
    }
}

fn most_in_background(app: &App) -> usize {
    (app.limits().concurrency / 2).max(1)
}

/// Why the server has to see to file events.
pub(crate) enum Wake {
    /// A task ended.
    Ended(EndedTask),
    /// Something may have changed in the tree.
    Hints(Hints),
    /// A call of the app ended that changed files, or something is due.
    Due,
}

/// How a task ended.
pub(crate) struct EndedTask {
    event: Event,
    /// Where the scan of everything stopped, if it was that.
    walk: Option<Walk>,
}

/// The file events of an app that is served.
pub(crate) struct FileEvents {
    runner: Arc<EventRunner>,
    scope: Arc<WatchScope>,
    hints: Arc<HintQueue>,
    own_writes: Arc<OwnWrites>,
    queue: EventQueue,
    walk: Option<Walk>,
    parked: ParkedStore,
    _scanner: ScannerCount,
    ended: mpsc::UnboundedReceiver<EndedTask>,
    sender: mpsc::UnboundedSender<EndedTask>,
}

impl FileEvents {
    /// Begins to watch, and finds out what has changed since the last run. Returns
    /// nothing where the app watches nothing.
    ///
    /// # Errors
    /// What was kept in the last run cannot be read or written.
    pub(crate) async fn start(
        runner: Arc<EventRunner>,
        options: EventOptions,
    ) -> anyhow::Result<Option<Self>> {
        let app = Arc::clone(&runner.app);
        let (files, watches) = (app.files(), app.watches());
        mismatch::warn_of_unreadable(&app);
        mismatch::warn_of_unsynced(&app, &options.datasites);
        let (Some(root), Some(own_writes)) = (files.root(), files.own_writes()) else {
            return Ok(None);
        };
        let globs = watches.all().iter().map(|watch| watch.globs.clone());
        let coverage = Coverage::new(globs.collect(), Arc::clone(files.policy()));
        let scope = WatchScope::new(Arc::clone(root), app.datasite().clone(), coverage);
        let (scope, hints) = (Arc::new(scope), Arc::new(HintQueue::new()));
        let scanner = ScannerCount::add_one();
        let (scanned, walk) = detect::first_scan(&scope, Arc::clone(&hints)).await?;
        let context = restore::Context {
            datasite: app.datasite(),
            app: app.name(),
            grants: files.grants(),
            policy: files.policy(),
            now: now().wall.micros(),
        };
        let kept = app.state().watches()?;
        let restored = Restored::new(kept, watches.all(), &scanned.files, &context);
        app.state().record(restored.records).await?;
        let limits = QueueOptions {
            scope: format!("{}/{}", app.datasite(), app.name()),
            most_files: MAX_FILES,
            most_delivering: runner.most_in_background(),
            most_parked: MAX_PARKED,
            retry: options.retry,
        };
        let all = watches.all().iter().zip(restored.delivered);
        let all = all.map(|(watch, (number, delivered))| NumberedWatch {
            number,
            patterns: watch.patterns.clone(),
            globs: watch.globs.clone(),
            kinds: watch.kinds,
            delivered: delivered.into_iter().collect(),
        });
        let left = LeftBehind {
            attempts: restored.attempts,
            parked: restored.parked,
        };
        let mut queue = EventQueue::new(now(), limits, all.collect(), left);
        queue.handle(now(), Event::Scanned(scanned));
        let (sender, ended) = mpsc::unbounded_channel();
        Ok(Some(Self {
            own_writes: Arc::clone(own_writes),
            runner,
            scope,
            hints,
            queue,
            walk: Some(walk),
            parked: ParkedStore::events(&options.folder),
            _scanner: scanner,
            ended,
            sender,
        }))
    }

    /// Waits until there is something to do; then [`FileEvents::go_on`]. Nothing is lost
    /// where the server stops to wait.
    pub(crate) async fn wake(&mut self) -> Wake {
        let wakes_at = self.queue.wakes_at();
        tokio::select! {
            Some(ended) = self.ended.recv() => Wake::Ended(ended),
            hints = self.hints.hints() => Wake::Hints(hints),
            () = self.own_writes.ended() => Wake::Due,
            () = sleep_until(wakes_at) => Wake::Due,
        }
    }

    /// Takes note of what happened, and begins all that follows.
    pub(crate) fn go_on(&mut self, wake: Wake) {
        match wake {
            Wake::Ended(ended) => self.take_ended(ended),
            Wake::Hints(hints) => self.take_hints(hints),
            Wake::Due => {}
        }
        while let Ok(ended) = self.ended.try_recv() {
            self.take_ended(ended);
        }
        self.act();
    }

    /// Begins all that is to be done now.
    pub(crate) fn act(&mut self) {
        self.take_own_writes();
        while let Some(action) = self.queue.poll(now()) {
            self.perform(action);
            self.take_own_writes();
        }
    }

    /// Starts nothing new from here on; what is being delivered is finished.
    pub(crate) fn close(&mut self) {
        self.queue.close();
    }

    /// Tells whether all is finished and recorded.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_drained()
    }

    /// Returns how many parked events there are that the owner may ask for.
    pub(crate) fn n_parked(&self) -> usize {
        self.queue.n_parked()
    }

    /// Does with parked events what the owner asked for.
    pub(crate) fn apply_requests(&mut self) {
        for (id, asked) in self.parked.asked() {
            self.handle(match asked {
                ParkedAction::Retry => Event::Retry(id),
                ParkedAction::Drop => Event::Drop(id),
            });
            tracing::info!(%id, ?asked, "asked for");
            self.parked.done(id, asked);
        }
        self.act();
    }

    /// Has the queue know what the app itself did before anything that may come of it.
    fn handle(&mut self, event: Event) {
        self.take_own_writes();
        self.queue.handle(now(), event);
    }

    fn take_ended(&mut self, ended: EndedTask) {
        if ended.walk.is_some() {
            self.walk = ended.walk;
        }
        self.handle(ended.event);
    }

    fn perform(&mut self, action: EventAction) {
        match action {
            EventAction::Look(path) => {
                let found = self.scope.look(&path);
                self.handle(Event::Looked(path, found));
            }
            EventAction::Scan(scope) => self.scan(scope),
            EventAction::Deliver(delivery) => deliver::start(&self.runner, *delivery, &self.sender),
            EventAction::Record(records) => record::start(&self.runner, records, &self.sender),
            EventAction::ListParked => self.list_parked(),
            EventAction::Report(report) => report::log(*report),
        }
    }

    fn list_parked(&self) {
        if let Err(error) = self.parked.write(&self.queue.parked()) {
            tracing::error!("cannot list the parked events: {error}");
        }
    }
}

/// Waits for a time; for ever where there is none.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Sends the end of a task to the loop. Once the loop has ended nobody wants it.
fn send(sender: &mpsc::UnboundedSender<EndedTask>, event: Event, walk: Option<Walk>) {
    if sender.send(EndedTask { event, walk }).is_err() {
        tracing::debug!("a task ended after the server");
    }
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::from_system_time(SystemTime::now()),
    }
}
