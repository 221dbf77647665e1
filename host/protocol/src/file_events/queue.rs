//! What is to be done about the files that an app watches: events in, actions out.
//!
//! It is the twin of [`crate::inbox`]. [`EventQueue::handle`] takes note of what happened,
//! and [`EventQueue::poll`] says what follows: which file to look at, what to scan, which
//! event to deliver, what to record. It does no IO and asks no clock, so lost hints, scans
//! that race a rename, failing apps and crashes of the host are replayed in tests.

mod attempts;
mod message;
mod own_writes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{
    AfterFailure, DeliveredFiles, EventKinds, FileChange, FileEvent, FileHint, FileStamp,
    LookResult, ObservedFiles, ParkedEvent, RetryPolicy,
};
use crate::now::Now;
use crate::pattern::Globs;
use crate::scan_schedule::ScanSchedule;

use attempts::AttemptCounts;
pub use attempts::Attempts;
pub use message::{
    Delivery, DeliveryResult, Event, EventAction, Failure, Record, Report, ScanPart, ScanScope,
    Scanned,
};
pub use own_writes::OwnWrite;
use own_writes::OwnWrites;

/// The time before something is tried again that the host could not do.
const TROUBLE: Duration = Duration::from_secs(1);
/// Files that are looked at before anything else has its turn.
const LOOKS_IN_A_ROW: u32 = 1_024;

/// The number of a watch, for as long as the app has it.
pub type WatchNumber = u32;

/// Bounds of an [`EventQueue`], and whose it is.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// Tells apart the events of one app from those of others.
    pub scope: String,
    /// Files that are known at the same time. Beyond it there are those of datasites that
    /// have less than an equal share.
    pub most_files: usize,
    /// Events that are delivered at the same time.
    pub most_delivering: usize,
    /// Events that stay parked. Where there are more, the oldest are dropped.
    pub most_parked: usize,
    /// When an event is delivered again that failed.
    pub retry: RetryPolicy,
}

/// A watch of the app, and what earlier runs delivered for it.
#[derive(Clone, Debug)]
pub struct NumberedWatch {
    /// Its number, which stays the same over restarts.
    pub number: WatchNumber,
    /// The patterns as the app wrote them.
    pub patterns: Vec<String>,
    /// The patterns, ready to match.
    pub globs: Globs,
    /// The kinds of events that the app wants.
    pub kinds: EventKinds,
    /// The files as the app knows them.
    pub delivered: BTreeMap<Arc<str>, FileStamp>,
}

/// What earlier runs left behind.
#[derive(Clone, Debug, Default)]
pub struct LeftBehind {
    /// Events that failed.
    pub attempts: HashMap<Uuid, Attempts>,
    /// Events that were given up.
    pub parked: HashMap<Uuid, ParkedEvent>,
}

#[derive(Debug)]
struct WatchState {
    number: WatchNumber,
    patterns: Vec<String>,
    files: DeliveredFiles,
}

/// The file events of one app, from the first hint to the record of their delivery.
#[derive(Debug)]
pub struct EventQueue {
    options: QueueOptions,
    observed: ObservedFiles,
    watches: Vec<WatchState>,
    /// The watch that is asked first for the next event.
    turn: usize,
    /// Events that are being delivered.
    delivering: HashMap<u64, (usize, FileEvent)>,
    next_key: u64,
    /// The paths of these. Nothing else is delivered about them meanwhile.
    busy: HashSet<Arc<str>>,
    own_writes: OwnWrites,
    attempts: AttemptCounts,
    parked: HashMap<Uuid, ParkedEvent>,
    /// Parked events to deliver again once no file of theirs is being delivered.
    retry_later: Vec<Uuid>,
    /// What is yet to be recorded, and the paths of what is not recorded yet.
    records: Vec<Record>,
    unrecorded: HashSet<Arc<str>>,
    recording: Option<Vec<Record>>,
    paused_until: Option<Instant>,
    schedule: ScanSchedule,
    new_folders: HashSet<Arc<str>>,
    is_reading_folders: bool,
    n_looks_in_a_row: u32,
    n_dropped: u64,
    is_over_bounds: bool,
    /// What has been decided and was not polled yet.
    decided: VecDeque<EventAction>,
    is_closed: bool,
}

