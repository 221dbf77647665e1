use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::address::{AppName, Datasite};
use crate::pattern::Globs;

const ALL: EventKinds = EventKinds {
    created: true,
    modified: true,
    moved: true,
    deleted: true,
};
const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(1),
    attempts: 4,
};

fn globs(texts: &[&str]) -> Globs {
    let datasite = Datasite::parse("o@x.org").expect("an email");
    let app = AppName::parse("app").expect("a name");
    let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
    Globs::parse(&texts, &datasite, &app).expect("patterns")
}

fn stamp(inode: u64, content: u32) -> FileStamp {
    let time = FileTime {
        seconds: i64::from(content),
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

/// A tree of files, an app that watches it, and the clock of both.
struct World {
    start: Instant,
    now: Instant,
    tree: BTreeMap<Arc<str>, FileStamp>,
    n_writes: u32,
    /// How coarse the times of files are; each change has its own where it is nothing.
    tick: Duration,
    /// What is in the files, which their stamps need not show.
    contents: BTreeMap<Arc<str>, u32>,
    observed: ObservedFiles,
    told: DeliveredFiles,
    /// The picture that the app has, made of what it was told.
    app: BTreeMap<Arc<str>, FileStamp>,
    /// What it found in them.
    read: BTreeMap<Arc<str>, Option<u32>>,
    /// What is kept on the disk.
    kept: HashMap<Arc<str>, FileStamp>,
    running: Vec<FileEvent>,
    log: Vec<String>,
}

impl World {
    fn new(texts: &[&str], kinds: EventKinds, retry: RetryPolicy) -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            tree: BTreeMap::new(),
            n_writes: 0,
            tick: Duration::ZERO,
            contents: BTreeMap::new(),
            observed: ObservedFiles::new(1000),
            told: DeliveredFiles::new(globs(texts), kinds, retry),
            app: BTreeMap::new(),
            read: BTreeMap::new(),
            kept: HashMap::new(),
            running: Vec::new(),
            log: Vec::new(),
        }
    }

    fn write(&mut self, path: &str) -> Arc<str> {
        self.n_writes += 1;
        let path: Arc<str> = Arc::from(path);
        let inode = match self.tree.get(&path) {
            Some(stamp) => stamp.inode,
            // Numbers are given out again.
            None => (1..)
                .find(|inode| self.tree.values().all(|stamp| stamp.inode != *inode))
                .expect("a number"),
        };
        let stamp = stamp(inode, self.time());
        self.tree.insert(Arc::clone(&path), stamp);
        self.contents.insert(Arc::clone(&path), self.n_writes);
        path
    }

    fn time(&self) -> u32 {
        if self.tick.is_zero() {
            return self.n_writes;
        }
        let n_ticks = (self.now - self.start).as_millis() / self.tick.as_millis();
        u32::try_from(n_ticks).expect("a short life")
    }

    fn delete(&mut self, path: &str) {
        self.tree.remove(path);
        self.contents.remove(path);
    }

    fn rename(&mut self, from: &str, to: &str) -> Option<[Arc<str>; 2]> {
        let mut stamp = self.tree.remove(from)?;
        self.n_writes += 1;
        stamp.changed.seconds = i64::from(self.time());
        let to: Arc<str> = Arc::from(to);
        self.tree.insert(Arc::clone(&to), stamp);
        let content = self.contents.remove(from).expect("a file");
        self.contents.insert(Arc::clone(&to), content);
        Some([Arc::from(from), to])
    }

    fn hint(&mut self, path: &str, hint: FileHint) {
        self.observed.hint(self.now, &Arc::from(path), hint);
    }

    fn scan(&mut self) {
        let files = self
            .tree
            .iter()
            .map(|(path, stamp)| (Arc::clone(path), *stamp));
        let files: HashMap<_, _> = files.collect();
        let found: HashSet<_> = files.keys().cloned().collect();
        self.observed.found(self.now, &files);
        for datasite in ["", "d"] {
            self.observed.scanned_below(self.now, datasite, &found);
        }
    }

    fn look(&mut self) {
        let mut changed = Vec::new();
        while let Some(path) = self.observed.next_look(self.now) {
            let found = match self.tree.get(&path) {
                Some(stamp) => LookResult::File {
                    stamp: *stamp,
                    age: Duration::ZERO,
                    tick: self.tick,
                },
                None => LookResult::Absent,
            };
            self.observed.looked(self.now, &path, found, &mut changed);
        }
        for path in changed {
            self.told.changed(&self.observed, &path);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.observed.wakes_at().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.look();
        }
        self.now = end;
    }

    fn next(&mut self) -> Option<FileEvent> {
        let running = &self.running;
        let is_busy = |path: &str| {
            let mut paths = running.iter().flat_map(FileEvent::changes);
            paths.any(|change| &*change.path == path)
        };
        self.told.next(&self.observed, self.now, is_busy)
    }

    /// Has the app take an event. It checks that what it is told makes sense.
    fn take(&mut self, event: &FileEvent) {
        let had = self.app.get(&event.path).copied();
        let shown = format!("{event:?}");
        match event.kind {
            EventKind::Created => assert_eq!(had, None, "{shown}"),
            EventKind::Modified | EventKind::Deleted => assert!(had.is_some(), "{shown}"),
            EventKind::Moved => {
                let from = event.moved_from.as_ref().expect("where it was");
                let had = self.app.get(from).expect("a file that is moved");
                let moved = event.after.expect("a file");
                assert!(had.is_same_file(&moved), "{shown}");
            }
        }
        // What it finds to be otherwise, as far as times say, it hears of again.
        let is_so = self.tree.get(&event.path).copied() == event.after;
        let found = self.contents.get(&event.path).filter(|_| is_so);
        let moved = event.moved_from.as_ref();
        let content = moved.and_then(|from| self.read.get(from).copied().flatten());
        let content = content.or(found.copied());
        for change in event.changes() {
            match change.stamp {
                Some(stamp) => drop(self.app.insert(Arc::clone(&change.path), stamp)),
                None => drop(self.app.remove(&change.path)),
            }
            match change.stamp {
                Some(_) => drop(self.read.insert(Arc::clone(&change.path), content)),
                None => drop(self.read.remove(&change.path)),
            }
            keep(&mut self.kept, &change);
        }
        self.log.push(match &event.moved_from {
            Some(from) => format!("{} {from} {}", event.kind.as_str(), event.path),
            None => format!("{} {}", event.kind.as_str(), event.path),
        });
        self.told.done(&self.observed, event);
    }

    /// Lets everything come to rest and be told.
    fn rest(&mut self) -> Vec<String> {
        for _ in 0..200 {
            self.pass(Duration::from_secs(3));
            while let Some(event) = self.next() {
                self.take(&event);
            }
            self.keep_silent();
        }
        assert_eq!(self.told.n_waiting(), 0);
        std::mem::take(&mut self.log)
    }

    fn change(&self, path: &str) -> FileChange {
        FileChange {
            path: Arc::from(path),
            stamp: self.tree.get(path).copied(),
        }
    }

    /// Takes note of what the app itself did.
    fn own(&mut self, before: Option<FileStamp>, change: &FileChange) {
        self.told.own(before, change);
        let mut changed = Vec::new();
        self.observed.own(self.now, change, &mut changed);
        for path in changed {
            self.told.changed(&self.observed, &path);
        }
        self.observed.hint(self.now, &change.path, FileHint::Whole);
    }

    fn keep_silent(&mut self) {
        for change in self.told.take_silent(|_| false) {
            keep(&mut self.kept, &change);
            match change.stamp {
                Some(stamp) => drop(self.app.insert(change.path, stamp)),
                None => drop(self.app.remove(&change.path)),
            }
        }
    }

    /// Stops without a word and starts again with what was kept.
    fn restart(&mut self, texts: &[&str]) {
        self.running.clear();
        self.observed = ObservedFiles::new(1000);
        self.told = DeliveredFiles::new(globs(texts), ALL, RETRY);
        for (path, stamp) in &self.kept {
            self.observed.remember(self.now, path, *stamp);
            let change = FileChange {
                path: Arc::clone(path),
                stamp: Some(*stamp),
            };
            self.told.know(&change);
        }
        self.scan();
    }
}

