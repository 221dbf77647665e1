//! Tells an app of files that change, while it is served.
//!
//! The loop here alone holds what is known: how files are (`Sights`) and what each
//! watch of the app was told (`Told`). Looking at a file takes microseconds and is done
//! right here; scans, calls and writing to the disk run in tasks of their own, each of
//! which ends with one `Step`.

mod eyes;
mod memory;
pub mod parked;
mod view;
pub mod watches;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use syft_protocol::timestamp::Timestamp;
use syft_protocol::watching::{Change, Event, Failed, Hint, Retry, Sights, Told};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{self, Instant as TokioInstant};
use uuid::Uuid;

use crate::app::App;
use crate::capability::files::Deeds;
use crate::sandbox::{Outcome, Sandbox};
use crate::server::Shutdown;
use crate::state::{Attempts, Note, StoreError, WatchNumber};

use eyes::{Eyes, Hints};
use memory::Memory;
use parked::{Asked, MAX_PARKED, Parked};
use view::{Coverage, MAX_FILES, Scan, View};

/// The least time between two scans of everything, and the share of the time that
/// they take at most; less of both where events were lost.
const SCAN_EVERY: Duration = Duration::from_secs(5);
const SCAN_SHARE: u32 = 20;
const URGENT_EVERY: Duration = Duration::from_millis(100);
/// How often somebody may have asked for a parked event.
const ASKED_EVERY: Duration = Duration::from_secs(1);
/// The time before something is tried again that the host could not do.
const TROUBLE: Duration = Duration::from_secs(1);
/// Files that are looked at before others have their turn.
const LOOKS_AT_ONCE: usize = 1_024;

/// How an app is told of files.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// The app's private folder.
    pub folder: PathBuf,
    /// When an event that failed is told again.
    pub retry: Retry,
}

/// What runs the app.
pub(crate) struct Runner {
    pub(crate) app: Arc<App>,
    pub(crate) sandbox: Arc<Sandbox>,
    /// One permit for each call that may run.
    pub(crate) slots: Arc<Semaphore>,
}