impl EventQueue {
    /// Returns the queue of an app as earlier runs left it. A first scan is due at once.
    pub fn new(
        now: Now,
        options: QueueOptions,
        watches: Vec<NumberedWatch>,
        left: LeftBehind,
    ) -> Self {
        let mut observed = ObservedFiles::new(options.most_files);
        let watches = watches
            .into_iter()
            .map(|watch| {
                let mut files = DeliveredFiles::new(watch.globs, watch.kinds, options.retry);
                for (path, stamp) in watch.delivered {
                    observed.remember(now.instant, &path, stamp);
                    let stamp = Some(stamp);
                    files.know(&FileChange { path, stamp });
                }
                WatchState {
                    number: watch.number,
                    patterns: watch.patterns,
                    files,
                }
            })
            .collect();
        Self {
            options,
            observed,
            watches,
            turn: 0,
            delivering: HashMap::new(),
            next_key: 0,
            busy: HashSet::new(),
            own_writes: OwnWrites::default(),
            attempts: AttemptCounts::new(left.attempts),
            parked: left.parked,
            retry_later: Vec::new(),
            records: Vec::new(),
            unrecorded: HashSet::new(),
            recording: None,
            paused_until: None,
            schedule: ScanSchedule::new(now.instant),
            new_folders: HashSet::new(),
            is_reading_folders: false,
            n_looks_in_a_row: 0,
            n_dropped: 0,
            is_over_bounds: false,
            decided: VecDeque::from([EventAction::ListParked]),
            is_closed: false,
        }
    }

    /// Takes note of an event. [`EventQueue::poll`] says what follows from it.
    pub fn handle(&mut self, now: Now, event: Event) {
        match event {
            Event::Hinted {
                path,
                hint,
                is_covered,
            } => self.hinted(now.instant, &path, hint, is_covered),
            Event::FolderCame(path) => drop(self.new_folders.insert(path)),
            Event::FolderLeft(path) => self.observed.hint_below(now.instant, &path),
            Event::HintsLost => self.schedule.request(now.instant),
            Event::Looked(path, found) => self.looked(now.instant, &path, found),
            Event::Scanned(scanned) => self.scanned(now.instant, scanned),
            Event::OwnWriteBegan(path) => self.own_writes.began(path),
            Event::OwnWriteEnded {
                path,
                write,
                is_covered: true,
            } => self.own_write_ended(now.instant, path, write),
            Event::OwnWriteEnded { path, .. } => self.own_writes.forget(&path),
            Event::Delivered(key, result) => self.delivered(now, key, result),
            Event::Recorded { is_kept } => self.recorded(now.instant, is_kept),
            Event::Retry(id) => self.retry(id),
            Event::Drop(id) => {
                self.unpark(id);
                self.decided.push_back(EventAction::ListParked);
            }
        }
    }

    /// Returns the next thing to do, or `None` until the next event or
    /// [`EventQueue::wakes_at`].
    pub fn poll(&mut self, now: Now) -> Option<EventAction> {
        if self.paused_until.is_some_and(|until| until <= now.instant) {
            self.paused_until = None;
        }
        if let Some(action) = self.decided.pop_front() {
            return Some(action);
        }
        if let Some(action) = self.next_look(now.instant) {
            return Some(action);
        }
        self.next_delivery(now)
            .or_else(|| self.next_records())
            .or_else(|| self.next_scan(now.instant))
            .or_else(|| {
                self.n_looks_in_a_row = 0;
                None
            })
    }

    /// Returns when [`EventQueue::poll`] has something to do without an event.
    pub fn wakes_at(&self) -> Option<Instant> {
        if self.is_closed {
            return None;
        }
        let failed = self
            .watches
            .iter()
            .filter_map(|watch| watch.files.wakes_at());
        // While nothing can be delivered, the end of what prevents it wakes.
        let failed = failed.filter(|_| self.can_deliver());
        let scan = self.schedule.due_at().filter(|_| !self.is_reading_folders);
        let times = self.observed.wakes_at().into_iter().chain(failed);
        times.chain(self.paused_until).chain(scan).min()
    }

    /// Starts nothing new from here on. What is being delivered is finished and recorded;
    /// everything else is found again at the next start.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// Tells whether everything is finished that was begun before [`EventQueue::close`].
    pub fn is_drained(&self) -> bool {
        let can_record = !self.records.is_empty() && self.paused_until.is_none();
        self.delivering.is_empty() && self.recording.is_none() && !can_record
    }

    /// Returns the number of events that are being delivered.
    pub fn n_delivering(&self) -> usize {
        self.delivering.len()
    }

    /// Returns the number of events that are parked.
    pub fn n_parked(&self) -> usize {
        self.parked.len()
    }

