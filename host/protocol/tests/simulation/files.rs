//! Short lives of a host that delivers file events: the real queue, with a tree, a disk, an
//! app that fails and writes files itself, and others who change files at any time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use syft_protocol::address::{AppName, Datasite};
use syft_protocol::file_events::{
    AfterFailure, Attempts, Delivery, DeliveryResult, Event, EventAction, EventKind, EventKinds,
    EventQueue, Failure, FileChange, FileEvent, FileHint, FileStamp, FileTime, LeftBehind,
    LookResult, NumberedWatch, OwnWrite, ParkedEvent, QueueOptions, Record, Report, RetryPolicy,
    ScanPart, ScanScope, Scanned, WatchNumber,
};
use syft_protocol::now::Now;
use syft_protocol::pattern::Globs;
use syft_protocol::timestamp::Timestamp;
use uuid::Uuid;

use super::counts::Counts;
use super::random::Random;

/// Things that happen before the world comes to rest.
const STEPS: usize = 200;
/// Longer than anything takes but the next scan.
const STILL: Duration = Duration::from_secs(4);
/// As many parts of scans leave nothing out, whichever are cut.
const SCANS: u32 = 12;
const PATHS: [&str; 6] = ["a", "b", "d/e", "d/f", "e/g", "h.txt"];
const ATTEMPTS: u32 = 4;
const MOST_DELIVERING: usize = 2;
const MOST_PARKED: usize = 1;

/// What has to happen in all lives together, or it is not tested.
pub(crate) const ALL: [&str; 18] = [
    "crash",
    "delivered",
    "dropped by the owner",
    "failed",
    "given up",
    "hint lost",
    "hints lost",
    "host failed",
    "moved",
    "outdated",
    "own write",
    "own write of a delivery",
    "parked ones dropped",
    "record lost",
    "retried",
    "scan of a folder",
    "told at once",
    "two writers",
];

/// What is on the disk of the host, and what the app keeps beside it in one transaction.
#[derive(Default)]
struct Disk {
    delivered: HashMap<WatchNumber, BTreeMap<Arc<str>, FileStamp>>,
    attempts: HashMap<Uuid, Attempts>,
    parked: HashMap<Uuid, ParkedEvent>,
    /// Events whose delivery had begun and not ended.
    journal: HashSet<Uuid>,
}

/// A task of the host, at the point to which it got.
enum Task {
    /// A scan that has read nothing yet, and one that has.
    Scan(ScanScope),
    Scanned(Scanned),
    Deliver(Box<Delivery>),
    /// The app has done its work, and its state is not yet kept.
    Decided(Box<Delivery>),
    /// The call has ended so.
    Delivered(u64, Uuid, DeliveryResult),
    Record(Vec<Record>),
    Recorded(bool),
    /// A request of the app changes a file, and has.
    Write(Arc<str>),
    Written(Arc<str>, OwnWrite),
}

pub(crate) struct World {
    seed: u64,
    is_told: bool,
    random: Random,
    now: Now,
    tree: BTreeMap<Arc<str>, FileStamp>,
    n_changes: i64,
    disk: Disk,
    queue: EventQueue,
    tasks: Vec<Task>,
    /// Files that calls of the app are changing, or have and the host does not know what.
    writing: HashMap<Arc<str>, OwnWrite>,
    /// How coarse the times of files are taken to be.
    tick: Duration,
    /// How files were when they were closed or moved in, since time last passed.
    just_closed: HashSet<FileStamp>,
    /// Hints are never lost in this life, so that nothing needs a scan in the end.
    has_all_hints: bool,
    /// Files cannot be looked at now and then. The next scan finds what was missed.
    is_unclear: bool,
    /// Scans of everything, or parts of them.
    n_scanned: u32,
    /// Whom the app never takes, and what ends the host.
    hated: Option<&'static str>,
    deadly: Option<&'static str>,
    /// Files that others changed, of which the app does not know that yet.
    unsettled: HashSet<(WatchNumber, Arc<str>)>,
    /// Files as the app itself left them, which knew what was there before: no events.
    own: HashSet<(WatchNumber, Arc<str>, Option<FileStamp>)>,
    /// Files as the app left them after somebody else had changed them: events.
    owed: HashMap<(WatchNumber, Arc<str>), Option<FileStamp>>,
    /// Events that the app took, with their paths.
    committed: HashMap<Uuid, Vec<Arc<str>>>,
    n_crashes: HashMap<Uuid, u32>,
    paused_until: Instant,
    counts: Counts,
}

