//! The files as one watch of an app delivered them, and what is still to be delivered.
//!
//! Why: docs/decisions/28-events-are-a-difference.md

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{EventKind, EventKinds, FileChange, FileEvent, FileIdentity, FileStamp, ObservedFiles};
use crate::pattern::Globs;

/// When an event is tried again that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The time before the second attempt. It doubles with each.
    pub first: Duration,
    /// Attempts after which it is given up.
    pub attempts: u32,
}

impl RetryPolicy {
    /// Returns the time before the next attempt of what has failed so often.
    pub fn delay(&self, n_failed: u32) -> Duration {
        self.first * (1 << n_failed.saturating_sub(1).min(16))
    }
}

impl Default for RetryPolicy {
    /// Some nine minutes in all.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            attempts: 10,
        }
    }
}

/// What becomes of an event that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is delivered again after this time.
    Later(Duration),
    /// It was tried often enough: it is to be parked.
    GivenUp,
    /// It is out of date: the file has changed again meanwhile.
    Outdated,
}

/// One watch.
#[derive(Debug)]
pub struct DeliveredFiles {
    globs: Globs,
    kinds: EventKinds,
    retry: RetryPolicy,
    stamps: HashMap<Arc<str>, FileStamp>,
    holders: HashMap<FileIdentity, Arc<str>>,
    /// Paths that differ, the longest known first.
    queue: BTreeMap<u64, Arc<str>>,
    places: HashMap<Arc<str>, u64>,
    next_place: u64,
    /// Events that failed, by their path.
    failing: HashMap<Arc<str>, (FileEvent, Instant)>,
    later: BTreeMap<(Instant, u64), Arc<str>>,
    /// What is taken as delivered, and not yet kept.
    silent: Vec<FileChange>,
    /// The files of events that are being delivered, by their paths. One that is moved meanwhile is
    /// told of once it is known whether the app knows it.
    delivering: HashMap<Arc<str>, FileIdentity>,
}

/// How the app's knowledge of a path differs from the tree.
enum Difference {
    None,
    /// The app need not hear of it.
    Silent(Option<FileStamp>),
    Event(FileEvent),
}

impl DeliveredFiles {
    /// Returns a watch that has delivered nothing.
    pub fn new(globs: Globs, kinds: EventKinds, retry: RetryPolicy) -> Self {
        Self {
            globs,
            kinds,
            retry,
            stamps: HashMap::new(),
            holders: HashMap::new(),
            queue: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
            failing: HashMap::new(),
            later: BTreeMap::new(),
            silent: Vec::new(),
            delivering: HashMap::new(),
        }
    }

    /// Returns the patterns.
    pub fn globs(&self) -> &Globs {
        &self.globs
    }

    /// Returns the files that it knows.
    pub fn files(&self) -> impl Iterator<Item = (&Arc<str>, &FileStamp)> {
        self.stamps.iter()
    }

    /// Returns the file that it knows at a path.
    pub fn get(&self, path: &str) -> Option<&FileStamp> {
        self.stamps.get(path)
    }

    /// Returns the number of paths of which something is still to be delivered.
    pub fn n_waiting(&self) -> usize {
        self.queue.len() + self.failing.len()
    }

    /// Takes a change as delivered.
    pub fn know(&mut self, change: &FileChange) {
        let FileChange { path, stamp } = change;
        let old = match stamp {
            Some(stamp) => {
                let identity = stamp.identity();
                let old = self.stamps.insert(Arc::clone(path), *stamp);
                self.forget_holder(path, old);
                self.holders.insert(identity, Arc::clone(path));
                return;
            }
            None => self.stamps.remove(path),
        };
        self.forget_holder(path, old);
    }

    fn forget_holder(&mut self, path: &Arc<str>, old: Option<FileStamp>) {
        if let Some(old) = old
            && self.holders.get(&old.identity()) == Some(path)
        {
            self.holders.remove(&old.identity());
        }
    }

    /// Takes as delivered what the app itself did to a file that was as the app knows it.
    pub fn own(&mut self, before: Option<FileStamp>, change: &FileChange) {
        if let Some((event, _)) = self.failing.get_mut(&change.path) {
            event.rebase(before, change.stamp);
        }
        let is_known = self.stamps.get(&change.path).copied() == before;
        let is_ours = change.stamp.is_none() || self.covers(&change.path);
        if is_known && is_ours && before != change.stamp {
            self.know(change);
            self.silent.push(change.clone());
        }
    }

