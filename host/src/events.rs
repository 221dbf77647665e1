//! Tells an app of files that change, while it is served.
//!
//! The loop here alone holds what is known: how files are (`ObservedFiles`) and what each
//! watch of the app was told (`DeliveredFiles`). Looking at a file takes microseconds and is done
//! right here; scans, calls and writing to the disk run in tasks of their own, each of
//! which ends with one `Step`. `noticing` finds out what changes, `telling` tells the
//! app, and `noting` writes down what was told.

mod deliver;
mod detect;
mod hints;
pub mod parked;
mod record;
mod restore;
mod scope;
mod walk;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use syft_protocol::file_events::{DeliveredFiles, FileEvent, ObservedFiles, RetryPolicy};
use syft_protocol::grant::PathPattern;
use syft_protocol::timestamp::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{self, Instant as TokioInstant};
use uuid::Uuid;

use crate::app::{App, CallError, Watch};
use crate::capability::files::OwnWrites;
use crate::journal::Journal;
use crate::sandbox::Outcome;
use crate::shutdown::Shutdown;
use crate::state::{Attempts, Note, StoreError, WatchNumber};
use crate::subscriptions::Subscriptions;

use detect::first_scan;
use hints::HintQueue;
use parked::ParkedEvent;
use view::{Coverage, MAX_FILES, Scan, View};
use walk::Walk;
use watches::Watch;

/// The least time between two scans of everything.
const SCAN_EVERY: Duration = Duration::from_secs(5);
/// How often somebody may have asked for a parked event.
const ASKED_EVERY: Duration = Duration::from_secs(1);
/// The time before something is tried again that the host could not do.
const TROUBLE: Duration = Duration::from_secs(1);

/// How an app is told of files.
#[derive(Debug, Clone)]
pub struct EventOptions {
    /// The folder that holds the datasites.
    pub datasites: PathBuf,
    /// The app's private folder.
    pub folder: PathBuf,
    /// When an event that failed is told again.
    pub retry: RetryPolicy,
}

/// What runs the app.
pub(crate) struct EventRunner {
    pub(crate) app: Arc<App>,
    pub(crate) journal: Arc<Journal>,
    /// One permit for each call that may run.
    pub(crate) slots: Arc<Semaphore>,
}

/// What a task ended with.
enum Step {
    Scanned(FileScan, Scope),
    Told(u64, Result<Result<(), Outcome>, CallError>, Duration),
    Noted(Result<(), StoreError>, Vec<Note>),
}

enum Scope {
    Folders,
    Everything { walk: Walk, took: Duration },
}

/// The watches of an app that is served.
pub(crate) struct Watching {
    runner: Arc<Runner>,
    options: WatchOptions,
    view: Arc<View>,
    eyes: Arc<Eyes>,
    deeds: Arc<OwnWrites>,
    sights: Sights,
    watches: Vec<(WatchNumber, Told)>,
    /// The watch that has its turn.
    turn: usize,
    running: HashMap<u64, (usize, FileEvent)>,
    next_key: u64,
    /// Paths of events that are being told, and of notes that are being written.
    busy: HashSet<Arc<str>>,
    unwritten: HashSet<Arc<str>>,
    paused_until: Option<Instant>,
    attempts: HashMap<Uuid, Attempts>,
    parked: HashMap<Uuid, ParkedEvent>,
    /// What is to be written, and whether something is being written.
    notes: Vec<Note>,
    is_writing: bool,
    new_folders: HashSet<Arc<str>>,
    /// How far the scan has come, while none is under way, and how long it took so far.
    walk: Option<Walk>,
    took: Duration,
    is_scanning: bool,
    is_urgent: bool,
    next_scan: TokioInstant,
    n_dropped: u64,
    is_over: bool,
    steps: mpsc::UnboundedReceiver<Step>,
    sender: mpsc::UnboundedSender<Step>,
}

impl FileEvents {
    /// Begins to watch, and finds out what has changed since the last run. Returns
    /// nothing where the app watches nothing.
    ///
    /// # Errors
    /// What was told in the last run cannot be read or written.
    pub(crate) async fn start(
        runner: EventRunner,
        options: EventOptions,
    ) -> anyhow::Result<Option<Self>> {
        let app = Arc::clone(&runner.app);
        let (files, watches) = (app.files(), app.watches());
        warn_of_vain(&app);
        warn_of_unsynced(&app, &options.datasites);
        let (Some(root), Some(deeds)) = (files.root(), files.own_writes()) else {
            return Ok(None);
        };
        let globs = watches.all().iter().map(|watch| watch.globs.clone());
        let coverage = Coverage::new(globs.collect(), Arc::clone(files.policy()));
        let view = Arc::new(WatchScope::new(
            Arc::clone(root),
            app.datasite().clone(),
            coverage,
        ));
        let eyes = Arc::new(Eyes::new());
        let (scan, walk) = first_scan(&view, Arc::clone(&eyes)).await?;
        let context = memory::Context {
            datasite: app.datasite(),
            app: app.name(),
            grants: files.grants(),
            policy: files.policy(),
            now: now_micros(),
        };
        let kept = app.state().watches()?;
        let memory = Restored::new(kept, watches.all(), &scan.files, &context);
        app.state().note(memory.notes).await?;
        let mut sights = ObservedFiles::new(MAX_FILES);
        let mut all = Vec::with_capacity(watches.all().len());
        for (watch, (number, files)) in watches.all().iter().zip(memory.told) {
            for (path, stamp) in &files {
                sights.remember(path, *stamp);
            }
            let mut told = DeliveredFiles::new(watch.globs.clone(), watch.kinds, options.retry);
            restore::recall(&mut told, files);
            all.push((number, told));
        }
        sights.scanned(Instant::now(), &scan.files);
        let (sender, steps) = mpsc::unbounded_channel();
        let mut watching = Self {
            deeds: Arc::clone(deeds),
            runner: Arc::new(runner),
            options,
            view,
            hints,
            sights,
            watches: all,
            turn: 0,
            running: HashMap::new(),
            next_key: 0,
            busy: HashSet::new(),
            unwritten: HashSet::new(),
            paused_until: None,
            attempts: memory.attempts,
            parked: memory.parked,
            notes: Vec::new(),
            is_writing: false,
            new_folders: HashSet::new(),
            walk: Some(walk),
            took: Duration::ZERO,
            is_scanning: false,
            is_urgent: false,
            next_scan: TokioInstant::now() + SCAN_EVERY,
            n_dropped: 0,
            is_over: false,
            steps,
            sender,
        };
        watching.mind_bounds();
        if scan.is_cut {
            watching.scan_soon();
        }
        watching.list_parked();
        Ok(Some(watching))
    }

