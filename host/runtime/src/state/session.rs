//! The state as one call sees it.
//!
//! Why: docs/decisions/25-state-is-a-transaction.md

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use syft_manifest::Limits;
use thiserror::Error;

use super::answers::AnswerRecord;
use super::snapshot::{ABSENT, Snapshot, Version};
use super::writer::{Changes, Extra};
use super::{Store, StoreError};
use crate::failpoint::{self, Step};
use crate::meter::{Charge, MemoryRefused, Meter, Part};

/// Keys that are listed at one time, and what a key costs besides its text.
const PAGE: usize = 1_000;
const KEY_COST_BYTES: usize = 64;

/// The state as one call sees it: a snapshot from its first look, and above it what
/// it wrote itself. Nothing of it is kept before it is committed.
pub struct Session {
    store: Option<Arc<Store>>,
    snapshot: Option<Snapshot>,
    limits: Limits,
    /// What the call has read of the snapshot.
    reads: BTreeMap<String, Version>,
    listed: bool,
    /// What it wrote; `None` is deleted.
    writes: BTreeMap<String, Option<Vec<u8>>>,
    /// By how much its writes change what the app uses.
    growth: i64,
    /// What reads and writes of the call take in memory.
    pub(super) held_bytes: usize,
    /// The same, on the meter of the call that runs.
    charge: Option<Charge>,
    /// What the host keeps together with it.
    extras: Vec<Extra>,
    answer: Option<AnswerRecord>,
    /// What the host could not do for the call.
    trouble: Option<StoreError>,
}