/// What a task ended with.
enum Step {
    Scanned(Scan, Scope),
    Told(u64, Result<Result<(), Outcome>, StoreError>, Duration),
    Noted(Result<(), StoreError>, Vec<Note>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Folders,
    Everything { took: Duration },
}

/// The watches of an app that is served.
pub(crate) struct Watching {
    runner: Arc<Runner>,
    options: WatchOptions,
    view: Arc<View>,
    eyes: Option<Arc<Eyes>>,
    deeds: Arc<Deeds>,
    sights: Sights,
    watches: Vec<(WatchNumber, Told)>,
    /// The watch that has its turn.
    turn: usize,
    running: HashMap<u64, (usize, Event)>,
    next_key: u64,
    /// Paths of events that are being told, and of notes that are being written.
    busy: HashSet<Arc<str>>,
    unwritten: HashSet<Arc<str>>,
    paused_until: Option<Instant>,
    attempts: HashMap<Uuid, Attempts>,
    parked: HashMap<Uuid, Parked>,
    /// What is to be written, and whether something is being written.
    notes: Vec<Note>,
    is_writing: bool,
    new_folders: HashSet<Arc<str>>,
    is_scanning: bool,
    is_urgent: bool,
    next_scan: TokioInstant,
    n_dropped: u64,
    is_cut: bool,
    steps: mpsc::UnboundedReceiver<Step>,
    sender: mpsc::UnboundedSender<Step>,
}

impl Watching {
    /// Begins to watch, and finds out what has changed since the last run. Returns
    /// nothing where the app watches nothing.
    ///
    /// # Errors
    /// What was told in the last run cannot be read or written.
    pub(crate) async fn start(
        runner: Runner,
        options: WatchOptions,
    ) -> anyhow::Result<Option<Self>> {
        let app = Arc::clone(&runner.app);
        let (files, watches) = (app.files(), app.watches());
        warn_of_vain(&app);
        let (Some(root), Some(deeds)) = (files.root(), files.deeds()) else {
            return Ok(None);
        };
        let globs = watches.all().iter().map(|watch| watch.globs.clone());
        let coverage = Coverage::new(globs.collect(), Arc::clone(files.policy()));
        let view = Arc::new(View::new(Arc::clone(root), coverage));
        let eyes = Eyes::new()
            .inspect_err(|error| tracing::warn!("not watching, only scanning: {error:#}"))
            .ok()
            .map(Arc::new);
        let scan = first_scan(&view, eyes.clone()).await?;
        let context = memory::Context {
            datasite: app.datasite(),
            app: app.name(),
            grants: files.grants(),
            policy: files.policy(),
            now: now_micros(),
        };
        let kept = app.state().watches()?;
        let memory = Memory::new(kept, watches.all(), &scan.files, &context);
        app.state().note(memory.notes).await?;
        let mut sights = Sights::new(MAX_FILES);
        let mut all = Vec::with_capacity(watches.all().len());
        for (watch, (number, files)) in watches.all().iter().zip(memory.told) {
            for (path, stamp) in &files {
                sights.remember(path, *stamp);
            }
            let mut told = Told::new(watch.globs.clone(), watch.kinds, options.retry);
            memory::recall(&mut told, files);
            all.push((number, told));
        }
        sights.scanned(Instant::now(), &scan.files);
        let (sender, steps) = mpsc::unbounded_channel();
        let mut watching = Self {
            deeds: Arc::clone(deeds),
            runner: Arc::new(runner),
            options,
            view,
            eyes,
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
            is_scanning: false,
            is_urgent: false,
            next_scan: TokioInstant::now() + SCAN_EVERY,
            n_dropped: 0,
            is_cut: false,
            steps,
            sender,
        };
        watching.mind_bounds(scan.is_cut);
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
            let eyes = self.eyes.clone();
            let deeds = Arc::clone(&self.deeds);
            let wakes_at = self.wakes_at();
            tokio::select! {
                () = shutdown.requested() => break,
                Some(step) = self.steps.recv() => self.take_steps(step),
                hints = hints(eyes.as_deref()) => self.take_hints(hints),
                () = deeds.ended() => {}
                () = sleep_until(wakes_at) => self.look(),
                () = time::sleep_until(self.next_scan), if !self.is_scanning => self.scan(),
                _ = asked.tick() => self.see_to_asked(),
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
            Step::Scanned(scan, scope) => self.take_scan(&scan, scope),
            Step::Told(key, result, took) => self.take_result(key, result, took),
            Step::Noted(result, notes) => self.take_noted(result, notes),
        }
    }
}

/// Finding out what changes.
impl Watching {
    fn take_hints(&mut self, hints: Hints) {
        let now = Instant::now();
        if hints.everything {
            tracing::debug!("too much happened at once: everything is scanned");
            self.scan_soon();
        }
        for folder in hints.gone_folders {
            if let Some(eyes) = &self.eyes {
                eyes.forget(&folder);
            }
            self.sights.hint_below(now, &folder);
        }
        for (path, hint) in hints.files {
            if self.sights.get(&path).is_some() || self.view.covers(&path) {
                self.sights.hint(now, &path, hint);
            }
        }
        self.new_folders.extend(hints.new_folders);
        self.scan_new_folders();
        self.look();
    }

    /// Looks at the files that are due.
    fn look(&mut self) {
        let mut changed = Vec::new();
        for _ in 0..LOOKS_AT_ONCE {
            let now = Instant::now();
            let Some(path) = self.sights.next_look(now) else {
                break;
            };
            let found = self.view.look(&path);
            self.sights.looked(now, &path, found, &mut changed);
        }
        self.take_changed(&changed);
    }

    fn take_changed(&mut self, changed: &[Arc<str>]) {
        for (_, told) in &mut self.watches {
            for path in changed {
                told.changed(&self.sights, path);
            }
        }
    }

    fn scan_soon(&mut self) {
        self.is_urgent = true;
        self.next_scan = self.next_scan.min(TokioInstant::now() + URGENT_EVERY);
    }

    fn scan(&mut self) {
        self.is_urgent = false;
        self.new_folders.clear();
        self.start_scan(vec![Arc::from("")], |took| Scope::Everything { took });
    }

    fn scan_new_folders(&mut self) {
        if !self.is_scanning && !self.new_folders.is_empty() {
            let folders = self.new_folders.drain().collect();
            self.start_scan(folders, |_| Scope::Folders);
        }
    }

