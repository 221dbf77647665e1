use std::collections::HashMap;

use super::super::{EventKind, FileStamp, FileTime};
use super::*;
use crate::address::{AppName, Datasite};
use crate::timestamp::Timestamp;

const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(1),
    attempts: 3,
};

/// A queue, a clock, and what is kept.
struct Bench {
    now: Now,
    queue: EventQueue,
    records: Vec<Record>,
    reports: Vec<Report>,
}

fn watch(number: WatchNumber, pattern: &str) -> NumberedWatch {
    let datasite = Datasite::parse("o@x.org").expect("an email");
    let app = AppName::parse("app").expect("a name");
    let patterns = vec![pattern.to_owned()];
    NumberedWatch {
        number,
        globs: Globs::parse(&patterns, &datasite, &app).expect("patterns"),
        patterns,
        kinds: EventKinds {
            created: true,
            modified: true,
            moved: true,
            deleted: true,
        },
        delivered: BTreeMap::new(),
    }
}

fn stamp(inode: u64, time: i64) -> FileStamp {
    let time = FileTime {
        seconds: time,
        nanos: 0,
    };
    FileStamp {
        inode,
        born: FileTime::default(),
        bytes: 1,
        modified: time,
        changed: time,
        mode: 0o100_644,
    }
}

impl Bench {
    fn new(patterns: &[&str], most_delivering: usize) -> Self {
        Self::with(patterns, most_delivering, LeftBehind::default())
    }

    fn with(patterns: &[&str], most_delivering: usize, left: LeftBehind) -> Self {
        let now = Now {
            instant: Instant::now(),
            wall: Timestamp::from_micros(1_000_000_000_000_000),
        };
        let options = QueueOptions {
            scope: "o@x.org/app".to_owned(),
            most_files: 100,
            most_delivering,
            most_parked: 2,
            retry: RETRY,
        };
        let watches = (1..)
            .zip(patterns)
            .map(|(number, text)| watch(number, text));
        Self {
            now,
            queue: EventQueue::new(now, options, watches.collect(), left),
            records: Vec::new(),
            reports: Vec::new(),
        }
    }

    fn handle(&mut self, event: Event) {
        self.queue.handle(self.now, event);
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall = self.now.wall.saturating_add(time);
    }

    /// Files come to be so, and are found to rest.
    fn write(&mut self, files: &[(&str, FileStamp)]) {
        let files: HashMap<Arc<str>, FileStamp> = files
            .iter()
            .map(|(path, stamp)| (Arc::from(*path), *stamp))
            .collect();
        for path in files.keys() {
            self.handle(Event::Hinted {
                path: Arc::clone(path),
                hint: FileHint::Whole,
                is_covered: true,
            });
        }
        for _ in 0..3 {
            while let Some(path) = self.queue.observed.next_look(self.now.instant) {
                let found = match files.get(&path) {
                    Some(stamp) => LookResult::File {
                        stamp: *stamp,
                        age: Duration::ZERO,
                        tick: Duration::ZERO,
                    },
                    None => LookResult::Absent,
                };
                self.handle(Event::Looked(path, found));
            }
            self.pass(Duration::from_millis(150));
        }
    }

    /// Does all that is to be done; what is recorded is kept at once. Returns what is to be
    /// delivered.
    fn poll(&mut self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        while let Some(action) = self.queue.poll(self.now) {
            match action {
                EventAction::Deliver(delivery) => deliveries.push(*delivery),
                EventAction::Record(records) => {
                    self.records.extend(records);
                    self.handle(Event::Recorded { is_kept: true });
                }
                EventAction::Report(report) => self.reports.push(*report),
                EventAction::Look(_) | EventAction::Scan(_) | EventAction::ListParked => {}
            }
        }
        deliveries
    }