impl World {
    pub(crate) fn new(seed: u64, is_told: bool) -> Self {
        let now = Now {
            instant: Instant::now(),
            wall: Timestamp::from_micros(1_000_000_000_000_000),
        };
        let mut random = Random::new(seed);
        let has_all_hints = random.below(2) == 0;
        let mut pick = |n| (random.below(n) == 0).then(|| PATHS[random.below(5) as usize]);
        let (hated, deadly) = (pick(3), pick(6));
        let mut world = Self {
            seed,
            is_told,
            now,
            tree: BTreeMap::new(),
            n_changes: 0,
            disk: Disk::default(),
            queue: queue(now, &Disk::default()),
            tasks: Vec::new(),
            writing: HashMap::new(),
            tick: Duration::from_millis(10 * (seed % 2)),
            just_closed: HashSet::new(),
            has_all_hints,
            is_unclear: !has_all_hints,
            n_scanned: 0,
            hated,
            deadly,
            unsettled: HashSet::new(),
            own: HashSet::new(),
            owed: HashMap::new(),
            committed: HashMap::new(),
            n_crashes: HashMap::new(),
            paused_until: now.instant,
            counts: Counts::new(&ALL),
            random,
        };
        world.start();
        world
    }

    /// Lets things happen, then lets the world come to rest, and checks that all is well.
    pub(crate) fn live(mut self) -> Counts {
        for _ in 0..STEPS {
            match self.random.below(100) {
                0..14 => self.write(),
                14..20 => self.rename(),
                20..25 => self.delete(),
                25..27 => self.change_mode(),
                27..30 => self.begin_own_write(),
                30..45 => self.pass(),
                45..46 => self.lose_hints(),
                46..47 => self.crash(),
                47..50 => self.ask_for_parked(),
                _ => self.work(),
            }
            self.poll();
        }
        self.rest();
        self.check();
        self.counts
    }

    // Others who change files.

    fn write(&mut self) {
        let path = self.any_path();
        self.change(&path);
        self.changed_by_others(&path);
        let hint = match self.random.below(3) {
            0 => FileHint::Writing,
            _ => FileHint::Whole,
        };
        self.hint(&path, hint);
    }

    fn rename(&mut self) {
        let (from, to) = (self.any_path(), self.any_path());
        if from == to {
            return;
        }
        if let Some(mut stamp) = self.tree.remove(&from) {
            self.count("moved");
            stamp.changed = self.next_time();
            self.tree.insert(Arc::clone(&to), stamp);
            self.changed_by_others(&from);
            self.changed_by_others(&to);
            self.hint(&from, FileHint::Unknown);
            self.hint(&to, FileHint::Whole);
        }
    }

    fn delete(&mut self) {
        let path = self.any_path();
        if self.tree.remove(&path).is_some() {
            self.changed_by_others(&path);
            self.hint(&path, FileHint::Unknown);
        }
    }

    fn change_mode(&mut self) {
        let path = self.any_path();
        let changed = self.next_time();
        if let Some(stamp) = self.tree.get_mut(&path) {
            stamp.mode ^= 0o111;
            stamp.changed = changed;
            self.changed_by_others(&path);
            self.hint(&path, FileHint::Unknown);
        }
    }

    fn changed_by_others(&mut self, path: &Arc<str>) {
        let places = NUMBERS.map(|number| (number, Arc::clone(path)));
        self.unsettled.extend(places);
        self.own.retain(|(_, other, _)| other != path);
        self.owed.retain(|(_, other), _| other != path);
    }

    /// Writes a file: it has another content and another time.
    fn change(&mut self, path: &Arc<str>) {
        let time = self.next_time();
        let inode = match self.tree.get(path) {
            Some(stamp) => stamp.inode,
            // Numbers are given out again.
            None => (1..)
                .find(|inode| self.tree.values().all(|stamp| stamp.inode != *inode))
                .expect("a number"),
        };
        let stamp = FileStamp {
            inode,
            born: FileTime::default(),
            bytes: 1,
            modified: time,
            changed: time,
            mode: 0o100_644,
        };
        self.tree.insert(Arc::clone(path), stamp);
    }

    fn next_time(&mut self) -> FileTime {
        self.n_changes += 1;
        FileTime {
            seconds: self.n_changes,
            nanos: 0,
        }
    }