fn keep(kept: &mut HashMap<Arc<str>, FileStamp>, change: &FileChange) {
    match change.stamp {
        Some(stamp) => drop(kept.insert(Arc::clone(&change.path), stamp)),
        None => drop(kept.remove(&change.path)),
    }
}

fn world() -> World {
    World::new(&["**", "!*.txt"], ALL, RETRY)
}

/// What happens between two tellings, and what the app is told of it.
#[test]
fn tells_what_came_of_a_burst() {
    for (ops, expected) in [
        ("w a", "created a"),
        ("w a, w a", "created a"),
        ("w a, d a", ""),
        ("w a | w a", "created a, modified a"),
        ("w a | w a, w a", "created a, modified a"),
        ("w a | d a", "created a, deleted a"),
        ("w a | d a, w a", "created a, modified a"),
        ("w a | w a, d a", "created a, deleted a"),
        ("w a | r a b", "created a, moved a b"),
        ("w a | r a b, w b", "created a, deleted a, created b"),
        ("w a | w a, r a b", "created a, deleted a, created b"),
        ("w a | r a b, r b c", "created a, moved a c"),
        ("w a | r a b, r b a", "created a, modified a"),
        ("w a | r a b, d b", "created a, deleted a"),
        ("w a | r a b, w a", "created a, moved a b, created a"),
        ("w a, w b | r a b", "created a, created b, moved a b"),
        ("w a, r a b", "created b"),
        ("w a.txt, r a.txt b", "created b"),
        ("w a | r a a.txt", "created a, deleted a"),
        ("w a.txt", ""),
        ("w a | c a", "created a"),
        ("w a | c a, w a", "created a, modified a"),
    ] {
        let mut world = world();
        let mut told = Vec::new();
        for burst in ops.split(" | ") {
            for op in burst.split(", ") {
                apply(&mut world, op);
            }
            told.extend(world.rest());
        }
        let expected: Vec<&str> = expected
            .split(", ")
            .filter(|text| !text.is_empty())
            .collect();
        // A moved file and a new one at its place come in either order.
        let (mut told, mut expected) = (told, expected);
        if ops.contains("r a b, w") || ops.contains("w a, r a b") {
            told.sort();
            expected.sort_unstable();
        }
        assert_eq!(told, expected, "{ops}");
    }
}

