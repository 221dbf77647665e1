//! What the kernel tells of folders, for all apps of the process.
//!
//! It is inotify itself: a folder is watched by the handle that was opened without
//! following links, a folder that was moved keeps its watch and gets its new path, and
//! what the host itself opens and reads makes no event. A user may have few instances of
//! it, so there is one, and one task that reads what it says.
//!
//! A folder is to be watched before it is read: then nothing falls between the two. Where
//! no more can be watched, the owner learns it once from the log, and it is tried again from time to time.
//!
//! Why: docs/decisions/04-inotify-without-a-library.md

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Bound;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::time;

/// The time before the kernel is asked again that has refused.
const ASKED_EVERY: Duration = Duration::from_secs(4);
/// The time without a refusal after which all seems to be watched.
const CALM: Duration = Duration::from_secs(60);

static TABLE: Mutex<Table> = Mutex::new(Table::new());

/// Learns what happens in a folder. Whoever tells of it must not be kept
/// waiting: the kernel's queue overflows where nobody reads it.
pub(crate) trait ChangeObserver: Send + Sync {
    /// Takes note of an event.
    fn note(&self, event: &FolderChange<'_>);
    /// Takes note that events were lost: everything may have changed.
    fn lost(&self);
}

/// Something happened to a file or folder.
#[derive(Debug)]
pub(crate) struct FolderChange<'a> {
    /// The path of the folder that it is in.
    pub(crate) folder: &'a Arc<str>,
    pub(crate) name: &'a str,
    pub(crate) is_folder: bool,
    pub(crate) what: ChangeKind,
}

impl FolderChange<'_> {
    /// Returns the path of what it happened to.
    pub(crate) fn path(&self) -> Arc<str> {
        if self.folder.is_empty() {
            Arc::from(self.name)
        } else {
            Arc::from(format!("{}/{}", self.folder, self.name))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// It was written, and is no longer open for that.
    Written,
    MovedIn,
    Made,
    Changing,
    /// It was deleted or moved away.
    Gone,
    /// Something about it was changed, or another name of it.
    Touched,
}

/// What somebody wants to know of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchMask {
    /// Files that are written or moved in.
    Arrivals,
    /// These, and folders that come and go.
    ArrivalsAndFolders,
    /// Whatever changes.
    Everything,
}

/// Watches folders for an observer until it is dropped.
#[derive(Debug)]
pub(crate) struct FolderWatcher {
    number: u32,
}

impl FolderWatcher {
    /// Returns a watcher of no folder yet.
    pub(crate) fn new(observer: Arc<dyn ChangeObserver>) -> Self {
        let number = table().open(observer);
        Self { number }
    }

    /// Watches a folder that is open under this path, if that can be; tells whether it is
    /// watched. It may take the place of another one, which is watched no more.
    pub(crate) fn cover(
        &self,
        folder: BorrowedFd<'_>,
        path: &Arc<str>,
        interest: WatchMask,
        instead: Option<&str>,
    ) -> bool {
        let mut table = table();
        let has_room = match instead.and_then(|other| table.watch(self.number, other)) {
            Some(other) => {
                table.release(self.number, other);
                table.n_watched < table.most
            }
            None => false,
        };
        if !has_room && !table.knows(self.number, path) && !table.has_room() {
            return false;
        }
        let Some(inotify) = table.inotify() else {
            return false;
        };
        // Somebody else may want to know more of it.
        let flags = interest.flags() | WatchFlags::ONLYDIR | WatchFlags::MASK_ADD;
        let handle = format!("/proc/self/fd/{}", folder.as_raw_fd());
        match inotify::add_watch(&*inotify, handle, flags) {
            Ok(watch) => table.insert(self.number, watch, path),
            Err(Errno::NOSPC | Errno::NOMEM) => table.refused_more(),
            Err(error) => tracing::warn!(%path, "a folder is not watched, only scanned: {error}"),
        }
        table.knows(self.number, path)
    }