    /// Tells whether this event is parked.
    pub fn is_parked(&self, id: &Uuid) -> bool {
        self.parked.contains_key(id)
    }

    /// Returns the parked events, the oldest first.
    pub fn parked(&self) -> Vec<&ParkedEvent> {
        let mut parked: Vec<&ParkedEvent> = self.parked.values().collect();
        parked.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        parked
    }

    // What changes in the tree.

    fn hinted(&mut self, now: Instant, path: &Arc<str>, hint: FileHint, is_covered: bool) {
        if is_covered || self.observed.knows(path) {
            self.observed.hint(now, path, hint);
        }
    }

    fn looked(&mut self, now: Instant, path: &Arc<str>, found: LookResult) {
        let mut changed = Vec::new();
        self.observed.looked(now, path, found, &mut changed);
        self.changed(&changed);
    }

    fn changed(&mut self, changed: &[Arc<str>]) {
        for watch in &mut self.watches {
            for path in changed {
                watch.files.changed(&self.observed, path);
            }
        }
    }

    fn scanned(&mut self, now: Instant, scanned: Scanned) {
        self.observed.found(now, &scanned.files);
        let Some(part) = scanned.part else {
            self.is_reading_folders = false;
            // What was not read is found by the scan of everything.
            if scanned.is_cut {
                self.schedule.request(now);
            }
            return;
        };
        for (datasite, files) in part.complete {
            self.observed.scanned_below(now, &datasite, &files);
        }
        for datasite in part.gone {
            self.observed.hint_below(now, &datasite);
        }
        self.check_bounds(!scanned.is_cut);
        if scanned.is_cut {
            self.schedule.end_part(now, part.took);
        } else {
            self.schedule.end(now, part.took, part.n_scanners);
        }
    }

    /// Reports that not all files are looked at, once for as long as that is so. Whether it
    /// still is so is known when everything was scanned, not after each part.
    fn check_bounds(&mut self, is_whole: bool) {
        let n_dropped = self.observed.n_dropped();
        let is_over = n_dropped > self.n_dropped;
        if is_over && !self.is_over_bounds {
            self.report_too_many_files();
        }
        self.is_over_bounds |= is_over;
        if is_whole {
            self.is_over_bounds = is_over;
            self.n_dropped = n_dropped;
        }
    }

    fn report_too_many_files(&mut self) {
        if let Some((datasite, n_files)) = self.observed.fullest() {
            let datasite = datasite.to_owned();
            self.report(Report::TooManyFiles { datasite, n_files });
        }
    }

    fn next_look(&mut self, now: Instant) -> Option<EventAction> {
        if self.is_closed || self.n_looks_in_a_row >= LOOKS_IN_A_ROW {
            return None;
        }
        let path = self.observed.next_look(now)?;
        self.n_looks_in_a_row += 1;
        Some(EventAction::Look(path))
    }

    /// One scan at a time: of new folders as soon as there are any, of everything when it is
    /// due.
    fn next_scan(&mut self, now: Instant) -> Option<EventAction> {
        let due_at = self.schedule.due_at()?;
        if self.is_closed || self.is_reading_folders {
            return None;
        }
        if due_at <= now {
            self.schedule.begin();
            self.new_folders.clear();
            return Some(EventAction::Scan(ScanScope::Everything));
        }
        if self.new_folders.is_empty() {
            return None;
        }
        self.is_reading_folders = true;
        let folders = self.new_folders.drain().collect();
        Some(EventAction::Scan(ScanScope::Folders(folders)))
    }

    // What the app does itself.

    /// What the app did to a file of an event that is being delivered has to wait: the
    /// result of the delivery comes first.
    fn own_write_ended(&mut self, now: Instant, path: Arc<str>, write: OwnWrite) {
        self.own_writes.ended(Arc::clone(&path), write);
        if !self.busy.contains(&path) {
            self.take_own_write(now, path);
        }
    }

    /// Takes what the app did to a file as known to it.
    fn take_own_write(&mut self, now: Instant, path: Arc<str>) {
        let Some(write) = self.own_writes.take(&path) else {
            return;
        };
        if write.had_other_writer {
            return self.observed.hint(now, &path, FileHint::Unknown);
        }
        let stamp = write.after;
        let change = FileChange { path, stamp };
        for watch in &mut self.watches {
            for before in &write.befores {
                watch.files.own(*before, &change);
            }
        }
        let mut changed = Vec::new();
        self.observed.own(now, &change, &mut changed);
        self.changed(&changed);
        // Somebody else may have changed it since.
        self.observed.hint(now, &change.path, FileHint::Whole);
    }