fn apply(world: &mut World, op: &str) {
    let words: Vec<&str> = op.split(' ').collect();
    match words[..] {
        ["w", path] => {
            world.write(path);
        }
        ["d", path] => world.delete(path),
        ["r", from, to] => drop(world.rename(from, to)),
        ["c", path] => {
            world.n_writes += 1;
            let stamp = world.tree.get_mut(path).expect("a file");
            stamp.mode ^= 0o111;
            stamp.changed.seconds = i64::from(world.n_writes);
        }
        _ => panic!("{op}"),
    }
    for path in &words[1..] {
        world.hint(path, FileHint::Whole);
    }
}

#[test]
fn kinds_that_nobody_asked_for_are_taken_as_told() {
    let kinds = |names: &str| EventKinds {
        created: names.contains('c'),
        modified: names.contains('m'),
        moved: names.contains('v'),
        deleted: names.contains('d'),
    };
    for (wanted, expected) in [
        ("cmvd", "created a, modified a, moved a b, deleted b"),
        ("cm", "created a, modified a, created b"),
        ("d", "deleted a, deleted b"),
        ("m", "modified a"),
        ("v", "moved a b"),
        ("", ""),
    ] {
        let mut world = World::new(&["**"], kinds(wanted), RETRY);
        let mut told = Vec::new();
        for op in ["w a", "w a", "r a b", "d b"] {
            world.keep_silent();
            apply(&mut world, op);
            told.extend(world.rest());
        }
        assert_eq!(told.join(", "), expected, "{wanted}");
    }
}

#[test]
fn a_file_counts_once_it_rests() {
    let mut world = world();
    let path = world.write("a");
    world.hint(&path, FileHint::Writing);
    world.pass(Duration::from_millis(900));
    world.write("a");
    world.hint(&path, FileHint::Writing);
    world.pass(Duration::from_millis(900));
    assert_eq!(world.next(), None, "somebody may be writing");
    world.hint(&path, FileHint::Whole);
    world.pass(Duration::from_millis(10));
    world.pass(Duration::from_millis(110));
    assert_eq!(
        world.next().map(|event| event.kind),
        Some(EventKind::Created)
    );
}