    /// Returns the paths of the folders that are watched.
    pub(crate) fn paths(&self) -> HashSet<Arc<str>> {
        let table = table();
        let looking = table.observers.get(&self.number);
        looking.map_or_else(HashSet::new, |observer| {
            observer.watches.keys().cloned().collect()
        })
    }

    /// Watches a folder and those below it no more, since they are gone from there.
    pub(crate) fn forget(&self, path: &str) {
        let below = table().below(self.number, path);
        self.release(below);
    }

    /// Whoever reads has its turn in between: each end of a watch is an event.
    fn release(&self, watches: Vec<i32>) {
        for watch in watches {
            table().release(self.number, watch);
        }
    }
}

impl Drop for FolderWatcher {
    fn drop(&mut self) {
        let all = table().all(self.number);
        self.release(all);
        table().observers.remove(&self.number);
    }
}

impl WatchMask {
    fn flags(self) -> WatchFlags {
        let arrivals = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
        let folders = arrivals | WatchFlags::CREATE | WatchFlags::MOVED_FROM;
        match self {
            Self::Arrivals => arrivals,
            Self::ArrivalsAndFolders => folders,
            Self::Everything => {
                folders | WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::DELETE
            }
        }
    }
}

impl ChangeKind {
    fn of(flags: ReadFlags) -> Self {
        let all = [
            (ReadFlags::CLOSE_WRITE, Self::Written),
            (ReadFlags::MOVED_TO, Self::MovedIn),
            (ReadFlags::CREATE, Self::Made),
            (ReadFlags::MODIFY, Self::Changing),
            (ReadFlags::DELETE | ReadFlags::MOVED_FROM, Self::Gone),
        ];
        let found = all.into_iter().find(|(flag, _)| flags.intersects(*flag));
        found.map_or(Self::Touched, |(_, what)| what)
    }
}

/// Who watches what.
struct Table {
    inotify: Option<Arc<OwnedFd>>,
    observers: BTreeMap<u32, Looking>,
    next_number: u32,
    /// The path of a folder, by its watch and by who watches it.
    paths: BTreeMap<(i32, u32), Arc<str>>,
    /// Folders that are watched by anybody, and how many may be.
    n_watched: usize,
    most: usize,
    /// When the kernel has last refused, and whether the owner knows.
    refused: Option<Instant>,
    is_told: bool,
}

struct Looking {
    observer: Arc<dyn ChangeObserver>,
    watches: BTreeMap<Arc<str>, i32>,
}

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().expect("no holder of this lock panics")
}

impl Table {
    const fn new() -> Self {
        Self {
            inotify: None,
            observers: BTreeMap::new(),
            next_number: 0,
            paths: BTreeMap::new(),
            n_watched: 0,
            most: 0,
            refused: None,
            is_told: false,
        }
    }

    fn open(&mut self, observer: Arc<dyn ChangeObserver>) -> u32 {
        self.next_number += 1;
        let looking = Looking {
            observer,
            watches: BTreeMap::new(),
        };
        self.observers.insert(self.next_number, looking);
        self.next_number
    }

    fn knows(&self, number: u32, path: &str) -> bool {
        let looking = self.observers.get(&number);
        looking.is_some_and(|observer| observer.watches.contains_key(path))
    }

    fn watch(&self, number: u32, path: &str) -> Option<i32> {
        let looking = self.observers.get(&number)?;
        looking.watches.get(path).copied()
    }

    fn all(&self, number: u32) -> Vec<i32> {
        let looking = self.observers.get(&number);
        looking.map_or(Vec::new(), |observer| {
            observer.watches.values().copied().collect()
        })
    }

    fn below(&self, number: u32, path: &str) -> Vec<i32> {
        let Some(looking) = self.observers.get(&number) else {
            return Vec::new();
        };
        let start = format!("{path}/");
        let after = (Bound::Excluded(start.as_str()), Bound::Unbounded);
        let below = looking.watches.range::<str, _>(after);
        let below = below.take_while(|(path, _)| path.starts_with(&start));
        let own = looking.watches.get(path);
        below.map(|(_, watch)| watch).chain(own).copied().collect()
    }