    fn one(&mut self) -> Delivery {
        let mut all = self.poll();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn end(&mut self, delivery: &Delivery, result: DeliveryResult) {
        self.handle(Event::Delivered(delivery.key, result));
    }
}

fn failed() -> DeliveryResult {
    DeliveryResult::Failed(Failure {
        name: "failed",
        detail: "no".to_owned(),
    })
}

fn paths(deliveries: &[Delivery]) -> Vec<(usize, &str)> {
    let all = deliveries.iter();
    all.map(|delivery| (delivery.watch, &*delivery.event.path))
        .collect()
}

#[test]
fn watches_take_turns_however_much_there_is_for_one() {
    let mut bench = Bench::new(&["/a/*", "/b"], 1);
    let many: Vec<String> = (0..5).map(|n| format!("a/{n}")).collect();
    let mut files: Vec<(&str, FileStamp)> = (0..)
        .zip(&many)
        .map(|(n, path)| (&**path, stamp(n, 1)))
        .collect();
    files.push(("b", stamp(9, 1)));
    bench.write(&files);
    let mut order = Vec::new();
    for _ in 0..3 {
        let delivery = bench.one();
        order.push(delivery.watch);
        bench.end(&delivery, DeliveryResult::Delivered);
    }
    assert_eq!(order, [0, 1, 0]);
}

#[test]
fn no_more_are_delivered_at_a_time_than_may_be_and_one_of_a_path() {
    let mut bench = Bench::new(&["**", "/b"], 3);
    bench.write(&[("a", stamp(1, 1)), ("b", stamp(2, 1)), ("c", stamp(3, 1))]);
    let first = bench.poll();
    assert_eq!(first.len(), 3);
    let of_b = first
        .iter()
        .filter(|delivery| &*delivery.event.path == "b")
        .count();
    assert_eq!(of_b, 1, "{:?}", paths(&first));
    let b = first.iter().find(|delivery| &*delivery.event.path == "b");
    bench.end(b.expect("b"), DeliveryResult::Delivered);
    let next = bench.one();
    assert_eq!(&*next.event.path, "b");
}

#[test]
fn what_the_host_cannot_do_is_tried_again_after_a_pause() {
    let mut bench = Bench::new(&["**"], 2);
    bench.write(&[("a", stamp(1, 1))]);
    let delivery = bench.one();
    bench.end(&delivery, DeliveryResult::HostFailed);
    assert!(bench.poll().is_empty());
    assert_eq!(bench.queue.wakes_at(), Some(bench.now.instant + TROUBLE));
    bench.pass(TROUBLE);
    let again = bench.one();
    assert_eq!((again.id, again.event.attempt), (delivery.id, 1));
}

#[test]
fn records_that_could_not_be_kept_are_written_again_with_what_came_since() {
    let mut bench = Bench::new(&["**"], 2);
    bench.write(&[("a", stamp(1, 1))]);
    let delivery = bench.one();
    bench.end(&delivery, failed());
    let first = loop {
        if let EventAction::Record(records) = bench.queue.poll(bench.now).expect("something") {
            break records;
        }
    };
    assert_eq!(first.len(), 1);
    bench.handle(Event::Recorded { is_kept: false });
    assert!(bench.poll().is_empty() && bench.records.is_empty());
    bench.pass(TROUBLE);
    bench.poll();
    assert!(matches!(bench.records[..], [Record::Attempts(id, Some(_))] if id == delivery.id));
}

/// Otherwise what is delivered later could be recorded first.
#[test]
fn nothing_is_delivered_about_a_path_while_it_is_being_recorded() {
    let mut bench = Bench::new(&["**"], 2);
    let path: Arc<str> = Arc::from("a");
    let own = OwnWrite {
        before: None,
        after: Some(stamp(1, 1)),
        had_other_writer: false,
    };
    bench.handle(Event::OwnWriteBegan(Arc::clone(&path)));
    bench.handle(Event::OwnWriteEnded {
        path: Arc::clone(&path),
        write: own,
        is_covered: true,
    });
    bench.write(&[("a", stamp(1, 2))]);
    let mut records = 0;
    while let Some(action) = bench.queue.poll(bench.now) {
        match action {
            EventAction::Deliver(delivery) => panic!("{delivery:?}"),
            EventAction::Record(_) => records += 1,
            _ => {}
        }
    }
    assert_eq!(records, 1);
    bench.handle(Event::Recorded { is_kept: true });
    assert_eq!(bench.one().event.kind, super::super::EventKind::Modified);
}

#[test]
fn nothing_is_delivered_about_a_file_that_a_call_is_changing() {
    let mut bench = Bench::new(&["**"], 2);
    let path: Arc<str> = Arc::from("a");
    bench.handle(Event::OwnWriteBegan(Arc::clone(&path)));
    bench.write(&[("a", stamp(1, 1))]);
    assert!(bench.poll().is_empty());
    bench.handle(Event::OwnWriteEnded {
        path,
        write: OwnWrite {
            before: None,
            after: Some(stamp(1, 1)),
            had_other_writer: true,
        },
        is_covered: true,
    });
    assert_eq!(bench.one().event.attempt, 1);
}

/// The first of two writes undid what the app did not know of, as an event tells it meanwhile.
#[test]
fn what_the_app_did_since_an_event_is_its_own_whatever_it_did_before() {
    let mut bench = Bench::new(&["**"], 2);
    let path: Arc<str> = Arc::from("a");
    let ended = |before, after| Event::OwnWriteEnded {
        path: Arc::clone(&path),
        write: OwnWrite {
            before,
            after,
            had_other_writer: false,
        },
        is_covered: true,
    };
    bench.write(&[("a", stamp(1, 1))]);
    let created = bench.one();
    bench.end(&created, DeliveryResult::Delivered);
    bench.handle(Event::Hinted {
        path: Arc::clone(&path),
        hint: FileHint::Unknown,
        is_covered: true,
    });
    bench.write(&[]);
    let deleted = bench.one();
    assert_eq!(deleted.event.kind, EventKind::Deleted);
    bench.handle(Event::OwnWriteBegan(Arc::clone(&path)));
    bench.handle(ended(Some(stamp(1, 2)), None));
    bench.handle(Event::OwnWriteBegan(Arc::clone(&path)));
    bench.end(&deleted, DeliveryResult::Delivered);
    bench.handle(ended(None, Some(stamp(1, 3))));
    bench.write(&[("a", stamp(1, 3))]);
    assert!(bench.poll().is_empty());
}

/// The app may know a file by now that is moved while it is told of it.
#[test]
fn a_file_that_is_moved_while_it_is_delivered_is_told_of_afterwards() {
    let moved = (EventKind::Moved, Some("a"));
    let created = (EventKind::Created, None);
    for (result, expected) in [
        (DeliveryResult::Delivered, moved),
        (failed(), created),
        (DeliveryResult::HostFailed, created),
    ] {
        let mut bench = Bench::new(&["**"], 2);
        bench.write(&[("a", stamp(1, 1))]);
        let delivery = bench.one();
        bench.write(&[("b", stamp(1, 1))]);
        assert!(bench.poll().is_empty(), "not yet");
        bench.end(&delivery, result);
        bench.pass(TROUBLE);
        let event = bench.one().event;
        assert_eq!((event.kind, event.moved_from.as_deref()), expected);
        assert_eq!(&*event.path, "b");
    }
}

#[test]
fn an_event_that_fails_too_often_is_parked_and_comes_again_when_asked_for() {
    let mut bench = Bench::new(&["**"], 2);
    bench.write(&[("a", stamp(1, 1))]);
    let mut id = None;
    for attempt in 1..=RETRY.attempts {
        let delivery = bench.one();
        assert_eq!(delivery.event.attempt, attempt);
        assert_eq!(*id.get_or_insert(delivery.id), delivery.id);
        bench.end(&delivery, failed());
        bench.pass(Duration::from_secs(60));
    }
    assert!(bench.poll().is_empty());
    let id = id.expect("an id");
    assert!(bench.queue.is_parked(&id) && bench.queue.n_parked() == 1);
    let is_kept = |record: &Record| matches!(record, Record::Parked(of, Some(_)) if *of == id);
    assert!(bench.records.iter().any(is_kept), "{:?}", bench.records);
    bench.handle(Event::Retry(id));
    let again = bench.one();
    assert_eq!((again.id, again.event.attempt), (id, 1));
    assert!(!bench.queue.is_parked(&id));
}

#[test]
fn attempts_count_over_restarts_and_crashes_among_them() {
    let mut bench = Bench::new(&["**"], 2);
    bench.write(&[("a", stamp(1, 1))]);
    let id = bench.one().id;
    for (n_failed, expected) in [(1, Some(2)), (RETRY.attempts, None)] {
        let at = bench.now.wall.micros();
        let left = LeftBehind {
            attempts: HashMap::from([(id, Attempts { n_failed, at })]),
            parked: HashMap::new(),
        };
        let mut bench = Bench::with(&["**"], 2, left);
        bench.write(&[("a", stamp(1, 1))]);
        let all = bench.poll();
        let attempt = all.first().map(|delivery| delivery.event.attempt);
        assert_eq!(attempt, expected);
        assert_eq!(bench.queue.is_parked(&id), expected.is_none());
    }
}

#[test]
fn the_oldest_parked_events_make_room() {
    let mut bench = Bench::new(&["**"], 1);
    bench.write(&[("a", stamp(1, 1)), ("b", stamp(2, 1)), ("c", stamp(3, 1))]);
    let mut ids = Vec::new();
    while ids.len() < 3 {
        bench.pass(Duration::from_secs(1));
        for delivery in bench.poll() {
            if delivery.event.attempt == RETRY.attempts {
                ids.push(delivery.id);
            }
            bench.end(&delivery, failed());
        }
    }
    bench.poll();
    let parked: Vec<bool> = ids.iter().map(|id| bench.queue.is_parked(id)).collect();
    assert_eq!(parked, [false, true, true]);
    let is_dropped =
        |report: &Report| matches!(report, Report::DroppedParked { id, .. } if *id == ids[0]);
    assert!(bench.reports.iter().any(is_dropped));
}

#[test]
fn a_closed_queue_begins_nothing_and_records_what_ends() {
    let mut bench = Bench::new(&["**"], 1);
    bench.write(&[("a", stamp(1, 1)), ("b", stamp(2, 1))]);
    let delivery = bench.one();
    bench.queue.close();
    assert!(!bench.queue.is_drained());
    bench.end(&delivery, failed());
    assert!(!bench.queue.is_drained());
    assert!(bench.poll().is_empty());
    assert!(bench.queue.is_drained() && bench.queue.wakes_at().is_none());
    assert_eq!(bench.records.len(), 1);
}

#[test]
fn new_folders_are_read_together_and_before_the_next_scan_of_everything() {
    let mut bench = Bench::new(&["**"], 1);
    let scan = |bench: &mut Bench| loop {
        if let EventAction::Scan(scope) = bench.queue.poll(bench.now)? {
            return Some(scope);
        }
    };
    let scanned = |is_of_all: bool| Scanned {
        part: is_of_all.then(ScanPart::default),
        ..Scanned::default()
    };
    assert_eq!(scan(&mut bench), Some(ScanScope::Everything));
    bench.handle(Event::FolderCame(Arc::from("d")));
    assert_eq!(scan(&mut bench), None, "one at a time");
    bench.handle(Event::Scanned(scanned(true)));
    let folders = ScanScope::Folders(vec![Arc::from("d")]);
    assert_eq!(scan(&mut bench), Some(folders));
    bench.handle(Event::HintsLost);
    bench.pass(Duration::from_millis(100));
    assert_eq!(scan(&mut bench), None, "one at a time");
    bench.handle(Event::Scanned(scanned(false)));
    assert_eq!(scan(&mut bench), Some(ScanScope::Everything));
}

#[test]
fn too_many_files_are_reported_once_with_the_datasite_that_has_most() {
    let mut bench = Bench::new(&["**"], 1);
    let paths = |datasite: &'static str, n| (0..n).map(move |n| format!("{datasite}/{n}"));
    let paths: Vec<String> = paths("junk", 130).chain(paths("bob", 5)).collect();
    let files = (1..).zip(paths);
    let files = files.map(|(inode, path)| (Arc::from(path), stamp(inode, 1)));
    let files: HashMap<Arc<str>, FileStamp> = files.collect();
    // The scan comes in parts, of which one meets no junk.
    for (part, is_cut) in [
        (files.clone(), true),
        (HashMap::new(), true),
        (files, false),
    ] {
        bench.handle(Event::Scanned(Scanned {
            files: part,
            is_cut,
            part: Some(ScanPart::default()),
        }));
        bench.poll();
    }
    let [Report::TooManyFiles { datasite, n_files }] = &bench.reports[..] else {
        panic!("{:?}", bench.reports);
    };
    assert!(datasite == "junk" && *n_files >= 95, "{n_files}");
}