fn told(world: &mut World) -> Vec<String> {
    while let Some(event) = world.next() {
        world.take(&event);
    }
    std::mem::take(&mut world.log)
}

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn a_file_that_was_closed_counts_at_once_and_what_differs_later_is_a_change() {
    for hint in [Some(FileHint::Whole), Some(FileHint::Unknown), None] {
        let mut world = world();
        let path = world.write("a");
        world.hint(&path, FileHint::Writing);
        world.pass(MOMENT);
        assert_eq!(told(&mut world), [""; 0], "it may be open");
        world.hint(&path, FileHint::Whole);
        world.pass(MOMENT);
        assert_eq!(told(&mut world), ["created a"]);
        if hint.is_some() {
            world.pass(Duration::from_millis(20));
            world.hint(&path, FileHint::Whole);
            world.pass(MOMENT);
            assert_eq!(told(&mut world), [""; 0], "closed, and not written");
        }
        // Another writer, or the same by its mapping of the file.
        world.write("a");
        if let Some(hint) = hint {
            world.hint(&path, hint);
        }
        world.pass(Duration::from_millis(90));
        assert_eq!(
            told(&mut world),
            [""; 0],
            "it may be written on and on: {hint:?}"
        );
        world.pass(Duration::from_millis(120));
        assert_eq!(told(&mut world), ["modified a"], "{hint:?}");
        world.hint(&path, FileHint::Whole);
        assert_eq!(world.rest(), [""; 0], "closed, and not written");
        assert_eq!(world.observed.wakes_at(), None);
    }
}

#[test]
fn a_file_that_was_moved_in_counts_at_once_under_its_last_name() {
    let mut world = world();
    for n in 1..3 {
        for name in [".a.syft.tmp.1", "a.tmp-2"] {
            let path = world.write(name);
            world.hint(&path, FileHint::Whole);
            world.pass(Duration::from_millis(50));
            assert_eq!(told(&mut world), [""; 0], "{name}");
            world.rename(name, "a");
            world.hint(name, FileHint::Unknown);
            world.hint("a", FileHint::Whole);
            world.pass(MOMENT);
            let expected = if n == 1 && name.starts_with('.') {
                "created a"
            } else {
                "modified a"
            };
            assert_eq!(told(&mut world), [expected]);
            world.pass(Duration::from_secs(2));
        }
    }
    apply(&mut world, "r a b");
    world.pass(MOMENT);
    assert_eq!(told(&mut world), ["moved a b"]);
}

#[test]
fn an_empty_file_counts_once_it_rests() {
    let mut world = world();
    let path = world.write("a");
    world.tree.get_mut(&path).expect("a file").bytes = 0;
    world.hint(&path, FileHint::Whole);
    world.pass(Duration::from_millis(90));
    assert_eq!(told(&mut world), [""; 0]);
    world.pass(Duration::from_millis(20));
    assert_eq!(told(&mut world), ["created a"]);
}

#[test]
fn where_times_are_coarse_a_file_counts_when_no_change_can_hide() {
    let mut world = world();
    world.tick = Duration::from_millis(10);
    let path = world.write("a");
    world.hint(&path, FileHint::Whole);
    world.pass(Duration::from_millis(9));
    assert_eq!(told(&mut world), [""; 0]);
    world.pass(MOMENT);
    assert_eq!(told(&mut world), ["created a"]);
}

/// Each burst of it, as if all files had to rest.
#[test]
fn a_file_that_is_written_again_and_again_makes_no_more_events() {
    let mut world = world();
    let mut n_told = 0;
    for _ in 0..20 {
        for _ in 0..3 {
            let path = world.write("a");
            world.hint(&path, FileHint::Whole);
            world.pass(Duration::from_millis(20));
            n_told += told(&mut world).len();
        }
        world.pass(Duration::from_millis(400));
        n_told += told(&mut world).len();
    }
    assert_eq!(n_told, 21, "the first, and one for each burst");
}

#[test]
fn a_file_that_is_never_closed_counts_after_a_while() {
    let mut world = world();
    let path = world.write("a");
    world.hint(&path, FileHint::Writing);
    world.pass(Duration::from_millis(900));
    assert_eq!(world.next(), None);
    world.pass(Duration::from_millis(200));
    assert!(world.next().is_some());
}