    fn insert(&mut self, number: u32, watch: i32, path: &Arc<str>) {
        let is_new = !self.is_watched(watch);
        let Some(looking) = self.observers.get_mut(&number) else {
            return;
        };
        // A folder that was moved keeps its watch, and another may lie where it was.
        if let Some(old) = self.paths.insert((watch, number), Arc::clone(path))
            && looking.watches.get(&old) == Some(&watch)
        {
            looking.watches.remove(&old);
        }
        let before = looking.watches.insert(Arc::clone(path), watch);
        self.n_watched += usize::from(is_new);
        if let Some(before) = before.filter(|before| *before != watch) {
            self.release(number, before);
        }
    }

    /// Ends a watch for one of those who have it.
    fn release(&mut self, number: u32, watch: i32) {
        // The kernel may have ended it meanwhile.
        let was_watched = self.is_watched(watch);
        self.remove(number, watch);
        if !was_watched || self.is_watched(watch) {
            return;
        }
        self.n_watched -= 1;
        let ended = self
            .inotify
            .as_ref()
            .map(|fd| inotify::remove_watch(fd, watch));
        // It may have gone with its folder.
        if let Some(Err(error)) = ended {
            tracing::debug!("a watch is gone already: {error}");
        }
    }

    /// Takes note of the end of a watch.
    fn ended(&mut self, watch: i32) {
        let numbers: Vec<u32> = self.of(watch).map(|(number, _)| number).collect();
        self.n_watched -= usize::from(!numbers.is_empty());
        for number in numbers {
            self.remove(number, watch);
        }
    }

    fn remove(&mut self, number: u32, watch: i32) {
        if let Some(path) = self.paths.remove(&(watch, number))
            && let Some(looking) = self.observers.get_mut(&number)
            && looking.watches.get(&path) == Some(&watch)
        {
            looking.watches.remove(&path);
        }
    }

    fn is_watched(&self, watch: i32) -> bool {
        self.of(watch).next().is_some()
    }

    /// Returns who has a watch, and under which path.
    fn of(&self, watch: i32) -> impl Iterator<Item = (u32, &Arc<str>)> {
        let those = self.paths.range((watch, 0)..=(watch, u32::MAX));
        those.map(|((_, number), path)| (*number, path))
    }

    /// Tells whether one more folder may be watched.
    fn has_room(&mut self) -> bool {
        let is_due = self.refused.is_none_or(|at| at.elapsed() >= ASKED_EVERY);
        if is_due && self.n_watched >= self.most {
            self.most = most_watched();
            if self.n_watched >= self.most {
                self.refused_more();
                return false;
            }
        }
        is_due
    }

    fn refused_more(&mut self) {
        let n_watched = self.n_watched;
        self.refused(&format_args!(
            "no more folders can be watched than {n_watched}: what comes to others is found by \
             scanning, some seconds later; raise fs.inotify.max_user_watches (sysctl)"
        ));
    }

    fn refused(&mut self, why: &dyn fmt::Display) {
        self.refused = Some(Instant::now());
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!("{why}");
        }
    }

    /// Returns the instance, which is made for the first folder and stays.
    fn inotify(&mut self) -> Option<Arc<OwnedFd>> {
        let is_calm = self.refused.is_none_or(|at| at.elapsed() >= CALM);
        if self.inotify.is_none() {
            match begin() {
                Ok(inotify) => self.inotify = Some(inotify),
                Err(error) => self.refused(&format_args!("not watching, only scanning: {error:#}")),
            }
        } else if is_calm && std::mem::take(&mut self.is_told) {
            tracing::info!("all folders are watched again");
        }
        self.inotify.clone()
    }

    fn note(&self, event: &inotify::Event<'_>) {
        // No request and no guest could name what is not UTF-8.
        let name = event.file_name().and_then(|name| name.to_str().ok());
        let Some(name) = name else { return };
        let flags = event.events();
        for (number, folder) in self.of(event.wd()) {
            let event = FolderChange {
                folder,
                name,
                is_folder: flags.contains(ReadFlags::ISDIR),
                what: ChangeKind::of(flags),
            };
            if let Some(looking) = self.observers.get(&number) {
                looking.observer.note(&event);
            }
        }
    }

    fn lost(&self) {
        for looking in self.observers.values() {
            looking.observer.lost();
        }
    }
}