/// Why a guest does not get at its state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SessionError {
    /// There is none in this instance.
    #[error("there is no state while an app is asked for its endpoints")]
    Absent,
    /// The key is too long.
    #[error("a key has at most {0} bytes")]
    Key(usize),
    /// The value is too large.
    #[error("a value has at most {0} bytes")]
    Value(usize),
    /// The app would use more than it may.
    #[error("the state of an app has at most {0} bytes, keys and values together")]
    Quota(u64),
    /// The call reads and writes too much.
    #[error("a call reads and writes keys and values of at most {0} bytes together")]
    Call(usize),
    /// There is no memory for it.
    #[error(transparent)]
    Memory(#[from] MemoryRefused),
    /// The host cannot.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Session {
    pub(crate) fn new(store: Option<Arc<Store>>, limits: &Limits) -> Self {
        Self {
            store,
            snapshot: None,
            limits: limits.clone(),
            reads: BTreeMap::new(),
            listed: false,
            writes: BTreeMap::new(),
            growth: 0,
            held_bytes: 0,
            charge: None,
            extras: Vec::new(),
            answer: None,
            trouble: None,
        }
    }

    /// Returns the session, and leaves one of no state in its place.
    pub(crate) fn take(&mut self) -> Self {
        let nothing = Self::new(None, &self.limits);
        std::mem::replace(self, nothing)
    }

    /// Has what it reads and writes counted by the meter of a call, before the first of it.
    pub(crate) fn count_by(&mut self, meter: &Meter) {
        self.charge = Some(meter.nothing(Part::Held));
    }

    /// Makes sure that there is state at all.
    pub(crate) fn check(&self) -> Result<(), SessionError> {
        match self.store {
            Some(_) => Ok(()),
            None => Err(SessionError::Absent),
        }
    }

    pub(crate) fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, SessionError> {
        let found = self.read(key);
        self.note(found)
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>, SessionError> {
        self.check_key(key)?;
        if let Some(written) = self.writes.get(key) {
            return Ok(written.clone());
        }
        let found = self.snapshot()?.get(key)?;
        let version = found.as_ref().map_or(ABSENT, |(version, _)| *version);
        if !self.reads.contains_key(key) {
            self.hold(0, key.len() + KEY_COST_BYTES)?;
            self.reads.insert(key.to_owned(), version);
        }
        Ok(found.map(|(_, value)| value))
    }

    pub(crate) fn set(&mut self, key: &str, value: Vec<u8>) -> Result<(), SessionError> {
        self.check_key(key)?;
        if value.len() > self.limits.state_value_bytes {
            return Err(SessionError::Value(self.limits.state_value_bytes));
        }
        let written = self.write(key, Some(value));
        self.note(written)
    }

    pub(crate) fn delete(&mut self, key: &str) -> Result<(), SessionError> {
        self.check_key(key)?;
        let written = self.write(key, None);
        self.note(written)
    }

    /// Returns the next keys behind a cursor in their order, and where to go on.
    pub(crate) fn keys(
        &mut self,
        cursor: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), SessionError> {
        let listed = self.list(cursor);
        self.note(listed)
    }

    /// Returns the most bytes that a page of keys takes, while it is put together.
    pub(crate) fn listed_bytes(&self) -> usize {
        let written = self.writes.keys().map(|key| key.len() + KEY_COST_BYTES);
        PAGE * (self.limits.state_key_bytes + KEY_COST_BYTES) + written.sum::<usize>()
    }

    fn list(
        &mut self,
        cursor: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), SessionError> {
        self.listed = true;
        let stored = self.snapshot()?.keys_after(cursor, PAGE)?;
        // What lies behind a full page belongs to the next one.
        let last = stored.get(PAGE - 1).cloned();
        let start = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        let end = last.as_deref().map_or(Bound::Unbounded, Bound::Included);
        let mut keys: BTreeMap<String, ()> = stored.into_iter().map(|key| (key, ())).collect();
        for (key, value) in self.writes.range::<str, _>((start, end)) {
            match value {
                Some(_) => keys.insert(key.clone(), ()),
                None => keys.remove(key),
            };
        }
        let keys: Vec<String> = keys.into_keys().collect();
        Ok((keys, last))
    }

    /// Takes note where the host failed: what the guest makes of that is no answer.
    fn note<T>(&mut self, result: Result<T, SessionError>) -> Result<T, SessionError> {
        if let Err(SessionError::Store(error)) = &result {
            self.trouble.get_or_insert_with(|| error.clone());
        }
        result
    }

    /// Returns what the host could not do for the call.
    pub(super) fn trouble(&self) -> Result<(), StoreError> {
        self.trouble.clone().map_or(Ok(()), Err)
    }

    pub(super) fn has_written(&self) -> bool {
        !self.writes.is_empty()
    }

    /// Returns how long answers are kept, if they are.
    pub(super) fn keeps_answers(&self) -> Option<Duration> {
        self.store.as_ref().map(|store| store.keep)
    }

    /// Has the answer kept together with what the call wrote.
    pub(super) fn keep(&mut self, answer: AnswerRecord) {
        self.answer = Some(answer);
    }

    /// Has the host's own changes kept together with those of the call, or not at all.
    pub(super) fn also(&mut self, extra: Extra) {
        self.extras.push(extra);
    }

    /// Returns what is to be kept of the call, if it is anything. Who only reads has
    /// seen one moment and needs no more.
    pub(super) fn into_changes(self) -> Option<Changes> {
        if self.writes.is_empty() && self.extras.is_empty() {
            return None;
        }
        let keys_changed = self.snapshot.as_ref().map(|snapshot| snapshot.keys_changed);
        Some(Changes {
            reads: self.reads,
            keys_changed: keys_changed.filter(|_| self.listed),
            writes: self.writes,
            extras: self.extras,
            answer: self.answer,
            forget: None,
        })
    }

    fn snapshot(&mut self) -> Result<&Snapshot, SessionError> {
        let store = self.store.as_ref().ok_or(SessionError::Absent)?;
        match &mut self.snapshot {
            Some(snapshot) => Ok(snapshot),
            none => Ok(none.insert(Snapshot::take(&store.file)?)),
        }
    }

    fn write(&mut self, key: &str, value: Option<Vec<u8>>) -> Result<(), SessionError> {
        failpoint::reach(Step::InCall, key);
        let before = match self.writes.get(key) {
            Some(written) => written.as_ref().map(Vec::len),
            None => self.snapshot()?.size(key)?,
        };
        let after = value.as_ref().map(Vec::len);
        let used = |size: Option<usize>| size.map_or(0, |size| (key.len() + size) as i64);
        let growth = used(after) - used(before);
        let quota = self.limits.state_bytes;
        let used_bytes = self.snapshot()?.used_bytes;
        if growth > 0 && used_bytes.saturating_add_signed(self.growth + growth) > quota {
            return Err(SessionError::Quota(quota));
        }
        // What it wrote before goes.
        let (gone, new_key) = match self.writes.get(key) {
            Some(written) => (written.as_ref().map_or(0, Vec::len), 0),
            None => (0, key.len() + KEY_COST_BYTES),
        };
        self.hold(gone, new_key + after.unwrap_or(0))?;
        self.growth += growth;
        match self.writes.entry(key.to_owned()) {
            Entry::Occupied(mut entry) => {
                entry.insert(value);
            }
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
        }
        Ok(())
    }

    /// Counts what takes the place of what goes, if there is room for it; else nothing
    /// changes.
    fn hold(&mut self, gone: usize, new: usize) -> Result<(), SessionError> {
        let limit = self.limits.state_call_bytes;
        let held = (self.held_bytes - gone).saturating_add(new);
        if held > limit {
            return Err(SessionError::Call(limit));
        }
        if let Some(charge) = &mut self.charge {
            charge.resize(held)?;
        }
        self.held_bytes = held;
        Ok(())
    }

    fn check_key(&self, key: &str) -> Result<(), SessionError> {
        let limit = self.limits.state_key_bytes;
        if key.len() > limit {
            return Err(SessionError::Key(limit));
        }
        Ok(())
    }
}