    fn start_scan(&mut self, folders: Vec<Arc<str>>, scope: fn(Duration) -> Scope) {
        self.is_scanning = true;
        let (view, eyes, sender) = (
            Arc::clone(&self.view),
            self.eyes.clone(),
            self.sender.clone(),
        );
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            let scan = view.scan(folders, eyes.as_deref());
            send(&sender, Step::Scanned(scan, scope(start.elapsed())));
        });
    }

    fn take_scan(&mut self, scan: &Scan, scope: Scope) {
        let now = Instant::now();
        self.is_scanning = false;
        match scope {
            Scope::Folders => self.sights.found(now, &scan.files),
            Scope::Everything { took } => {
                self.sights.scanned(now, &scan.files);
                self.mind_bounds(scan.is_cut);
                let pause = match self.is_urgent {
                    true => URGENT_EVERY.max(took),
                    false => SCAN_EVERY.max(took * SCAN_SHARE),
                };
                self.next_scan = TokioInstant::now() + pause;
            }
        }
        self.scan_new_folders();
        self.look();
    }

    /// Warns where not all files were looked at, once as long as that is so.
    fn mind_bounds(&mut self, is_cut: bool) {
        let n_dropped = self.sights.n_dropped();
        let is_over = is_cut || n_dropped > self.n_dropped;
        self.n_dropped = n_dropped;
        if is_over && !std::mem::replace(&mut self.is_cut, is_over) {
            tracing::warn!(
                most = MAX_FILES,
                "the app watches too many files or folders: it is not told of all; watch fewer"
            );
        }
        self.is_cut = is_over;
    }

    /// Takes what calls of the app did themselves as told.
    fn take_deeds(&mut self) {
        let now = Instant::now();
        let busy = &self.busy;
        let deeds = self.deeds.take(|path| busy.contains(path));
        for (path, deed) in deeds {
            if deed.after.is_some() && !self.view.covers(&path) {
                continue;
            }
            if deed.is_mixed {
                self.sights.hint(now, &path, Hint::Unknown);
                continue;
            }
            let stamp = deed.after;
            let change = Change { path, stamp };
            for (_, told) in &mut self.watches {
                told.own(deed.before, &change);
            }
            let mut changed = Vec::new();
            self.sights.own(now, &change, &mut changed);
            self.take_changed(&changed);
            // Somebody else may have changed it since.
            self.sights.hint(now, &change.path, Hint::Whole);
        }
    }
}

/// Telling the app.
impl Watching {
    /// Half of the calls at a time are for requests alone.
    fn most_running(&self) -> usize {
        (self.runner.sandbox.limits().concurrency / 2).max(1)
    }