/// Returns how many folders may be watched. The kernel's limit is for all programs of a
/// user together, the SyftBox client among them, so a quarter is left to others.
fn most_watched() -> usize {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches");
    let limit = limit.ok().and_then(|text| text.trim().parse().ok());
    limit.map_or(usize::MAX, |limit: usize| limit - limit / 4)
}

/// Makes an instance, and has it read.
fn begin() -> anyhow::Result<Arc<OwnedFd>> {
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
        .context("inotify (see fs.inotify.max_user_instances)")?;
    let inotify = Arc::new(inotify);
    let reading = Reading(Arc::clone(&inotify));
    match Handle::try_current() {
        // What it wakes runs next on the same thread, and no other one has to wake.
        Ok(runtime) => drop(runtime.spawn(reading.drain())),
        Err(_) => drop(reading),
    }
    Ok(inotify)
}

/// Reads the kernel's queue as long as this process runs: as a task of a runtime, and where that
/// has ended or there is none, in a thread.
struct Reading(Arc<OwnedFd>);

impl Reading {
    async fn drain(self) {
        if let Err(error) = self.read_on().await {
            tracing::debug!("from now on a thread reads what the kernel tells of folders: {error}");
        }
    }

    async fn read_on(&self) -> io::Result<()> {
        #[expect(
            deprecated,
            reason = "unsound where what is given may have another descriptor later, and a borrowed one has not"
        )]
        let queue = AsyncFd::with_interest(self.0.as_fd(), Interest::READABLE)?;
        let mut pace = Pace::new();
        loop {
            let mut ready = queue.readable().await?;
            read_all(&self.0, &mut pace)?;
            ready.clear_ready();
            if let Some(rest) = pace.rest() {
                time::sleep(rest).await;
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let inotify = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("inotify".to_owned());
        let drain = move || {
            let mut pace = Pace::new();
            loop {
                let mut queue = [PollFd::new(&*inotify, PollFlags::IN)];
                let read = match poll(&mut queue, None) {
                    Ok(_) | Err(Errno::INTR) => read_all(&inotify, &mut pace),
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = read {
                    return no_longer_watching(&error);
                }
                if let Some(rest) = pace.rest() {
                    thread::sleep(rest);
                }
            }
        };
        if let Err(error) = thread.spawn(drain) {
            no_longer_watching(&error);
        }
    }
}

fn no_longer_watching(error: &io::Error) {
    tracing::error!("no longer watching, only scanning: {error}");
}

/// Reads all that is in the kernel's queue.
fn read_all(inotify: &OwnedFd, pace: &mut Pace) -> io::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); 32 << 10];
    let mut reader = Reader::new(inotify, &mut buffer);
    loop {
        match reader.next() {
            Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => table().lost(),
            Ok(event) if event.events().contains(ReadFlags::IGNORED) => table().ended(event.wd()),
            Ok(event) => table().note(&event),
            Err(Errno::INTR) => continue,
            Err(Errno::WOULDBLOCK) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        pace.n_read += 1;
    }
}

/// How fast events come. Whoever waits for them is woken by each, which costs more than all
/// else about it: so in a flood, the host's own answers among it, nobody waits.
struct Pace {
    since: Instant,
    n_read: u32,
}

impl Pace {
    const WINDOW: Duration = Duration::from_millis(1);
    const FLOOD: u32 = 16;
    const REST: Duration = Duration::from_micros(500);

    fn new() -> Self {
        Self {
            since: Instant::now(),
            n_read: 0,
        }
    }