    // Deliveries.

    fn can_deliver(&self) -> bool {
        self.delivering.len() < self.options.most_delivering && self.paused_until.is_none()
    }

    fn next_delivery(&mut self, now: Now) -> Option<EventAction> {
        if self.is_closed || !self.can_deliver() {
            return None;
        }
        self.record_known();
        let (index, event) = self.next_event(now.instant)?;
        self.deliver(now, index, event)
    }

    /// Returns the next event, of each watch in turn.
    fn next_event(&mut self, now: Instant) -> Option<(usize, FileEvent)> {
        let (busy, unrecorded, own) = (&self.busy, &self.unrecorded, &self.own_writes);
        let is_busy =
            |path: &str| busy.contains(path) || unrecorded.contains(path) || own.contains(path);
        let n_watches = self.watches.len();
        for _ in 0..n_watches {
            let index = self.turn % n_watches;
            self.turn = index + 1;
            let files = &mut self.watches[index].files;
            if let Some(event) = files.next(&self.observed, now, is_busy) {
                return Some((index, event));
            }
        }
        None
    }

    fn deliver(&mut self, now: Now, index: usize, mut event: FileEvent) -> Option<EventAction> {
        let number = self.watches[index].number;
        let id = self.id(number, &event);
        if let Some(attempts) = self.attempts.get(&id) {
            event.attempt = event.attempt.max(attempts.n_failed + 1);
            if attempts.n_failed >= self.options.retry.attempts {
                // Had the last attempt failed, it were parked: the host crashed during it.
                event.attempt = attempts.n_failed;
                self.failed(now, index, &event, Failure::crash());
                return self.decided.pop_front();
            }
        }
        let mut records = delivered_records(number, &event);
        if event.attempt > 1 {
            records.push(Record::Attempts(id, None));
        }
        let paths = event.changes().into_iter().map(|change| change.path);
        self.busy.extend(paths);
        let key = self.next_key;
        self.next_key += 1;
        self.delivering.insert(key, (index, event.clone()));
        Some(EventAction::Deliver(Box::new(Delivery {
            key,
            id,
            watch: index,
            event,
            records,
        })))
    }

    fn id(&self, number: WatchNumber, event: &FileEvent) -> Uuid {
        event.id(format!("{}/{number}", self.options.scope).as_bytes())
    }

    fn delivered(&mut self, now: Now, key: u64, result: DeliveryResult) {
        let Some((index, mut event)) = self.delivering.remove(&key) else {
            return;
        };
        let paths: Vec<Arc<str>> = event
            .changes()
            .into_iter()
            .map(|change| change.path)
            .collect();
        for path in &paths {
            self.busy.remove(path);
        }
        match result {
            DeliveryResult::Delivered => {
                let id = self.id(self.watches[index].number, &event);
                self.attempts.remove(&id);
                self.watches[index].files.done(&self.observed, &event);
            }
            DeliveryResult::Failed(failure) => {
                self.rebase(now.instant, &mut event);
                self.failed(now, index, &event, failure);
            }
            DeliveryResult::HostFailed => {
                self.paused_until = Some(now.instant + TROUBLE);
                self.watches[index].files.ended(&self.observed, &event);
            }
        }
        for path in paths {
            self.take_own_write(now.instant, path);
        }
        for id in std::mem::take(&mut self.retry_later) {
            self.retry(id);
        }
    }

    /// Has an event that failed be about the file as the app itself left it.
    fn rebase(&mut self, now: Instant, event: &mut FileEvent) {
        if let Some(write) = self.own_writes.get(&event.path)
            && !write.had_other_writer
        {
            for before in &write.befores {
                event.rebase(*before, write.after);
            }
        }
        self.take_own_write(now, Arc::clone(&event.path));
    }

    fn failed(&mut self, now: Now, index: usize, event: &FileEvent, failure: Failure) {
        let id = self.id(self.watches[index].number, event);
        let files = &mut self.watches[index].files;
        let after = files.failed(&self.observed, now.instant, event);
        let error = failure.detail.clone();
        self.report(Report::Failed {
            id,
            event: Box::new(event.clone()),
            failure,
            after,
        });
        match after {
            AfterFailure::Later(_) => {
                let attempts = Attempts {
                    n_failed: event.attempt,
                    at: now.wall.micros(),
                };
                self.record(Record::Attempts(id, Some(attempts)));
                for forgotten in self.attempts.insert(id, attempts) {
                    self.record(Record::Attempts(forgotten, None));
                }
            }
            AfterFailure::Outdated => {
                if self.attempts.remove(&id) {
                    self.record(Record::Attempts(id, None));
                }
            }
            AfterFailure::GivenUp => self.park(now, index, event, id, error),
        }
    }

