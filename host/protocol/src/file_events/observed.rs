//! How files are, as far as that can be told.
//!
//! A file is looked at when something hints at it, and counts once it was the same at two
//! looks some time apart. One that its writer closed, or that was moved in, counts as soon
//! as no later change can hide behind the same times, and is looked at again later.
//!
//! Why: docs/decisions/64-closed-files-count-at-once.md

mod room;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{FileIdentity, FileStamp};
use room::Room;

/// How long a file must be the same that nobody holds open for writing, as far as
/// is known; and when one is looked at again that counted at once.
const QUIET: Duration = Duration::from_millis(100);
/// How long one that somebody may be writing.
const QUIET_OPEN: Duration = Duration::from_secs(1);
/// How long a file must be gone. It is longer than [`QUIET`], so that one that
/// was moved is found at its new place first.
const QUIET_GONE: Duration = Duration::from_millis(250);
/// How long a file must have been the same before it changes, to count at once. So one that is
/// written again and again makes no more events than if all files had to rest.
const CALM: Duration = Duration::from_secs(1);
/// After which time a file counts that never rests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a file is worth a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileHint {
    /// Somebody has it open and writes.
    Writing,
    /// Its writer closed it, or it was moved in: it is whole.
    Whole,
    /// It is not known who does what.
    Unknown,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookResult {
    /// No file that the app may read.
    Absent,
    /// A file.
    File {
        /// Its state.
        stamp: FileStamp,
        /// The time since it was changed, as far as clocks can be trusted.
        age: Duration,
        /// How long after this look a change may still leave the same times.
        tick: Duration,
    },
    /// It could not be looked at.
    Unclear,
}

/// The files of one app.
#[derive(Debug)]
pub struct ObservedFiles {
    /// What is taken by the paths of `settled` and `unsettled`.
    room: Room,
    settled: BTreeMap<Arc<str>, Settled>,
    /// Those of `settled` that were so before the start and were not yet looked at. Watches
    /// may know them as different files.
    unverified: HashSet<Arc<str>>,
    /// Where the others are.
    holders: HashMap<FileIdentity, Arc<str>>,
    unsettled: HashMap<Arc<str>, Unsettled>,
    /// Files of `unsettled` as they were last seen.
    movers: HashMap<FileIdentity, Arc<str>>,
    due: BTreeSet<(Instant, Arc<str>)>,
    n_dropped: u64,
}

#[derive(Debug)]
struct Settled {
    stamp: FileStamp,
    /// When that became known.
    since: Instant,
}

#[derive(Debug)]
struct Unsettled {
    first: Instant,
    /// What was seen, and since when.
    seen: Option<(Option<FileStamp>, Instant)>,
    may_be_open: bool,
    /// The key in `due`; `None` while somebody looks.
    due: Option<Instant>,
    /// Something hinted at it meanwhile.
    again: bool,
}

impl ObservedFiles {
    /// Returns observed of nothing.
    pub fn new(most_files: usize) -> Self {
        Self {
            room: Room::new(most_files),
            settled: BTreeMap::new(),
            unverified: HashSet::new(),
            holders: HashMap::new(),
            unsettled: HashMap::new(),
            movers: HashMap::new(),
            due: BTreeSet::new(),
            n_dropped: 0,
        }
    }

    /// Takes note of a file as it was before the start, and has it looked at.
    pub fn remember(&mut self, now: Instant, path: &Arc<str>, stamp: FileStamp) {
        self.take_out(path);
        self.put_in(now, path, stamp);
        self.unverified.insert(Arc::clone(path));
        self.hint(now, path, FileHint::Unknown);
    }

    /// Returns the file at a path, if one was seen there.
    pub fn get(&self, path: &str) -> Option<&FileStamp> {
        self.stamp(path).filter(|_| !self.unverified.contains(path))
    }

    fn stamp(&self, path: &str) -> Option<&FileStamp> {
        self.settled.get(path).map(|settled| &settled.stamp)
    }

    /// Tells whether there was a file before the start, and nobody has looked since. Then
    /// nothing is known of the path.
    pub(super) fn is_unverified(&self, path: &str) -> bool {
        self.unverified.contains(path)
    }