    fn tell_all(&mut self) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until > now) {
            return;
        }
        self.paused_until = None;
        while self.running.len() < self.most_running() {
            let Some((index, event)) = self.next_event(now) else {
                return;
            };
            self.tell(index, event);
        }
    }

    /// Returns the next event, of each watch in turn.
    fn next_event(&mut self, now: Instant) -> Option<(usize, Event)> {
        let (busy, unwritten, deeds) = (&self.busy, &self.unwritten, &self.deeds);
        let is_busy =
            |path: &str| busy.contains(path) || unwritten.contains(path) || deeds.are_on(path);
        let n_watches = self.watches.len();
        for _ in 0..n_watches {
            let index = self.turn % n_watches;
            self.turn = index + 1;
            let (_, told) = &mut self.watches[index];
            if let Some(event) = told.next(&self.sights, now, is_busy) {
                return Some((index, event));
            }
        }
        None
    }

    fn tell(&mut self, index: usize, mut event: Event) {
        let (number, _) = self.watches[index];
        let id = self.id(number, &event);
        if let Some(attempts) = self.attempts.get(&id) {
            event.attempt = event.attempt.max(attempts.n_failed + 1);
        }
        let mut notes = told_notes(number, &event);
        if event.attempt > 1 {
            notes.push(Note::Attempts(id, None));
        }
        self.busy
            .extend(event.changes().into_iter().map(|it| it.path));
        let key = self.next_key;
        self.next_key += 1;
        let (runner, sender) = (Arc::clone(&self.runner), self.sender.clone());
        let telling = event.clone();
        let task = tokio::spawn(async move {
            let slots = Arc::clone(&runner.slots);
            let _slot = slots.acquire_owned().await;
            let start = Instant::now();
            let told = runner
                .app
                .tell(&runner.sandbox, id, index, &telling, &notes)
                .await;
            (told, start.elapsed())
        });
        tokio::spawn(async move {
            // A panic of the host's own is no reason to tell the app no more.
            let (told, took) = task.await.unwrap_or_else(|error| {
                let outcome = Outcome::Trapped(error.to_string());
                (Ok(Err(outcome)), Duration::ZERO)
            });
            send(&sender, Step::Told(key, told, took));
        });
        self.running.insert(key, (index, event));
    }

    fn id(&self, number: WatchNumber, event: &Event) -> Uuid {
        let app = &self.runner.app;
        let scope = format!("{}/{}/{number}", app.datasite(), app.name());
        event.id(scope.as_bytes())
    }

    fn take_result(
        &mut self,
        key: u64,
        result: Result<Result<(), Outcome>, StoreError>,
        took: Duration,
    ) {
        let Some((index, event)) = self.running.remove(&key) else {
            return;
        };
        for change in event.changes() {
            self.busy.remove(&change.path);
        }
        let (number, _) = self.watches[index];
        let id = self.id(number, &event);
        let (kind, path, ms) = (event.kind.as_str(), &*event.path, took.as_secs_f64() * 1e3);
        match result {
            Ok(Ok(())) => {
                tracing::info!(%id, event = kind, path, ms, "taken");
                self.attempts.remove(&id);
                self.watches[index].1.done(&self.sights, &event);
            }
            Ok(Err(outcome)) => self.take_failure(index, &event, id, &outcome),
            Err(error) => {
                tracing::error!(%id, event = kind, path, "telling it again later: {error}");
                self.paused_until = Some(Instant::now() + TROUBLE);
            }
        }
    }

    fn take_failure(&mut self, index: usize, event: &Event, id: Uuid, outcome: &Outcome) {
        let (name, detail) = (outcome.name(), outcome.detail().unwrap_or_default());
        let (kind, path, attempt) = (event.kind.as_str(), &*event.path, event.attempt);
        let (_, told) = &mut self.watches[index];
        match told.failed(&self.sights, Instant::now(), event) {
            Failed::Later(delay) => {
                tracing::warn!(%id, event = kind, path, attempt, detail, ?delay, "{name}");
                let attempts = Attempts {
                    n_failed: attempt,
                    at: now_micros(),
                };
                self.attempts.insert(id, attempts);
                self.note(Note::Attempts(id, Some(attempts)));
            }
            Failed::Outdated => {
                tracing::warn!(%id, event = kind, path, attempt, detail, "{name}, and out of date");
                if self.attempts.remove(&id).is_some() {
                    self.note(Note::Attempts(id, None));
                }
            }
            Failed::GivenUp => {
                tracing::error!(%id, event = kind, path, attempt, detail, "{name}, given up: parked");
                self.park(index, event, id, &detail);
            }
        }
    }

    fn park(&mut self, index: usize, event: &Event, id: Uuid, detail: &str) {
        let (number, told) = &mut self.watches[index];
        told.done(&self.sights, event);
        for note in told_notes(*number, event) {
            self.note(note);
        }
        self.note(Note::Attempts(id, None));
        self.attempts.remove(&id);
        let patterns = &self.runner.app.watches().all()[index].patterns;
        let parked = Parked::new(id, patterns, event, detail.to_owned(), now_micros());
        self.note(Note::Parked(id, Some(parked.text())));
        self.parked.insert(id, parked);
        if self.parked.len() > MAX_PARKED
            && let Some((oldest, at)) = self
                .parked
                .iter()
                .map(|(id, it)| (*id, it.at))
                .min_by_key(|it| it.1)
        {
            tracing::warn!(id = %oldest, at, "too many events are parked: the oldest is dropped");
            self.unpark(oldest);
        }
        self.list_parked();
    }

    fn unpark(&mut self, id: Uuid) -> Option<Parked> {
        let parked = self.parked.remove(&id)?;
        self.note(Note::Parked(id, None));
        Some(parked)
    }

    /// Does with parked events what somebody asked for.
    fn see_to_asked(&mut self) {
        let folder = self.options.folder.clone();
        let all = parked::asked(&folder);
        if all.is_empty() {
            return;
        }
        for (id, asked) in all {
            let found = self.unpark(id);
            if let (Some(parked), Asked::Retry) = (found, asked) {
                self.tell_again(&parked);
            }
            tracing::info!(%id, ?asked, "asked for");
            parked::done(&folder, id, asked);
        }
        self.list_parked();
    }

    /// Has a watch know what it knew before an event, so that it comes up again as far
    /// as it is still so.
    fn tell_again(&mut self, parked: &Parked) {
        let watches = self.runner.app.watches().all();
        let Some(index) = watches.iter().position(|it| it.patterns == parked.watch) else {
            return tracing::warn!(id = parked.id, "the app no longer has this watch");
        };
        let (number, told) = &mut self.watches[index];
        let (number, undone) = (*number, parked.undone());
        for change in &undone {
            told.know(change);
        }
        for change in &undone {
            told.changed(&self.sights, &change.path);
        }
        for change in undone {
            self.note(Note::Told(number, change));
        }
    }

    fn list_parked(&self) {
        let parked = self.parked.values().cloned().collect();
        if let Err(error) = parked::write_list(&self.options.folder, parked) {
            tracing::error!("cannot list the parked events: {error}");
        }
    }
}

