//! Who watches which folders, by the kernel's numbers for them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::ops::Bound;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::inotify::{self, ReadFlags};

use super::begin;
use crate::watch::{ChangeKind, ChangeObserver, FolderChange};

/// The time before the kernel is asked again that has refused.
const ASKED_EVERY: Duration = Duration::from_secs(4);
/// The time without a refusal after which all seems to be watched.
const CALM: Duration = Duration::from_secs(60);

/// Who watches what.
pub(super) struct Table {
    inotify: Option<Arc<OwnedFd>>,
    pub(super) observers: BTreeMap<u32, Looking>,
    next_number: u32,
    /// The path of a folder, by its watch and by who watches it.
    paths: BTreeMap<(i32, u32), Arc<str>>,
    /// Folders that are watched by anybody, and how many may be.
    pub(super) n_watched: usize,
    pub(super) most: usize,
    /// When the kernel has last refused, and whether the owner knows.
    refused: Option<Instant>,
    is_told: bool,
}

pub(super) struct Looking {
    observer: Arc<dyn ChangeObserver>,
    pub(super) watches: BTreeMap<Arc<str>, i32>,
}

impl Table {
    pub(super) const fn new() -> Self {
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

    pub(super) fn open(&mut self, observer: Arc<dyn ChangeObserver>) -> u32 {
        self.next_number += 1;
        let looking = Looking {
            observer,
            watches: BTreeMap::new(),
        };
        self.observers.insert(self.next_number, looking);
        self.next_number
    }

    pub(super) fn knows(&self, number: u32, path: &str) -> bool {
        let looking = self.observers.get(&number);
        looking.is_some_and(|observer| observer.watches.contains_key(path))
    }

    pub(super) fn watch(&self, number: u32, path: &str) -> Option<i32> {
        let looking = self.observers.get(&number)?;
        looking.watches.get(path).copied()
    }

    pub(super) fn all(&self, number: u32) -> Vec<i32> {
        let looking = self.observers.get(&number);
        looking.map_or(Vec::new(), |observer| {
            observer.watches.values().copied().collect()
        })
    }

    pub(super) fn below(&self, number: u32, path: &str) -> Vec<i32> {
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

    pub(super) fn insert(&mut self, number: u32, watch: i32, path: &Arc<str>) {
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
    pub(super) fn release(&mut self, number: u32, watch: i32) {
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
    pub(super) fn ended(&mut self, watch: i32) {
        let numbers: Vec<u32> = self.of(watch).map(|(number, _)| number).collect();
        self.n_watched -= usize::from(!numbers.is_empty());
        for number in numbers {
            self.remove(number, watch);
        }
    }

    pub(super) fn remove(&mut self, number: u32, watch: i32) {
        if let Some(path) = self.paths.remove(&(watch, number))
            && let Some(looking) = self.observers.get_mut(&number)
            && looking.watches.get(&path) == Some(&watch)
        {
            looking.watches.remove(&path);
        }
    }

    pub(super) fn is_watched(&self, watch: i32) -> bool {
        self.of(watch).next().is_some()
    }

    /// Returns who has a watch, and under which path.
    pub(super) fn of(&self, watch: i32) -> impl Iterator<Item = (u32, &Arc<str>)> {
        let those = self.paths.range((watch, 0)..=(watch, u32::MAX));
        those.map(|((_, number), path)| (*number, path))
    }

    /// Tells whether one more folder may be watched.
    pub(super) fn has_room(&mut self) -> bool {
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

    pub(super) fn refused_more(&mut self) {
        let n_watched = self.n_watched;
        self.refused(&format_args!(
            "no more folders can be watched than {n_watched}: what comes to others is found by \
             scanning, some seconds later; raise fs.inotify.max_user_watches (sysctl)"
        ));
    }

    pub(super) fn refused(&mut self, why: &dyn fmt::Display) {
        self.refused = Some(Instant::now());
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!("{why}");
        }
    }

    /// Returns the instance, which is made for the first folder and stays.
    pub(super) fn inotify(&mut self) -> Option<Arc<OwnedFd>> {
        let is_calm = self.refused.is_none_or(|at| at.elapsed() >= CALM);
        if self.inotify.is_none() {
            match begin() {
                Ok(inotify) => self.inotify = Some(inotify),
                Err(error) => self.refused(&format_args!("not watching, only scanning: inotify (see fs.inotify.max_user_instances): {error}")),
            }
        } else if is_calm && std::mem::take(&mut self.is_told) {
            tracing::info!("all folders are watched again");
        }
        self.inotify.clone()
    }

    pub(super) fn note(&self, event: &inotify::Event<'_>) {
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

    pub(super) fn lost(&self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl ChangeObserver for Nobody {
        fn note(&self, _: &FolderChange<'_>) {}
        fn changed(&self, _: &Arc<str>) {}
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