    /// Returns where a file is.
    pub(super) fn holder(&self, identity: &FileIdentity) -> Option<(&Arc<str>, &FileStamp)> {
        let path = self.holders.get(identity)?;
        Some((path, self.stamp(path)?))
    }

    /// Returns the number of files.
    pub fn n_files(&self) -> usize {
        self.settled.len()
    }

    /// Returns how many files were left alone since there are too many.
    pub fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    /// Returns the datasite that has the most files, and how many.
    pub(super) fn fullest(&self) -> Option<(&str, usize)> {
        self.room.fullest()
    }

    /// Has a path looked at.
    pub fn hint(&mut self, now: Instant, path: &Arc<str>, hint: FileHint) {
        match self.unsettled.get_mut(path) {
            Some(unsettled) => {
                unsettled.again = true;
                match hint {
                    FileHint::Writing => unsettled.may_be_open = true,
                    FileHint::Whole => {
                        unsettled.may_be_open = false;
                        self.look_at(path, now);
                    }
                    FileHint::Unknown => {}
                }
            }
            None => self.notice(now, path, hint),
        }
    }

    fn notice(&mut self, now: Instant, path: &Arc<str>, hint: FileHint) {
        let is_new = !self.settled.contains_key(path);
        if is_new && !self.room.is_left_for(path) {
            self.n_dropped += 1;
            return;
        }
        let unsettled = Unsettled {
            first: now,
            seen: None,
            may_be_open: hint != FileHint::Whole,
            due: Some(now),
            again: false,
        };
        self.due.insert((now, Arc::clone(path)));
        self.put_unsettled(path, unsettled);
    }

    /// Has every path looked at that is known to be a folder or below it.
    pub fn hint_below(&mut self, now: Instant, folder: &str) {
        let itself = self.settled.get_key_value(folder);
        let itself = itself.map(|(path, _)| Arc::clone(path));
        // What is not settled is looked at anyway.
        for path in self.below(folder).into_iter().chain(itself) {
            self.hint(now, &path, FileHint::Unknown);
        }
    }

    /// Takes note of all files that there are below a datasite, or beside the datasites if its
    /// name is empty: has those looked at that were not found.
    pub fn scanned_below(&mut self, now: Instant, datasite: &str, found: &HashSet<Arc<str>>) {
        let known = if datasite.is_empty() {
            let settled = self.settled.keys();
            settled
                .filter(|path| !path.contains('/'))
                .cloned()
                .collect()
        } else {
            self.below(datasite)
        };
        for path in known.iter().filter(|path| !found.contains(*path)) {
            self.hint(now, path, FileHint::Unknown);
        }
    }

