//! Changes that were handed over and are not forced to the disk yet: a layer above the
//! file, on which the next calls stand.
//!
//! Whoever hands changes over is checked here, in memory. The layer has the latest value of
//! each key that was written since the last transaction of the file, so a call is in conflict
//! if a value that it has read is there with another version.
//!
//! A layer belongs to the database that was open when it began. Once something of it could
//! not be forced it is lost as a whole, and nothing that stood on it is kept.
//!
//! Why: docs/decisions/65-commits-are-ordered-before-they-are-forced.md

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::StoreError;
use super::numbers::Numbers;

/// What a key costs besides its text and its value.
const KEY_COST_BYTES: usize = 64;

/// A call that waited for its turn waits for the disk first where more than this is pending,
/// since what it sees of the layer stays in memory until it ends.
const FULL_BYTES: usize = 256 << 10;

/// The number of the commit that wrote a value. Commits count from 1, so that 0 stands for
/// a value that is not there.
pub(super) type Version = u64;
pub(super) const ABSENT: Version = 0;

/// A value; `None` is deleted.
pub(super) type NewValue = Option<Arc<Vec<u8>>>;

/// What a call writes to a key.
pub(super) struct ValueWrite {
    /// The bytes of the value before, as the call saw it.
    pub(super) before: Option<usize>,
    pub(super) value: NewValue,
}

/// What a call has read and written, as all of it was after a commit.
#[derive(Default)]
pub(super) struct Touched {
    /// The number of that commit.
    pub(super) at: u64,
    pub(super) reads: BTreeMap<String, Version>,
    /// The last commit then that made or deleted a key, if the call has listed keys.
    pub(super) keys_changed: Option<u64>,
    pub(super) writes: BTreeMap<String, ValueWrite>,
}

/// Something that a call has read was changed meanwhile: the value of this key, or else the
/// list of all keys, or what is left of the quota.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conflict(pub(super) Option<String>);

/// Why changes were not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Conflict(Conflict),
    /// What was forced since then is no longer known here: the file has to be asked.
    Stale,
}

/// A value that is not forced yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PendingValue {
    commit: u64,
    pub(super) value: NewValue,
}

/// The latest of each key.
pub(super) type PendingValues = BTreeMap<Arc<str>, PendingValue>;

/// The layer, as calls and the thread that commits share it.
pub(super) struct Layer {
    pending: Mutex<Pending>,
    is_lost: AtomicBool,
}

/// What is handed over.
pub(super) struct Pending {
    /// Shared with the calls that see it, and copied where it changes meanwhile.
    values: Arc<PendingValues>,
    bytes: usize,
    /// With all that is handed over.
    numbers: Numbers,
    /// The last commit that is forced.
    forced: u64,
}

impl From<Conflict> for NotTaken {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl Layer {
    /// Returns an empty layer above a file with these numbers.
    pub(super) fn new(numbers: Numbers) -> Self {
        Self {
            pending: Mutex::new(Pending::new(numbers)),
            is_lost: AtomicBool::new(false),
        }
    }

    /// Locks what is pending, unless it is lost.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, Pending>, StoreError> {
        let pending = self.pending.lock().expect("no holder of this lock panics");
        if self.is_lost() {
            return Err(lost());
        }
        Ok(pending)
    }

    /// Gives up all that is pending. It can be done under the lock.
    pub(super) fn lose(&self) {
        self.is_lost.store(true, Ordering::Release);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }
}

impl Pending {
    fn new(numbers: Numbers) -> Self {
        Self {
            values: Arc::default(),
            bytes: 0,
            numbers,
            forced: numbers.commits,
        }
    }

    /// Returns what is pending, the numbers with it, and whether that is more than calls should
    /// hold on to.
    pub(super) fn look(&self) -> (Arc<PendingValues>, Numbers, bool) {
        let is_full = self.bytes > FULL_BYTES;
        (Arc::clone(&self.values), self.numbers, is_full)
    }

    /// Takes over what a call wrote, as if it had run now and alone, and returns the numbers
    /// after it.
    pub(super) fn take(&mut self, touched: &Touched, quota: u64) -> Result<Numbers, NotTaken> {
        if touched.writes.is_empty() {
            return Ok(self.numbers);
        }
        self.check(touched)?;
        let numbers = self.numbers_after(touched);
        if numbers.used_bytes > quota.max(self.numbers.used_bytes) {
            // Others have used the quota up meanwhile. The call runs again alone, and learns of
            // it where it writes.
            return Err(Conflict(None).into());
        }
        self.numbers = numbers;
        let values = Arc::make_mut(&mut self.values);
        for (key, write) in &touched.writes {
            let value = PendingValue {
                commit: numbers.commits,
                value: write.value.clone(),
            };
            self.bytes += value.cost(key);
            if let Some(older) = values.insert(key.as_str().into(), value) {
                self.bytes -= older.cost(key);
            }
        }
        Ok(numbers)
    }

    /// A call has seen one moment, and others may have committed since. It is as if it ran alone
    /// only if each value that it read still has the version that it saw, and if it listed keys,
    /// no key was made or deleted.
    fn check(&self, touched: &Touched) -> Result<(), NotTaken> {
        let listed = touched.keys_changed;
        if listed.is_some_and(|seen| seen != self.numbers.keys_changed) {
            return Err(Conflict(None).into());
        }
        let changed = |(key, seen): &(&String, &Version)| {
            let pending = self.values.get(key.as_str());
            pending.is_some_and(|pending| pending.version() != **seen)
        };
        if let Some((key, _)) = touched.reads.iter().find(changed) {
            return Err(Conflict(Some(key.clone())).into());
        }
        if self.forced > touched.at {
            return Err(NotTaken::Stale);
        }
        Ok(())
    }

    fn numbers_after(&self, touched: &Touched) -> Numbers {
        let commits = self.numbers.commits + 1;
        let (mut growth, mut keys_changed) = (0, self.numbers.keys_changed);
        for (key, write) in &touched.writes {
            let pending = self.values.get(key.as_str());
            let before = pending.map_or(write.before, PendingValue::size);
            let after = write.value.as_ref().map(|value| value.len());
            growth += used(key, after) - used(key, before);
            if before.is_some() != after.is_some() {
                keys_changed = commits;
            }
        }
        Numbers {
            commits,
            keys_changed,
            used_bytes: self.numbers.used_bytes.saturating_add_signed(growth),
        }
    }

    /// Takes note that all is forced up to a commit.
    pub(super) fn forced(&mut self, commit: u64) {
        self.forced = commit;
        let values = Arc::make_mut(&mut self.values);
        values.retain(|_, value| value.commit > commit);
        self.bytes = values.iter().map(|(key, value)| value.cost(key)).sum();
    }
}

impl PendingValue {
    pub(super) fn version(&self) -> Version {
        self.value.as_ref().map_or(ABSENT, |_| self.commit)
    }

    pub(super) fn size(&self) -> Option<usize> {
        self.value.as_ref().map(|value| value.len())
    }

    fn cost(&self, key: &str) -> usize {
        key.len() + self.size().unwrap_or(0) + KEY_COST_BYTES
    }
}

/// Returns what calls are told whose layer is lost.
pub(super) fn lost() -> StoreError {
    StoreError::new("changes of other calls on which this one may stand could not be written")
}

/// Returns what a key takes of the quota, with a value of so many bytes or none.
pub(super) fn used(key: &str, value: Option<usize>) -> i64 {
    value.map_or(0, |bytes| (key.len() + bytes) as i64)
}

#[cfg(test)]
mod tests;