    /// Tells the app of files until it is told to stop, then finishes what is in
    /// progress. What was not told is told after the next start.
    pub(crate) async fn run(mut self, mut shutdown: Shutdown) {
        let mut asked = time::interval(ASKED_EVERY);
        asked.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            self.tell_all();
            self.write_notes();
            let hints = Arc::clone(&self.hints);
            let deeds = Arc::clone(&self.deeds);
            let wakes_at = self.wakes_at();
            tokio::select! {
                () = shutdown.requested() => break,
                Some(step) = self.steps.recv() => self.take_steps(step),
                hints = hints.hints() => self.take_hints(hints),
                () = deeds.ended() => {}
                () = sleep_until(wakes_at) => self.look(),
                () = time::sleep_until(self.next_scan), if !self.is_scanning => self.scan(),
                _ = asked.tick(), if !self.parked.is_empty() => self.see_to_asked(),
            }
            self.take_deeds();
        }
        self.finish().await;
    }

    async fn finish(mut self) {
        while !self.running.is_empty() || self.is_writing {
            if let Some(step) = self.steps.recv().await {
                self.take_steps(step);
                self.take_deeds();
            }
            self.write_notes();
        }
    }

    fn wakes_at(&self) -> Option<Instant> {
        let failed = self.watches.iter().filter_map(|(_, told)| told.wakes_at());
        // Where nothing can be told, the end of what stands in the way wakes.
        let failed = failed.filter(|_| self.can_tell());
        let times = self.sights.wakes_at().into_iter().chain(failed);
        times.chain(self.paused_until).min()
    }

    fn take_steps(&mut self, first: Step) {
        self.take_step(first);
        while let Ok(step) = self.steps.try_recv() {
            self.take_step(step);
        }
    }

    fn take_step(&mut self, step: Step) {
        match step {
            Step::Scanned(scan, scope) => self.take_scan(scan, scope),
            Step::Told(key, result, took) => self.take_result(key, result, took),
            Step::Noted(result, notes) => self.take_noted(result, notes),
        }
    }
}

/// Warns of watches that can mean no file that the app may read.
fn warn_of_vain(app: &App) {
    for watch in app.watches().all() {
        let policy = Arc::clone(app.files().policy());
        let coverage = Coverage::new(vec![watch.globs.clone()], policy);
        if !coverage.may_cover_any() {
            let patterns = watch.patterns.join(", ");
            let hint = hint_to_read(app, watch);
            tracing::warn!(
                patterns,
                hint,
                "the app may read none of the files it watches"
            );
        }
    }
}

/// Warns of watches that are for files of others which SyftBox's client does not sync.
fn warn_of_unsynced(app: &App, datasites: &Path) {
    let subscriptions = Subscriptions::find(datasites, app.datasite());
    let own = app.datasite().as_str();
    for watch in app.watches().all() {
        let of_others = watch.globs.each().filter(|glob| {
            let start = glob.literal_start();
            start.first() != Some(&own) && app.files().policy().may_read_of_others(own)
        });
        let mut missing = of_others.filter_map(|glob| match glob.literal_start().as_slice() {
            [] => subscriptions.missing_of_others("**"),
            start => subscriptions.missing(&[start, &["any"]].concat(), "**"),
        });
        if let Some(missing) = missing.next() {
            let patterns = watch.patterns.join(", ");
            tracing::warn!(
                patterns,
                hint = missing,
                "SyftBox's client does not sync files of others that the app watches"
            );
        }
    }
}

/// Says which line would allow an app to read what a watch means.
fn hint_to_read(app: &App, watch: &Watch) -> Option<String> {
    let example = watch.globs.examples().next()?;
    let example: Vec<&str> = example.iter().map(String::as_str).collect();
    // What is not said in the same way to be granted is part of all files.
    let said = watch.patterns.iter().find(|it| !it.starts_with('!'))?;
    let said = match said.contains('/') {
        true => said.trim_start_matches('/').to_owned(),
        false => format!("**/{said}"),
    };
    let pattern = PathPattern::parse(&said).or_else(|_| PathPattern::parse("**"));
    app.files().hint_to_read(&pattern.ok()?, &example)
}

/// Waits for a time; for ever where there is none.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Sends a step to the loop. Once the loop has ended nobody wants it.
fn send(sender: &mpsc::UnboundedSender<Step>, step: Step) {
    if sender.send(step).is_err() {
        tracing::debug!("a step came after the end");
    }
}

fn now_micros() -> i64 {
    Timestamp::from_system_time(SystemTime::now()).micros()
}