/// Writing down what was told without a call.
impl Watching {
    fn note(&mut self, note: Note) {
        if let Note::Told(_, change) = &note {
            self.unwritten.insert(Arc::clone(&change.path));
        }
        self.notes.push(note);
    }

    fn write_notes(&mut self) {
        let mut silent = Vec::new();
        for (number, told) in &mut self.watches {
            let changes = told.take_silent().into_iter();
            silent.extend(changes.map(|change| Note::Told(*number, change)));
        }
        for note in silent {
            self.note(note);
        }
        if self.is_writing || self.notes.is_empty() || self.paused_until.is_some() {
            return;
        }
        self.is_writing = true;
        let notes = std::mem::take(&mut self.notes);
        let (runner, sender) = (Arc::clone(&self.runner), self.sender.clone());
        tokio::spawn(async move {
            let result = runner.app.state().note(notes.clone()).await;
            send(&sender, Step::Noted(result, notes));
        });
    }

    fn take_noted(&mut self, result: Result<(), StoreError>, notes: Vec<Note>) {
        self.is_writing = false;
        let later = std::mem::take(&mut self.notes);
        self.unwritten.clear();
        if let Err(error) = result {
            tracing::error!("trying again later: {error}");
            self.paused_until = Some(Instant::now() + TROUBLE);
            for note in notes {
                self.note(note);
            }
        }
        for note in later {
            self.note(note);
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
            let hint = "to be told of them it must be granted them: in its syft-app.toml \
                        [files] read = [\"…\"], and with --allow-read";
            tracing::warn!(
                patterns,
                hint,
                "the app may read none of the files it watches"
            );
        }
    }
}

async fn first_scan(view: &Arc<View>, eyes: Option<Arc<Eyes>>) -> anyhow::Result<Scan> {
    let view = Arc::clone(view);
    let scan = tokio::task::spawn_blocking(move || {
        let mut scan = view.scan(vec![Arc::from("")], eyes.as_deref());
        view.look_again_at_new(&mut scan);
        scan
    });
    scan.await.context("scan the datasites")
}

fn told_notes(number: WatchNumber, event: &Event) -> Vec<Note> {
    let changes = event.changes().into_iter();
    changes.map(|change| Note::Told(number, change)).collect()
}

/// Waits for hints; for ever where nothing is watched.
async fn hints(eyes: Option<&Eyes>) -> Hints {
    match eyes {
        Some(eyes) => eyes.hints().await,
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

/// Sends a step to the loop. Once the loop has ended nobody wants it.
fn send(sender: &mpsc::UnboundedSender<Step>, step: Step) {
    if sender.send(step).is_err() {
        tracing::debug!("a step came after the end");
    }
}

fn now_micros() -> i64 {
    Timestamp::from_system_time(SystemTime::now()).micros()
}