    fn hint(&mut self, path: &Arc<str>, hint: FileHint) {
        if !self.has_all_hints && self.random.below(3) == 0 {
            return self.count("hint lost");
        }
        if self.random.below(8) == 0
            && let Some((folder, _)) = path.split_once('/')
        {
            let folder: Arc<str> = Arc::from(folder);
            let event = if self.tree.contains_key(path) {
                Event::FolderCame(folder)
            } else {
                Event::FolderLeft(folder)
            };
            self.handle(event);
        }
        if hint == FileHint::Whole {
            self.just_closed.extend(self.tree.get(path));
        }
        let is_covered = covers(path);
        self.handle(Event::Hinted {
            path: Arc::clone(path),
            hint,
            is_covered,
        });
    }

    fn lose_hints(&mut self) {
        if !self.has_all_hints {
            self.count("hints lost");
            self.handle(Event::HintsLost);
        }
    }

    // The app's own writes, as a request or the call of an event does them.

    fn begin_own_write(&mut self) {
        let path = self.any_path();
        if !self.writing.contains_key(&path) && !self.is_being_delivered(&path) {
            self.begin(&path);
            self.tasks.push(Task::Write(path));
        }
    }

    fn begin(&mut self, path: &Arc<str>) {
        let before = self.tree.get(path).copied();
        let write = OwnWrite {
            before,
            after: before,
            had_other_writer: false,
        };
        self.writing.insert(Arc::clone(path), write);
        self.handle(Event::OwnWriteBegan(Arc::clone(path)));
    }

    fn write_own(&mut self, path: &Arc<str>) -> OwnWrite {
        let mut write = self.writing[path];
        write.had_other_writer = self.tree.get(path).copied() != write.before;
        match self.random.below(4) {
            0 => drop(self.tree.remove(path)),
            _ => self.change(path),
        }
        write.after = self.tree.get(path).copied();
        self.hint(path, FileHint::Whole);
        // It is known by its end, not by its hint.
        if let Some(stamp) = &write.after {
            self.just_closed.remove(stamp);
        }
        write
    }

    fn end_own_write(&mut self, path: Arc<str>, mut write: OwnWrite, is_of_delivery: bool) {
        write.had_other_writer |= self.tree.get(&path).copied() != write.after;
        if write.had_other_writer {
            self.count("two writers");
        }
        self.writing.remove(&path);
        self.note_own_write(&path, write, is_of_delivery);
        let is_covered = covers(&path);
        self.handle(Event::OwnWriteEnded {
            path,
            write,
            is_covered,
        });
    }

    /// Notes what may or must follow from what the app did to a file.
    fn note_own_write(&mut self, path: &Arc<str>, write: OwnWrite, is_of_delivery: bool) {
        // What the app knows then depends on how a delivery ends, or is not on the disk yet.
        let is_recording = |task: &Task| matches!(task, Task::Record(_) | Task::Recorded(_));
        let is_unclear = is_of_delivery
            || self.is_being_delivered(path)
            || self.now.instant <= self.paused_until
            || self.tasks.iter().any(is_recording);
        for (number, (_, globs)) in NUMBERS.iter().zip(watches()) {
            if !matches(&globs, path) {
                continue;
            }
            let known = self.disk.delivered.get(number);
            let known = known.and_then(|files| files.get(path)).copied();
            let place = (*number, Arc::clone(path));
            self.owed.remove(&place);
            let is_settled = !self.unsettled.contains(&place);
            if is_settled && !is_unclear && !write.had_other_writer && known == write.before {
                self.own.insert((place.0, place.1, write.after));
            } else if !is_unclear
                && write.had_other_writer
                && known != write.after
                && self.tree.get(path).copied() == write.after
            {
                self.owed.insert(place, write.after);
            }
        }
    }

    fn check_against_own_writes(&mut self, delivery: &Delivery) {
        let number = NUMBERS[delivery.watch];
        for change in delivery.event.changes() {
            let FileChange { path, stamp } = change;
            let place = (number, path);
            if self.owed.get(&place) == Some(&stamp) {
                self.owed.remove(&place);
            }
            let is_own = self.own.contains(&(place.0, place.1, stamp));
            let seed = self.seed;
            assert!(
                !is_own || delivery.event.attempt > 1,
                "seed {seed}: its own write: {delivery:?}"
            );
        }
    }