#[test]
fn a_file_that_never_rests_is_told_of_now_and_then() {
    let mut world = world();
    let mut told = 0;
    for _ in 0..4000 {
        let path = world.write("a");
        world.hint(&path, FileHint::Whole);
        world.pass(Duration::from_millis(50));
        if let Some(event) = world.next() {
            world.take(&event);
            told += 1;
        }
    }
    // 200 seconds.
    assert!((2..=4).contains(&told), "{told}");
    world.rest();
    assert_eq!(world.app, world.tree);
}

#[test]
fn an_event_that_fails_is_tried_again_and_then_given_up() {
    let mut world = world();
    let path = world.write("a");
    world.hint(&path, FileHint::Whole);
    world.pass(Duration::from_secs(1));
    let first = world.next().expect("an event");
    let id = first.id(b"watch");
    let mut event = first;
    for (attempt, delay) in [(1, 1), (2, 2), (3, 4)] {
        assert_eq!((event.attempt, event.id(b"watch")), (attempt, id));
        let delay = Duration::from_secs(delay);
        let failed = world.told.failed(&world.observed, world.now, &event);
        assert_eq!(failed, AfterFailure::Later(delay));
        world.now += delay - Duration::from_millis(1);
        assert_eq!(world.next(), None);
        assert!(world.told.wakes_at().is_some_and(|at| at > world.now));
        world.now += Duration::from_millis(1);
        event = world.next().expect("the event again");
    }
    let failed = world.told.failed(&world.observed, world.now, &event);
    assert_eq!(failed, AfterFailure::GivenUp);
    world.told.done(&world.observed, &event);
    assert_eq!(world.next(), None);
    // A later change is another event.
    world.write("a");
    world.hint(&path, FileHint::Whole);
    world.pass(Duration::from_secs(1));
    let event = world.next().expect("an event");
    assert_eq!((event.kind, event.attempt), (EventKind::Modified, 1));
    assert_ne!(event.id(b"watch"), id);
}

/// Else an app that writes and then fails would run for ever.
#[test]
fn a_file_that_a_failing_app_changes_itself_is_the_same_event() {
    let mut world = world();
    let path = world.write("a");
    world.hint(&path, FileHint::Whole);
    world.pass(Duration::from_secs(1));
    let mut event = world.next().expect("an event");
    let id = event.id(b"watch");
    for attempt in 1..RETRY.attempts {
        assert_eq!((event.attempt, event.id(b"watch")), (attempt, id));
        let before = world.tree.get(&path).copied();
        world.write("a");
        let change = world.change(&path);
        // The first time the attempt itself writes, then a request between attempts.
        match attempt {
            1 => event.rebase(before, change.stamp),
            _ => {
                world.told.failed(&world.observed, world.now, &event);
            }
        }
        world.own(before, &change);
        if attempt == 1 {
            world.told.failed(&world.observed, world.now, &event);
        }
        assert_eq!(world.next(), None, "not before its time");
        world.now += Duration::from_secs(10);
        event = world.next().expect("the event again");
    }
    let failed = world.told.failed(&world.observed, world.now, &event);
    assert_eq!(failed, AfterFailure::GivenUp);
}

#[test]
fn a_change_of_a_failing_file_is_told_at_once() {
    let mut world = world();
    let path = world.write("a");
    world.hint(&path, FileHint::Whole);
    world.pass(Duration::from_secs(1));
    let event = world.next().expect("an event");
    world.told.failed(&world.observed, world.now, &event);
    world.write("a");
    world.hint(&path, FileHint::Whole);
    world.pass(Duration::from_millis(300));
    let event = world.next().expect("an event");
    assert_eq!((event.kind, event.attempt), (EventKind::Created, 1));
}