    fn below(&self, folder: &str) -> Vec<Arc<str>> {
        let start = format!("{folder}/");
        let after = (Bound::Excluded(start.as_str()), Bound::Unbounded);
        let settled = self.settled.range::<str, _>(after);
        settled
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&start))
            .cloned()
            .collect()
    }

    /// Takes note of files that were found: has those looked at that are not as they
    /// are known.
    pub fn found(&mut self, now: Instant, files: &HashMap<Arc<str>, FileStamp>) {
        for (path, stamp) in files {
            if self.get(path) != Some(stamp) {
                self.hint(now, path, FileHint::Unknown);
            }
        }
    }

    /// Returns when the next look is due.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Returns a path to be looked at now; then [`ObservedFiles::looked`].
    pub fn next_look(&mut self, now: Instant) -> Option<Arc<str>> {
        let (at, _) = self.due.first()?;
        if *at > now {
            return None;
        }
        let (_, path) = self.due.pop_first()?;
        if let Some(unsettled) = self.unsettled.get_mut(&path) {
            unsettled.due = None;
            unsettled.again = false;
        }
        Some(path)
    }

    /// Takes note of what a look found, and adds the paths at which files have
    /// become others.
    pub fn looked(
        &mut self,
        now: Instant,
        path: &Arc<str>,
        found: LookResult,
        changed: &mut Vec<Arc<str>>,
    ) {
        let stamp = match found {
            LookResult::Absent => None,
            LookResult::File { stamp, .. } => Some(stamp),
            LookResult::Unclear => return self.drop_unsettled(path),
        };
        let is_known = !self.is_unverified(path) && self.get(path).copied() == stamp;
        let Some(unsettled) = self.unsettled.get(path) else {
            return;
        };
        if is_known {
            return self.rests(now, path);
        }
        let quiet = self.quiet(path, unsettled, &found);
        let since = match unsettled.seen {
            Some((seen, since)) if seen == stamp => since,
            _ => now,
        };
        let has_rested = now >= since + quiet;
        let is_over = now >= unsettled.first + PATIENCE && stamp.is_some();
        if (has_rested || is_over) && !self.is_awaited(path, stamp) {
            let (again, may_be_open) = (unsettled.again || !has_rested, unsettled.may_be_open);
            self.settle(now, path, stamp, changed);
            if again {
                self.notice(now, path, hint_of(may_be_open));
            } else if quiet < QUIET {
                self.notice(now, path, FileHint::Whole);
                self.look_at(path, now + QUIET);
            }
            return;
        }
        self.see(path, stamp, since);
        let next = since + quiet;
        self.look_at(path, if next > now { next } else { now + QUIET });
    }

    /// Takes note that a file is as it is known. One that became so lately is looked at once
    /// more: it may be written without a hint.
    fn rests(&mut self, now: Instant, path: &Arc<str>) {
        let Some(unsettled) = self.unsettled.get(path) else {
            return;
        };
        let (again, may_be_open) = (unsettled.again, unsettled.may_be_open);
        let known = self.settled.get(path).map(|settled| settled.since + QUIET);
        self.drop_unsettled(path);
        if again {
            self.notice(now, path, hint_of(may_be_open));
        } else if let Some(later) = known.filter(|later| *later > now) {
            self.notice(now, path, hint_of(may_be_open));
            self.look_at(path, later);
        }
    }

    /// Returns how long a path must be as it was found.
    fn quiet(&self, path: &str, unsettled: &Unsettled, found: &LookResult) -> Duration {
        let LookResult::File { stamp, age, tick } = found else {
            return QUIET_GONE;
        };
        if unsettled.may_be_open {
            return if *age < QUIET_OPEN { QUIET_OPEN } else { QUIET };
        }
        let known = self.settled.get(path);
        let is_calm = known.is_none_or(|settled| unsettled.first >= settled.since + CALM);
        // An empty file was most likely made to be written, a temporary one to be moved.
        let counts = is_calm && stamp.bytes > 0 && !is_temporary(path);
        if counts { QUIET.min(*tick) } else { QUIET }
    }

    /// Takes note of what the app itself made of a file.
    pub fn own(&mut self, now: Instant, change: &super::FileChange, changed: &mut Vec<Arc<str>>) {
        if change
            .stamp
            .is_some_and(|stamp| self.was_moved_on(&change.path, &stamp))
        {
            changed.push(Arc::clone(&change.path));
            return self.hint(now, &change.path, FileHint::Unknown);
        }
        let unsettled = self.take_unsettled(&change.path);
        self.settle(now, &change.path, change.stamp, changed);
        // What hinted at it may have been another's change.
        if let Some(unsettled) = unsettled {
            self.put_unsettled(&change.path, unsettled);
        }
    }

    /// Tells whether a file was seen elsewhere since it was so at a path.
    fn was_moved_on(&self, path: &Arc<str>, stamp: &FileStamp) -> bool {
        let elsewhere = self
            .holders
            .get(&stamp.identity())
            .filter(|holder| *holder != path);
        let seen = elsewhere.and_then(|holder| self.stamp(holder));
        seen.is_some_and(|seen| seen.changed > stamp.changed)
    }

    /// Tells whether a file that is gone seems to be on its way to another place,
    /// where it has not come to rest yet.
    fn is_awaited(&self, path: &Arc<str>, stamp: Option<FileStamp>) -> bool {
        let was = self.stamp(path).filter(|_| stamp.is_none());
        let elsewhere = was.and_then(|was| self.movers.get(&was.identity()));
        elsewhere.is_some_and(|elsewhere| elsewhere != path)
    }

    fn see(&mut self, path: &Arc<str>, stamp: Option<FileStamp>, since: Instant) {
        self.forget_mover(path);
        if let Some(stamp) = stamp {
            self.movers.insert(stamp.identity(), Arc::clone(path));
        }
        if let Some(unsettled) = self.unsettled.get_mut(path) {
            unsettled.seen = Some((stamp, since));
        }
    }

    fn look_at(&mut self, path: &Arc<str>, at: Instant) {
        if let Some(unsettled) = self.unsettled.get_mut(path) {
            // Whoever looks now is told that it is to be looked at again.
            if let Some(due) = unsettled.due {
                self.due.remove(&(due, Arc::clone(path)));
            }
            unsettled.due = Some(at);
            self.due.insert((at, Arc::clone(path)));
        }
    }

    fn settle(
        &mut self,
        now: Instant,
        path: &Arc<str>,
        stamp: Option<FileStamp>,
        changed: &mut Vec<Arc<str>>,
    ) {
        self.drop_unsettled(path);
        self.take_out(path);
        if let Some(stamp) = stamp {
            // A file has one name: it is no longer where it was.
            let other = self.holders.insert(stamp.identity(), Arc::clone(path));
            if let Some(other) = other {
                self.take_out(&other);
                self.hint(now, &other, FileHint::Unknown);
                changed.push(other);
            }
            self.put_in(now, path, stamp);
        }
        changed.push(Arc::clone(path));
    }

    fn put_in(&mut self, now: Instant, path: &Arc<str>, stamp: FileStamp) {
        self.take_room(path);
        let settled = Settled { stamp, since: now };
        self.settled.insert(Arc::clone(path), settled);
    }

    fn take_out(&mut self, path: &Arc<str>) {
        self.unverified.remove(path);
        let Some(old) = self.settled.remove(path) else {
            return;
        };
        self.leave_room(path);
        let identity = old.stamp.identity();
        if self.holders.get(&identity) == Some(path) {
            self.holders.remove(&identity);
        }
    }

    fn put_unsettled(&mut self, path: &Arc<str>, unsettled: Unsettled) {
        self.take_room(path);
        self.unsettled.insert(Arc::clone(path), unsettled);
    }

    fn take_unsettled(&mut self, path: &Arc<str>) -> Option<Unsettled> {
        let unsettled = self.unsettled.remove(path)?;
        self.leave_room(path);
        Some(unsettled)
    }

    /// Counts a path that is about to be known, unless it is already.
    fn take_room(&mut self, path: &str) {
        if !self.knows(path) {
            self.room.add(path);
        }
    }

    /// Counts a path no more, unless it is still known otherwise.
    fn leave_room(&mut self, path: &str) {
        if !self.knows(path) {
            self.room.remove(path);
        }
    }

    /// Tells whether a path counts among those that are known, or is to be looked at.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.settled.contains_key(path) || self.unsettled.contains_key(path)
    }

    fn drop_unsettled(&mut self, path: &Arc<str>) {
        self.forget_mover(path);
        if let Some(unsettled) = self.take_unsettled(path)
            && let Some(due) = unsettled.due
        {
            self.due.remove(&(due, Arc::clone(path)));
        }
    }

    fn forget_mover(&mut self, path: &Arc<str>) {
        let seen = self
            .unsettled
            .get(path)
            .and_then(|unsettled| unsettled.seen);
        if let Some((Some(stamp), _)) = seen
            && self.movers.get(&stamp.identity()) == Some(path)
        {
            self.movers.remove(&stamp.identity());
        }
    }
}

fn hint_of(may_be_open: bool) -> FileHint {
    if may_be_open {
        FileHint::Unknown
    } else {
        FileHint::Whole
    }
}

/// Tells whether a file is most likely about to get another name: hidden ones are, of editors
/// and of the sync client, and those that are called temporary.
fn is_temporary(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with('.') || name.contains(".tmp")
}