    // The host.

    fn handle(&mut self, event: Event) {
        if self.is_told {
            println!("{event:?}");
        }
        self.queue.handle(self.now, event);
    }

    fn poll(&mut self) {
        while let Some(action) = self.queue.poll(self.now) {
            if self.is_told {
                println!("    {action:?}");
            }
            match action {
                EventAction::Look(path) => self.look(path),
                EventAction::Scan(scope) => self.tasks.push(Task::Scan(scope)),
                EventAction::Deliver(delivery) => self.begin_delivery(delivery),
                EventAction::Record(records) => self.tasks.push(Task::Record(records)),
                EventAction::ListParked => assert!(self.queue.parked().len() <= MOST_PARKED),
                EventAction::Report(report) => self.note(*report),
            }
        }
    }

    fn look(&mut self, path: Arc<str>) {
        let found = match self.tree.get(&path) {
            Some(stamp) if covers(&path) => LookResult::File {
                stamp: *stamp,
                age: Duration::ZERO,
                tick: self.tick,
            },
            _ => LookResult::Absent,
        };
        let found = match self.random.below(200) {
            0 if self.is_unclear => LookResult::Unclear,
            _ => found,
        };
        self.handle(Event::Looked(path, found));
    }

    fn begin_delivery(&mut self, delivery: Box<Delivery>) {
        let seed = self.seed;
        assert!(
            self.now.instant >= self.paused_until,
            "seed {seed}: delivered while paused"
        );
        let paths: HashSet<Arc<str>> = paths(&delivery.event).collect();
        for task in &self.tasks {
            let others = match task {
                Task::Deliver(other) | Task::Decided(other) => &other.event,
                _ => continue,
            };
            let is_shared = self::paths(others).any(|path| paths.contains(&path));
            assert!(!is_shared, "seed {seed}: two at a time: {delivery:?}");
        }
        let n_delivering = self.tasks.iter().filter(|task| task.is_delivery()).count();
        assert!(
            n_delivering < MOST_DELIVERING,
            "seed {seed}: too many at a time"
        );
        assert!(
            delivery.event.attempt <= ATTEMPTS,
            "seed {seed}: {delivery:?}"
        );
        assert!(
            !self.committed.contains_key(&delivery.id),
            "seed {seed}: delivered twice: {delivery:?}"
        );
        self.check_against_own_writes(&delivery);
        let changes = delivery.event.changes().into_iter();
        let mut stamps = changes.filter_map(|change| change.stamp);
        if stamps.any(|stamp| self.just_closed.contains(&stamp)) {
            self.count("told at once");
        }
        self.disk.journal.insert(delivery.id);
        self.tasks.push(Task::Deliver(delivery));
    }

    fn note(&mut self, report: Report) {
        match report {
            Report::Failed { event, after, .. } => match after {
                AfterFailure::Later(_) => self.count("failed"),
                AfterFailure::Outdated => self.count("outdated"),
                AfterFailure::GivenUp => {
                    let changes = event.changes();
                    let is_parked = |path: &Arc<str>, stamp: &Option<FileStamp>| {
                        let mut changes = changes.iter();
                        changes.any(|change| change.path == *path && change.stamp == *stamp)
                    };
                    self.owed.retain(|(_, path), stamp| !is_parked(path, stamp));
                    self.count("given up");
                }
            },
            Report::DroppedParked { .. } => self.count("parked ones dropped"),
            Report::NoWatch(_) | Report::TooManyFiles { .. } => panic!("{report:?}"),
        }
    }

    /// One of the tasks, any of them, comes one step further.
    fn work(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let at = self.random.below(self.tasks.len() as u64) as usize;
        match self.tasks.swap_remove(at) {
            Task::Scan(scope) => {
                let scanned = self.scan(&scope);
                self.tasks.push(Task::Scanned(scanned));
            }
            Task::Scanned(scanned) => {
                self.n_scanned += u32::from(scanned.part.is_some());
                self.handle(Event::Scanned(scanned));
            }
            Task::Deliver(delivery) => self.call(delivery),
            Task::Decided(delivery) => self.commit(*delivery),
            Task::Delivered(key, id, result) => {
                self.disk.journal.remove(&id);
                if matches!(result, DeliveryResult::HostFailed) {
                    self.pause();
                }
                self.handle(Event::Delivered(key, result));
            }
            Task::Record(records) => {
                let is_kept = self.random.below(20) > 0;
                if is_kept {
                    records
                        .into_iter()
                        .for_each(|record| self.disk.keep(record));
                }
                self.tasks.push(Task::Recorded(is_kept));
            }
            Task::Recorded(is_kept) => {
                if !is_kept {
                    self.count("record lost");
                    self.pause();
                }
                self.handle(Event::Recorded { is_kept });
            }
            Task::Write(path) => {
                self.count("own write");
                let write = self.write_own(&path);
                self.tasks.push(Task::Written(path, write));
            }
            Task::Written(path, write) => self.end_own_write(path, write, false),
        }
    }