#[test]
fn what_the_app_did_itself_is_no_event() {
    let mut world = world();
    let path = world.write("a");
    world.hint(&path, FileHint::Whole);
    world.rest();
    let before = world.tree.get("a").copied();
    let own = |world: &mut World, before: Option<FileStamp>| {
        world.write("a");
        let change = world.change("a");
        world.own(before, &change);
    };
    own(&mut world, before);
    assert_eq!(world.rest(), [""; 0]);
    // Somebody changed it, and the app did not know.
    world.write("a");
    let before = world.tree.get("a").copied();
    own(&mut world, before);
    assert_eq!(world.rest(), ["modified a"]);
    // Somebody changes it after the app did.
    let before = world.tree.get("a").copied();
    own(&mut world, before);
    world.write("a");
    assert_eq!(world.rest(), ["modified a"]);
}

#[test]
fn there_is_a_most_of_files() {
    let mut world = world();
    world.observed = ObservedFiles::new(3);
    for name in ["a", "b", "c", "d"] {
        world.write(name);
        world.hint(name, FileHint::Whole);
    }
    assert_eq!(world.rest().len(), 3);
    assert_eq!(
        (world.observed.n_files(), world.observed.n_dropped()),
        (3, 1)
    );
    world.delete("a");
    world.scan();
    world.rest();
    world.scan();
    assert_eq!(world.rest(), ["created d"]);
}

#[test]
fn junk_of_one_datasite_keeps_no_file_of_another_waiting() {
    let mut world = world();
    world.observed = ObservedFiles::new(20);
    let junk: Vec<String> = (0..40).map(|n| format!("junk/{n}")).collect();
    for path in &junk {
        world.write(path);
    }
    world.scan();
    assert_eq!(world.rest().len(), 20);
    for path in ["bob/1", "bob/2", "carl/1"] {
        world.write(path);
    }
    world.scan();
    let mut told = world.rest();
    told.sort();
    assert_eq!(told, ["created bob/1", "created bob/2", "created carl/1"]);
    // Nor is anything of it in the way of what becomes of them.
    apply(&mut world, "r bob/1 bob/3");
    apply(&mut world, "w bob/2");
    apply(&mut world, "d carl/1");
    let mut told = world.rest();
    told.sort();
    let expected = ["deleted carl/1", "modified bob/2", "moved bob/1 bob/3"];
    assert_eq!(told, expected);
}

#[test]
fn what_was_told_before_a_restart_is_known_beyond_every_bound() {
    let mut world = world();
    for n in 0..40 {
        world.write(&format!("junk/{n}"));
    }
    world.scan();
    world.rest();
    let kept = world.kept.clone();
    world.restart(&["**"]);
    world.observed = ObservedFiles::new(20);
    for (path, stamp) in &kept {
        world.observed.remember(world.now, path, *stamp);
    }
    world.write("bob/1");
    world.scan();
    assert_eq!(world.rest(), ["created bob/1"]);
    assert_eq!(world.observed.n_files(), 41);
    apply(&mut world, "d junk/7");
    assert_eq!(world.rest(), ["deleted junk/7"]);
}

/// What the app left behind is known late, when another has moved the file on already.
#[test]
fn a_file_that_was_moved_on_is_not_back_where_the_app_wrote_it() {
    let mut world = world();
    world.write("a");
    let own = world.change("a");
    world.rename("a", "b");
    for path in ["a", "b"] {
        world.hint(path, FileHint::Whole);
    }
    world.pass(Duration::from_secs(3));
    world.own(None, &own);
    assert!(world.observed.get("b").is_some() && world.observed.get("a").is_none());
    world.keep_silent();
    assert_eq!(world.rest(), ["moved a b"]);
}

/// Two watches may have been stopped at different times.
#[test]
fn a_file_is_only_where_it_is_found_wherever_watches_knew_it_before() {
    let mut world = world();
    world.write("c");
    let stamp = world.tree["c"];
    for path in ["a", "b"] {
        world.observed.remember(world.now, &Arc::from(path), stamp);
    }
    world.hint("c", FileHint::Whole);
    for at in ["c", "a", "b"] {
        assert!(world.observed.get(at).is_none(), "{at} was not looked at");
    }
    world.pass(Duration::from_secs(3));
    assert_eq!(world.observed.get("c"), Some(&stamp));
    assert!(
        ["a", "b"]
            .iter()
            .all(|path| world.observed.get(path).is_none())
    );
    assert_eq!(world.observed.n_files(), 1);
}