    /// Returns how long nobody is to look for events.
    fn rest(&mut self) -> Option<Duration> {
        let (is_over, is_flood) = (
            self.since.elapsed() >= Self::WINDOW,
            self.n_read >= Self::FLOOD,
        );
        if is_over || is_flood {
            *self = Self::new();
        }
        is_flood.then_some(Self::REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl ChangeObserver for Nobody {
        fn note(&self, _: &FolderChange<'_>) {}
        fn lost(&self) {}
    }

    fn table_for(n_observers: usize) -> Table {
        let mut table = Table::new();
        for _ in 0..n_observers {
            table.open(Arc::new(Nobody));
        }
        table
    }

    fn insert(table: &mut Table, number: u32, watch: i32, path: &str) {
        table.insert(number, watch, &Arc::from(path));
    }

    fn paths(table: &Table, number: u32) -> Vec<(&str, i32)> {
        let watches = &table.observers[&number].watches;
        watches
            .iter()
            .map(|(path, watch)| (&**path, *watch))
            .collect()
    }

    #[test]
    fn a_folder_that_was_moved_keeps_its_watch_under_its_new_path() {
        let mut table = table_for(1);
        insert(&mut table, 1, 1, "a");
        insert(&mut table, 1, 2, "a/b");
        // Found at its new place before it was missed at the old one.
        insert(&mut table, 1, 1, "c");
        insert(&mut table, 1, 2, "c/b");
        assert_eq!(table.below(1, "a"), [0; 0]);
        assert_eq!(paths(&table, 1), [("c", 1), ("c/b", 2)]);
        // Another one came where it was.
        insert(&mut table, 1, 3, "a");
        table.ended(1);
        assert_eq!(paths(&table, 1), [("a", 3), ("c/b", 2)]);
        assert_eq!(table.n_watched, 2);
    }

    #[test]
    fn what_is_gone_takes_all_below_it_along_and_nothing_beside_it() {
        let mut table = table_for(1);
        for (watch, path) in (0..).zip(["a", "a/b", "a/b/c", "a.b", "ab", "b/a"]) {
            insert(&mut table, 1, watch, path);
        }
        for watch in table.below(1, "a") {
            table.release(1, watch);
        }
        assert_eq!(paths(&table, 1), [("a.b", 3), ("ab", 4), ("b/a", 5)]);
        assert_eq!(table.n_watched, 3);
    }

    #[test]
    fn a_folder_is_watched_as_long_as_anybody_wants_it() {
        let mut table = table_for(2);
        insert(&mut table, 1, 7, "a");
        insert(&mut table, 2, 7, "its/own/a");
        assert_eq!(table.n_watched, 1);
        table.release(1, 7);
        assert!(table.is_watched(7));
        assert_eq!(paths(&table, 2), [("its/own/a", 7)]);
        table.release(2, 7);
        assert_eq!((table.is_watched(7), table.n_watched), (false, 0));
    }

    #[test]
    fn a_watch_that_the_kernel_has_ended_is_released_once() {
        let mut table = table_for(1);
        insert(&mut table, 1, 1, "a");
        insert(&mut table, 1, 2, "b");
        let all = table.all(1);
        table.ended(1);
        for watch in all {
            table.release(1, watch);
        }
        assert_eq!(table.n_watched, 0);
    }

    #[test]
    fn one_in_the_place_of_another_leaves_the_other_unwatched() {
        let mut table = table_for(1);
        insert(&mut table, 1, 1, "a");
        insert(&mut table, 1, 2, "a");
        assert_eq!(paths(&table, 1), [("a", 2)]);
        assert_eq!((table.is_watched(1), table.n_watched), (false, 1));
    }

    #[test]
    fn a_refusal_counts_for_some_time_and_is_told_once() {
        let mut table = table_for(1);
        assert!(table.has_room());
        let most = table.most;
        table.n_watched = most;
        assert!(!table.has_room() && table.is_told);
        // Even if there is room since: it is not asked for at once.
        table.n_watched = 0;
        assert!(!table.has_room());
        table.refused = Instant::now().checked_sub(ASKED_EVERY);
        assert!(table.has_room());
    }
}