    fn pause(&mut self) {
        self.paused_until = self.now.instant + Duration::from_secs(1);
    }

    /// Reads a part of the tree. What changes from here on is not in it.
    fn scan(&mut self, scope: &ScanScope) -> Scanned {
        let folders = match scope {
            ScanScope::Everything => {
                let is_cut = self.random.below(4) == 0;
                let mut datasites: Vec<Arc<str>> = vec!["".into(), "d".into(), "e".into()];
                let mut part = ScanPart {
                    took: Duration::from_millis(self.random.below(400)),
                    n_scanners: 1,
                    ..ScanPart::default()
                };
                if is_cut {
                    let left = self.random.below(3) as usize;
                    datasites.remove(left);
                }
                let mut files = HashMap::new();
                for datasite in datasites {
                    let found = self.files_in(&datasite);
                    let seen = found.keys().cloned().collect();
                    files.extend(found);
                    part.complete.push((datasite, seen));
                }
                return Scanned {
                    files,
                    is_cut,
                    part: Some(part),
                };
            }
            ScanScope::Folders(folders) => folders,
        };
        self.count("scan of a folder");
        let files = folders.iter().flat_map(|folder| self.files_in(folder));
        Scanned {
            files: files.collect(),
            is_cut: false,
            part: None,
        }
    }

    fn files_in(&self, datasite: &str) -> HashMap<Arc<str>, FileStamp> {
        let is_in = |path: &str| match path.split_once('/') {
            Some((folder, _)) => folder == datasite,
            None => datasite.is_empty(),
        };
        let files = self
            .tree
            .iter()
            .filter(|(path, _)| is_in(path) && covers(path));
        files
            .map(|(path, stamp)| (Arc::clone(path), *stamp))
            .collect()
    }

    /// The app does its work, and may write to the file of the event.
    fn call(&mut self, delivery: Box<Delivery>) {
        let path = &delivery.event.path;
        if self.deadly.is_some_and(|deadly| **path == *deadly) {
            return self.crash();
        }
        if self.random.below(4) == 0 && !self.writing.contains_key(path) {
            let path = Arc::clone(path);
            self.count("own write of a delivery");
            self.begin(&path);
            let write = self.write_own(&path);
            self.end_own_write(path, write, true);
        }
        self.tasks.push(Task::Decided(delivery));
    }

    /// Everything of a call is kept, or nothing.
    fn commit(&mut self, delivery: Delivery) {
        let is_hated = self
            .hated
            .is_some_and(|hated| *delivery.event.path == *hated);
        let result = match self.random.below(10) {
            0 => {
                self.count("host failed");
                DeliveryResult::HostFailed
            }
            1 | 2 => failed(),
            _ if is_hated => failed(),
            _ => {
                self.count("delivered");
                self.take(&delivery);
                DeliveryResult::Delivered
            }
        };
        self.tasks
            .push(Task::Delivered(delivery.key, delivery.id, result));
    }

    /// The app's picture of the files is what is kept. The event has to make sense by it.
    fn take(&mut self, delivery: &Delivery) {
        let (seed, event) = (self.seed, &delivery.event);
        let earlier = self.committed.insert(delivery.id, paths(event).collect());
        assert_eq!(earlier, None, "seed {seed}: taken twice: {event:?}");
        let number = NUMBERS[delivery.watch];
        let picture = self.disk.delivered.entry(number).or_default();
        let had = picture.get(&event.path).copied();
        match event.kind {
            EventKind::Created => assert_eq!(had, None, "seed {seed}: {event:?}"),
            EventKind::Modified | EventKind::Deleted => {
                assert!(had.is_some(), "seed {seed}: {event:?}");
            }
            EventKind::Moved => {
                let from = event.moved_from.as_ref().expect("where it was");
                assert!(picture.contains_key(from), "seed {seed}: {event:?}");
            }
        }
        for change in event.changes() {
            if self.tree.get(&change.path).copied() == change.stamp {
                self.unsettled.remove(&(number, change.path));
            }
        }
        for record in &delivery.records {
            self.disk.keep(record.clone());
        }
    }