/// One watch was stopped when `a` was another file, which is elsewhere now.
#[test]
fn that_a_file_is_elsewhere_says_nothing_of_where_another_watch_knew_another() {
    let mut world = world();
    let (here, there) = (world.write("a"), world.write("b"));
    let known = [world.tree[&here], world.tree[&there]];
    let mut watches = known.map(|stamp| {
        world.observed.remember(world.now, &here, stamp);
        let mut watch = DeliveredFiles::new(globs(&["**"]), ALL, RETRY);
        let stamp = Some(stamp);
        let path = Arc::clone(&here);
        watch.know(&FileChange { path, stamp });
        watch
    });
    let mut told = [const { Vec::new() }; 2];
    world.hint("b", FileHint::Whole);
    for _ in 0..30 {
        let mut changed = Vec::new();
        while let Some(path) = world.observed.next_look(world.now) {
            let found = LookResult::File {
                stamp: world.tree[&path],
                age: Duration::ZERO,
                tick: Duration::ZERO,
            };
            world.observed.looked(world.now, &path, found, &mut changed);
        }
        for (watch, told) in watches.iter_mut().zip(&mut told) {
            for path in &changed {
                watch.changed(&world.observed, path);
            }
            while let Some(event) = watch.next(&world.observed, world.now, |_| false) {
                told.push(format!("{} {}", event.kind.as_str(), event.path));
                watch.done(&world.observed, &event);
            }
        }
        world.now += Duration::from_millis(100);
    }
    let [first, second] = told;
    assert_eq!(first, ["created b"]);
    assert_eq!(second, ["moved b", "created a"]);
}

#[test]
fn stamps_are_kept_as_bytes() {
    let mut whole = stamp(7, 9);
    whole.born.nanos = 5;
    whole.modified.seconds = -3;
    assert_eq!(FileStamp::from_bytes(&whole.to_bytes()), Some(whole));
    assert_eq!(FileStamp::from_bytes(&whole.to_bytes()[1..]), None);
}

#[derive(Debug, Clone)]
enum Op {
    Write(usize, bool),
    Rename(usize, usize, bool),
    Delete(usize, bool),
    Pass(u16),
    Scan,
    Tell,
    /// The app takes an event or fails, and writes to its file before.
    Finish(bool, bool),
    /// The app writes to a file by itself.
    Own(usize, bool),
    Restart,
}

const PATHS: [&str; 6] = ["a", "b", "d/e", "d/f", "g.txt", "h.txt"];

/// Does what somebody does to the tree, and returns the paths, each with whether a hint comes.
fn change_tree(world: &mut World, op: &Op) -> Vec<(Arc<str>, bool)> {
    match *op {
        Op::Write(path, hint) => vec![(world.write(PATHS[path]), hint)],
        Op::Rename(from, to, hint) if from != to => {
            let paths = world.rename(PATHS[from], PATHS[to]);
            let paths = paths.into_iter().flatten();
            paths.map(|path| (path, hint)).collect()
        }
        Op::Delete(path, hint) => {
            world.delete(PATHS[path]);
            vec![(Arc::from(PATHS[path]), hint)]
        }
        _ => Vec::new(),
    }
}

fn op() -> impl Strategy<Value = Op> {
    let path = 0..PATHS.len();
    prop_oneof![
        4 => (path.clone(), any::<bool>()).prop_map(|(path, hint)| Op::Write(path, hint)),
        4 => (path.clone(), path.clone(), any::<bool>())
            .prop_map(|(from, to, hint)| Op::Rename(from, to, hint)),
        2 => (path, any::<bool>()).prop_map(|(path, hint)| Op::Delete(path, hint)),
        4 => (0u16..3000).prop_map(Op::Pass),
        1 => Just(Op::Scan),
        4 => Just(Op::Tell),
        4 => any::<(bool, bool)>().prop_map(|(well, writes)| Op::Finish(well, writes)),
        2 => (0..PATHS.len(), any::<bool>()).prop_map(|(path, hint)| Op::Own(path, hint)),
        1 => Just(Op::Restart),
    ]
}