    /// Takes note that a path may have become another in the tree, or in what is
    /// delivered.
    pub fn changed(&mut self, observed: &ObservedFiles, path: &Arc<str>) {
        let difference = self.difference(observed, path);
        self.drop_outdated(path, &difference);
        match difference {
            Difference::None => self.leave_queue(path),
            Difference::Silent(stamp) => {
                self.leave_queue(path);
                self.be_silent(path, stamp);
            }
            // It is in the queue if its time has come, else later.
            Difference::Event(event) if self.is_failing(&event) => {}
            Difference::Event(_) => self.join_queue(path),
        }
    }

    /// Forgets events that failed and are no longer what is to be delivered.
    fn drop_outdated(&mut self, path: &Arc<str>, difference: &Difference) {
        let current = match difference {
            Difference::Event(event) => Some(event),
            _ => None,
        };
        for path in [Some(path), current.map(|event| &event.path)] {
            let failed = path.and_then(|path| self.failing.get(path));
            let is_outdated = failed
                .is_some_and(|(failed, _)| current.is_none_or(|event| !failed.is_same(event)));
            if let Some(path) = path.filter(|_| is_outdated)
                && let Some((failed, _)) = self.failing.remove(path)
            {
                // What came of a move may be two events now.
                for change in failed.changes() {
                    self.join_queue(&change.path);
                }
            }
        }
    }

    /// Returns the next event that can be delivered. The paths of others are busy.
    pub fn next(
        &mut self,
        observed: &ObservedFiles,
        now: Instant,
        is_busy: impl Fn(&str) -> bool,
    ) -> Option<FileEvent> {
        self.wake(now);
        let mut from = 0;
        loop {
            let (&place, path) = self.queue.range(from..).next()?;
            let path = Arc::clone(path);
            from = place + 1;
            // What is being delivered stands first, and is often all that can be.
            if is_busy(&path) {
                continue;
            }
            let difference = self.difference(observed, &path);
            self.drop_outdated(&path, &difference);
            match difference {
                Difference::None => self.leave_queue(&path),
                Difference::Silent(stamp) => {
                    self.leave_queue(&path);
                    self.be_silent(&path, stamp);
                }
                Difference::Event(mut event) => {
                    let paths = [Some(&event.path), event.moved_from.as_ref()];
                    if paths.into_iter().flatten().any(|path| is_busy(path)) {
                        continue;
                    }
                    match self.failing.get(&event.path) {
                        Some((failed, at)) if failed.is_same(&event) && *at > now => {
                            self.leave_queue(&path);
                            continue;
                        }
                        Some((failed, _)) if failed.is_same(&event) => {
                            event = failed.clone();
                            event.attempt += 1;
                        }
                        _ => {}
                    }
                    if let Some(stamp) = event.after {
                        let path = Arc::clone(&event.path);
                        self.delivering.insert(path, stamp.identity());
                    }
                    return Some(event);
                }
            }
        }
    }