    // The owner.

    fn ask_for_parked(&mut self) {
        let parked = self.queue.parked();
        let Some(first) = parked.first() else { return };
        let id = Uuid::parse_str(&first.id).expect("an id");
        let paths = [Some(first.path.clone()), first.moved_from.clone()];
        if self.random.below(3) > 0 {
            self.count("retried");
            // The app is to know again what it knew then, and what follows from that.
            let is_meant = |path: &Arc<str>| paths.iter().flatten().any(|other| **other == **path);
            self.committed
                .retain(|_, paths| !paths.iter().any(is_meant));
            self.own.clear();
            self.handle(Event::Retry(id));
        } else {
            self.count("dropped by the owner");
            self.handle(Event::Drop(id));
        }
    }

    // Crashes.

    /// All that was not on the disk is gone.
    fn crash(&mut self) {
        self.count("crash");
        self.tasks.clear();
        self.writing.clear();
        self.own.clear();
        for id in std::mem::take(&mut self.disk.journal) {
            let failed = self
                .disk
                .attempts
                .get(&id)
                .map_or(0, |attempts| attempts.n_failed)
                + 1;
            let at = self.now.wall.micros();
            self.disk.attempts.insert(
                id,
                Attempts {
                    n_failed: failed,
                    at,
                },
            );
            let n_crashes = self.n_crashes.entry(id).or_default();
            *n_crashes += 1;
            let seed = self.seed;
            assert!(*n_crashes <= 2 * ATTEMPTS, "seed {seed}: it never ends");
        }
        self.start();
    }

    fn start(&mut self) {
        self.paused_until = self.now.instant;
        self.queue = queue(self.now, &self.disk);
        let everything = ["", "d", "e"].map(|datasite| self.files_in(datasite));
        let first = Scanned {
            files: everything.into_iter().flatten().collect(),
            is_cut: false,
            part: Some(ScanPart {
                n_scanners: 1,
                ..ScanPart::default()
            }),
        };
        self.handle(Event::Scanned(first));
    }

    // Rest.

    fn pass(&mut self) {
        let time = Duration::from_millis(self.random.below(3_000));
        self.just_closed.clear();
        self.now.instant += time;
        self.now.wall = self.now.wall.saturating_add(time);
    }

    /// Nothing more happens from outside. Where no hint was lost, no scan is needed.
    fn rest(&mut self) {
        self.deadly = None;
        self.is_unclear = false;
        self.n_scanned = 0;
        for _ in 0..1_000 {
            self.poll();
            while self.has_work() {
                self.work_for_rest();
                self.poll();
            }
            let is_still = self
                .queue
                .wakes_at()
                .is_none_or(|at| at > self.now.instant + STILL);
            if is_still && (self.has_all_hints || self.n_scanned >= SCANS) {
                return;
            }
            let wakes_at = self.queue.wakes_at().unwrap_or(self.now.instant);
            let time = wakes_at.saturating_duration_since(self.now.instant);
            self.just_closed.clear();
            self.now.instant += time;
            self.now.wall = self.now.wall.saturating_add(time);
        }
        panic!("seed {}: it never comes to rest", self.seed);
    }

    fn has_work(&self) -> bool {
        let is_work = |task: &Task| !self.has_all_hints || !task.is_scan();
        self.tasks.iter().any(is_work)
    }

    fn work_for_rest(&mut self) {
        let mut scans = Vec::new();
        if self.has_all_hints {
            scans.extend(self.tasks.extract_if(.., |task| task.is_scan()));
        }
        self.work();
        self.tasks.append(&mut scans);
    }