proptest! {
    /// Whatever happens, with whatever hints lost, an app that does as it is told
    /// ends with the tree.
    #[test]
    fn the_app_ends_with_the_tree(ops in prop::collection::vec(op(), 1..60)) {
        let texts = ["**", "!*.txt"];
        let endless = RetryPolicy { attempts: u32::MAX, ..RETRY };
        let mut world = World::new(&texts, ALL, endless);
        for op in ops {
            let mut hinted = Vec::new();
            match op {
                Op::Write(..) | Op::Rename(..) | Op::Delete(..) => hinted = change_tree(&mut world, &op),
                Op::Pass(millis) => world.pass(Duration::from_millis(millis.into())),
                Op::Scan => world.scan(),
                Op::Tell => {
                    let event = world.next();
                    world.running.extend(event);
                }
                Op::Finish(well, writes) => {
                    if let Some(mut event) = world.running.pop() {
                        let before = world.tree.get(&event.path).copied();
                        if writes {
                            world.write(&event.path);
                        }
                        let change = world.change(&event.path);
                        if well {
                            world.take(&event);
                            world.own(before, &change);
                        } else {
                            event.rebase(before, change.stamp);
                            world.own(before, &change);
                            world.told.failed(&world.observed, world.now, &event);
                        }
                    }
                }
                Op::Own(path, hint) => {
                    let path = PATHS[path];
                    let is_told = |event: &FileEvent| {
                        event.changes().iter().any(|change| &*change.path == path)
                    };
                    if !world.running.iter().any(is_told) {
                        let before = world.tree.get(path).copied();
                        hinted.push((world.write(path), hint));
                        let change = world.change(path);
                        world.own(before, &change);
                    }
                }
                Op::Restart => world.restart(&texts),
            }
            for (path, _) in hinted.into_iter().filter(|(_, hint)| *hint) {
                world.hint(&path, FileHint::Whole);
            }
            world.keep_silent();
        }
        for event in std::mem::take(&mut world.running) {
            world.told.ended(&world.observed, &event);
        }
        world.scan();
        world.rest();
        let tree: BTreeMap<_, _> = world
            .tree
            .iter()
            .filter(|(path, _)| !path.ends_with(".txt"))
            .map(|(path, stamp)| (Arc::clone(path), *stamp))
            .collect();
        prop_assert_eq!(&world.app, &tree);
        let mut seen = HashSet::new();
        prop_assert!(world.told.files().all(|(path, _)| seen.insert(Arc::clone(path))));
    }
}

fn coarse_op() -> impl Strategy<Value = Op> {
    let path = 0..PATHS.len();
    prop_oneof![
        6 => (path.clone(), any::<bool>()).prop_map(|(path, hint)| Op::Write(path, hint)),
        1 => (path.clone(), path.clone(), any::<bool>())
            .prop_map(|(from, to, hint)| Op::Rename(from, to, hint)),
        1 => (path, any::<bool>()).prop_map(|(path, hint)| Op::Delete(path, hint)),
        6 => (0u16..20).prop_map(Op::Pass),
        1 => (0u16..3000).prop_map(Op::Pass),
        6 => Just(Op::Tell),
        1 => Just(Op::Restart),
    ]
}

proptest! {
    /// A file that is written again within a tick of the clock looks as before. The app reads
    /// each that it is told of, and knows in the end what is in all of them.
    #[test]
    fn no_content_is_missed_however_coarse_the_times_are(
        tick in 1_u64..15,
        ops in prop::collection::vec(coarse_op(), 1..60),
    ) {
        let texts = ["**", "!*.txt"];
        let mut world = World::new(&texts, ALL, RETRY);
        world.tick = Duration::from_millis(tick);
        for op in ops {
            let mut hinted = Vec::new();
            match op {
                Op::Write(..) | Op::Rename(..) | Op::Delete(..) => hinted = change_tree(&mut world, &op),
                Op::Pass(millis) => world.pass(Duration::from_millis(millis.into())),
                Op::Restart => world.restart(&texts),
                _ => drop(told(&mut world)),
            }
            for (path, _) in hinted.into_iter().filter(|(_, hint)| *hint) {
                world.hint(&path, FileHint::Whole);
            }
        }
        world.scan();
        world.rest();
        let contents = world.contents.iter().filter(|(path, _)| !path.ends_with(".txt"));
        let contents: BTreeMap<_, _> =
            contents.map(|(path, content)| (Arc::clone(path), Some(*content))).collect();
        prop_assert_eq!(&world.read, &contents);
    }
}