    /// Returns when an event is due that failed.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.later.keys().next().map(|(at, _)| *at)
    }

    /// Takes an event as delivered.
    pub fn done(&mut self, observed: &ObservedFiles, event: &FileEvent) {
        self.failing.remove(&event.path);
        for change in &event.changes() {
            self.know(change);
        }
        self.ended(observed, event);
    }

    /// Takes note that an event is no longer being delivered, whatever came of it.
    pub fn ended(&mut self, observed: &ObservedFiles, event: &FileEvent) {
        let file = self.delivering.remove(&event.path);
        for change in event.changes() {
            self.changed(observed, &change.path);
        }
        let elsewhere = file.and_then(|identity| observed.holder(&identity));
        if let Some((path, _)) = elsewhere {
            self.changed(observed, path);
        }
    }

    /// Takes note that an event was not taken. One that is given up is not delivered again
    /// once it is [`DeliveredFiles::done`].
    pub fn failed(
        &mut self,
        observed: &ObservedFiles,
        now: Instant,
        event: &FileEvent,
    ) -> AfterFailure {
        self.ended(observed, event);
        let is_current = matches!(
            self.difference(observed, &event.path),
            Difference::Event(current) if current.is_same(event)
        );
        if !is_current {
            return AfterFailure::Outdated;
        }
        if event.attempt >= self.retry.attempts {
            return AfterFailure::GivenUp;
        }
        let delay = self.retry.delay(event.attempt);
        self.fails(event.clone(), now + delay);
        AfterFailure::Later(delay)
    }

    fn fails(&mut self, event: FileEvent, at: Instant) {
        for change in event.changes() {
            self.leave_queue(&change.path);
        }
        self.next_place += 1;
        self.later
            .insert((at, self.next_place), Arc::clone(&event.path));
        self.failing.insert(Arc::clone(&event.path), (event, at));
    }

    /// Returns what was taken as delivered without an event since the last time and is still
    /// so, but for files that are busy.
    pub fn take_silent(&mut self, is_busy: impl Fn(&str) -> bool) -> Vec<FileChange> {
        let silent = std::mem::take(&mut self.silent).into_iter();
        let (later, mut now): (Vec<_>, Vec<_>) = silent.partition(|change| is_busy(&change.path));
        self.silent = later;
        now.retain(|change| self.stamps.get(&change.path).copied() == change.stamp);
        now
    }

    fn covers(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        self.globs.matches(&names)
    }

    fn difference(&self, observed: &ObservedFiles, path: &Arc<str>) -> Difference {
        // Before the start it was as one of the watches knows it, which need not be this one.
        if observed.is_unverified(path) {
            return Difference::None;
        }
        let known = self.stamps.get(path).copied();
        let found = observed.get(path).copied().filter(|_| self.covers(path));
        let (kind, here) = match (known, found) {
            (None, None) => return Difference::None,
            (Some(known), Some(found)) if known == found => return Difference::None,
            (Some(known), Some(found)) if known.is_same_content(&found) => {
                return Difference::Silent(Some(found));
            }
            (_, Some(found)) if self.is_delivering_elsewhere(path, &found) => {
                return Difference::None;
            }
            (known, found) => {
                let moved = found
                    .and_then(|found| self.moved_here(path, &found))
                    .or_else(|| self.moved_away(observed, path, &known?));
                if let Some(event) = moved {
                    return Difference::Event(event);
                }
                match (known, found) {
                    (None, found) => (EventKind::Created, found),
                    (Some(_), None) => (EventKind::Deleted, None),
                    (Some(_), found) => (EventKind::Modified, found),
                }
            }
        };
        if !self.kinds.contains(kind) {
            return Difference::Silent(here);
        }
        Difference::Event(FileEvent {
            kind,
            path: Arc::clone(path),
            moved_from: None,
            attempt: 1,
            before: known,
            after: here,
            first_after: here,
        })
    }

    fn is_delivering_elsewhere(&self, path: &Arc<str>, found: &FileStamp) -> bool {
        let mut delivering = self.delivering.iter();
        delivering.any(|(elsewhere, file)| elsewhere != path && *file == found.identity())
    }

    fn moved_away(
        &self,
        observed: &ObservedFiles,
        path: &Arc<str>,
        known: &FileStamp,
    ) -> Option<FileEvent> {
        let (to, found) = observed.holder(&known.identity())?;
        let is_moved = to != path && known.is_same_file(found) && self.covers(to);
        is_moved
            .then(|| self.moved(path, known, to, found))
            .flatten()
    }

    fn moved_here(&self, path: &Arc<str>, found: &FileStamp) -> Option<FileEvent> {
        let from = self.holders.get(&found.identity())?;
        let known = self.stamps.get(from)?;
        let is_moved = from != path && known.is_same_file(found);
        is_moved
            .then(|| self.moved(from, known, path, found))
            .flatten()
    }

    fn moved(
        &self,
        from: &Arc<str>,
        known: &FileStamp,
        to: &Arc<str>,
        found: &FileStamp,
    ) -> Option<FileEvent> {
        let is_known = self.stamps.get(to) == Some(found);
        (self.kinds.moved && !is_known).then(|| FileEvent {
            kind: EventKind::Moved,
            path: Arc::clone(to),
            moved_from: Some(Arc::clone(from)),
            attempt: 1,
            before: Some(*known),
            after: Some(*found),
            first_after: Some(*found),
        })
    }

    /// Tells whether an event waits for its next attempt.
    fn is_failing(&self, event: &FileEvent) -> bool {
        let failed = self.failing.get(&event.path);
        failed.is_some_and(|(failed, _)| failed.is_same(event))
    }

    fn wake(&mut self, now: Instant) {
        while let Some((&(at, place), path)) = self.later.first_key_value()
            && at <= now
        {
            let path = Arc::clone(path);
            self.later.remove(&(at, place));
            // Another failure of the path may be due later.
            if self.failing.get(&path).is_some_and(|(_, due)| *due == at) {
                self.join_queue(&path);
            }
        }
    }

    fn be_silent(&mut self, path: &Arc<str>, stamp: Option<FileStamp>) {
        let change = FileChange {
            path: Arc::clone(path),
            stamp,
        };
        self.know(&change);
        self.silent.push(change);
    }

    fn join_queue(&mut self, path: &Arc<str>) {
        if !self.places.contains_key(path) {
            self.next_place += 1;
            self.queue.insert(self.next_place, Arc::clone(path));
            self.places.insert(Arc::clone(path), self.next_place);
        }
    }

    fn leave_queue(&mut self, path: &Arc<str>) {
        if let Some(place) = self.places.remove(path) {
            self.queue.remove(&place);
        }
    }
}