    // Parked events.

    fn park(&mut self, now: Now, index: usize, event: &FileEvent, id: Uuid, error: String) {
        let watch = &mut self.watches[index];
        watch.files.done(&self.observed, event);
        let parked = ParkedEvent::new(id, &watch.patterns, event, error, now.wall.micros());
        for record in delivered_records(watch.number, event) {
            self.record(record);
        }
        self.record(Record::Attempts(id, None));
        self.attempts.remove(&id);
        self.record(Record::Parked(id, Some(parked.clone())));
        self.parked.insert(id, parked);
        if self.parked.len() > self.options.most_parked {
            self.drop_oldest_parked();
        }
        self.decided.push_back(EventAction::ListParked);
    }

    fn drop_oldest_parked(&mut self) {
        let all = self.parked.iter().map(|(id, parked)| (parked.at, *id));
        if let Some((at, id)) = all.min() {
            self.report(Report::DroppedParked { id, at });
            self.unpark(id);
        }
    }

    fn unpark(&mut self, id: Uuid) -> Option<ParkedEvent> {
        let parked = self.parked.remove(&id)?;
        self.record(Record::Parked(id, None));
        Some(parked)
    }

    /// Has a watch know what it knew before a parked event. The event comes up again as far
    /// as it still describes a change.
    fn retry(&mut self, id: Uuid) {
        let is_busy = |change: FileChange| self.busy.contains(&change.path);
        if let Some(parked) = self.parked.get(&id)
            && parked.undone().into_iter().any(is_busy)
        {
            // The event that is being delivered follows from what the watch knows now.
            return self.retry_later.push(id);
        }
        let parked = self.unpark(id);
        self.decided.push_back(EventAction::ListParked);
        let Some(parked) = parked else { return };
        let mut watches = self.watches.iter_mut();
        let Some(watch) = watches.find(|watch| watch.patterns == parked.watch) else {
            return self.report(Report::NoWatch(id));
        };
        let (number, undone) = (watch.number, parked.undone());
        for change in &undone {
            watch.files.know(change);
        }
        for change in &undone {
            watch.files.changed(&self.observed, &change.path);
        }
        for change in undone {
            self.record(Record::Delivered(number, change));
        }
    }

    // Records.

    fn record(&mut self, record: Record) {
        if let Record::Delivered(_, change) = &record {
            self.unrecorded.insert(Arc::clone(&change.path));
        }
        self.records.push(record);
    }

    /// Has what is taken as known without an event recorded, before anything else is
    /// delivered about it.
    fn record_known(&mut self) {
        let mut known = Vec::new();
        for watch in &mut self.watches {
            let number = watch.number;
            // The record of an event that is being delivered may come before this one or after
            // it, so this one waits.
            let is_busy = |path: &str| self.busy.contains(path);
            let changes = watch.files.take_silent(is_busy).into_iter();
            known.extend(changes.map(|change| Record::Delivered(number, change)));
        }
        for record in known {
            self.record(record);
        }
    }

    fn next_records(&mut self) -> Option<EventAction> {
        self.record_known();
        if self.recording.is_some() || self.records.is_empty() || self.paused_until.is_some() {
            return None;
        }
        let records = std::mem::take(&mut self.records);
        self.recording = Some(records.clone());
        Some(EventAction::Record(records))
    }

    fn recorded(&mut self, now: Instant, is_kept: bool) {
        let records = self.recording.take().unwrap_or_default();
        let later = std::mem::take(&mut self.records);
        self.unrecorded.clear();
        if !is_kept {
            self.paused_until = Some(now + TROUBLE);
            records.into_iter().for_each(|record| self.record(record));
        }
        later.into_iter().for_each(|record| self.record(record));
    }

    fn report(&mut self, report: Report) {
        self.decided
            .push_back(EventAction::Report(Box::new(report)));
    }
}

fn delivered_records(number: WatchNumber, event: &FileEvent) -> Vec<Record> {
    let changes = event.changes().into_iter();
    changes
        .map(|change| Record::Delivered(number, change))
        .collect()
}