    fn check(&self) {
        let seed = self.seed;
        assert_eq!(self.queue.n_delivering(), 0, "seed {seed}");
        for (number, (_, globs)) in NUMBERS.iter().zip(watches()) {
            let tree: BTreeMap<&Arc<str>, &FileStamp> = self
                .tree
                .iter()
                .filter(|(path, _)| matches(&globs, path))
                .collect();
            let known = self.disk.delivered.get(number);
            let known: BTreeMap<&Arc<str>, &FileStamp> = known.into_iter().flatten().collect();
            assert_eq!(known, tree, "seed {seed}: watch {number}");
        }
        for ((number, path), stamp) in &self.owed {
            let tree = self.tree.get(path);
            assert!(
                tree.copied() != *stamp,
                "seed {seed}: watch {number} missed {path}"
            );
        }
        let listed: BTreeSet<String> = self
            .queue
            .parked()
            .iter()
            .map(|event| event.id.clone())
            .collect();
        let kept: BTreeSet<String> = self.disk.parked.keys().map(Uuid::to_string).collect();
        assert_eq!(listed, kept, "seed {seed}: parked");
    }

    // Choices.

    fn any_path(&mut self) -> Arc<str> {
        Arc::from(PATHS[self.random.below(PATHS.len() as u64) as usize])
    }

    fn is_being_delivered(&self, path: &Arc<str>) -> bool {
        self.tasks.iter().any(|task| match task {
            Task::Deliver(delivery) | Task::Decided(delivery) => {
                paths(&delivery.event).any(|other| other == *path)
            }
            _ => false,
        })
    }

    fn count(&mut self, name: &'static str) {
        self.counts.add_one(name);
    }
}

impl Task {
    fn is_scan(&self) -> bool {
        matches!(self, Self::Scan(_) | Self::Scanned(_))
    }

    fn is_delivery(&self) -> bool {
        matches!(
            self,
            Self::Deliver(_) | Self::Decided(_) | Self::Delivered(..)
        )
    }
}

impl Disk {
    fn keep(&mut self, record: Record) {
        match record {
            Record::Delivered(number, FileChange { path, stamp }) => {
                let files = self.delivered.entry(number).or_default();
                match stamp {
                    Some(stamp) => drop(files.insert(path, stamp)),
                    None => drop(files.remove(&path)),
                }
            }
            Record::Attempts(id, Some(attempts)) => drop(self.attempts.insert(id, attempts)),
            Record::Attempts(id, None) => drop(self.attempts.remove(&id)),
            Record::Parked(id, Some(parked)) => drop(self.parked.insert(id, parked)),
            Record::Parked(id, None) => drop(self.parked.remove(&id)),
            Record::Watch(..) | Record::NoWatch(_) => panic!("{record:?}"),
        }
    }
}

fn failed() -> DeliveryResult {
    DeliveryResult::Failed(Failure {
        name: "failed",
        detail: "no".to_owned(),
    })
}

fn paths(event: &FileEvent) -> impl Iterator<Item = Arc<str>> {
    event.changes().into_iter().map(|change| change.path)
}

const NUMBERS: [WatchNumber; 2] = [4, 7];

fn watches() -> [(Vec<String>, Globs); 2] {
    let datasite = Datasite::parse("o@x.org").expect("an email");
    let app = AppName::parse("app").expect("a name");
    [vec!["**", "!*.txt"], vec!["d/*", "/a"]].map(|texts| {
        let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
        let globs = Globs::parse(&texts, &datasite, &app).expect("patterns");
        (texts, globs)
    })
}

fn matches(globs: &Globs, path: &str) -> bool {
    globs.matches(&path.split('/').collect::<Vec<_>>())
}

/// The first watch matches all that any does.
fn covers(path: &str) -> bool {
    !path.ends_with(".txt")
}

fn queue(now: Now, disk: &Disk) -> EventQueue {
    let options = QueueOptions {
        scope: "o@x.org/app".to_owned(),
        most_files: 1_000,
        most_delivering: MOST_DELIVERING,
        most_parked: MOST_PARKED,
        retry: RetryPolicy {
            first: Duration::from_secs(1),
            attempts: ATTEMPTS,
        },
    };
    let watches = NUMBERS.iter().zip(watches());
    let watches = watches.map(|(number, (patterns, globs))| {
        let delivered = disk.delivered.get(number).cloned().unwrap_or_default();
        NumberedWatch {
            number: *number,
            patterns,
            globs,
            kinds: EventKinds {
                created: true,
                modified: true,
                moved: true,
                deleted: true,
            },
            delivered,
        }
    });
    let left = LeftBehind {
        attempts: disk.attempts.clone(),
        parked: disk.parked.clone(),
    };
    EventQueue::new(now, options, watches.collect(), left)
}
