//! The state as one call sees it.
//!
//! Why: docs/decisions/25-state-is-a-transaction.md

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use syft_manifest::Limits;
use syft_manifest::units::show_size;
use thiserror::Error;

use super::answers::AnswerRecord;
use super::effects::Effects;
use super::elsewhere::StateElsewhere;
use super::pending::{ABSENT, NewValue, Touched, ValueWrite, Version, used};
use super::snapshot::Snapshot;
use super::turns::KeyTurn;
use super::writer::{Changes, Extra};
use super::{Store, StoreError};
use crate::failpoint::{self, Step};
use crate::meter::{Charge, MemoryRefused, Meter, Part};
use crate::wire::{Lost, Unanswered};

/// Keys that are listed at one time, and what a key costs besides its text.
pub(super) const PAGE: usize = 1_000;
const KEY_COST_BYTES: usize = 64;

/// The state as one call sees it: a snapshot from its first look, and above it what
/// it wrote itself. Nothing of it is kept before it is committed.
pub struct Session {
    store: Option<Arc<Store>>,
    /// Instead of a store, where the host of the owner has it.
    pub(super) elsewhere: Option<StateElsewhere>,
    /// Nobody else commits as long as the call runs.
    is_alone: bool,
    /// It waits for one turn at most.
    has_waited: bool,
    turn: Option<KeyTurn>,
    snapshot: Option<Snapshot>,
    pub(super) limits: Limits,
    /// What the call has read of the snapshot, and what it wrote.
    pub(super) touched: Touched,
    /// By how much its writes change what the app uses.
    growth: i64,
    /// What reads and writes of the call take in memory.
    pub(super) held_bytes: usize,
    /// The same, on the meter of the call that runs.
    charge: Option<Charge>,
    /// What the host keeps together with it.
    extras: Vec<Extra>,
    /// What the call changes outside of it.
    effects: Option<Box<dyn Effects>>,
    answer: Option<AnswerRecord>,
    /// Messages leave with its changes.
    is_sending: bool,
    /// If it is not kept, it is made again.
    comes_again: bool,
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
    #[error("a key has at most {}", show_size(*.0 as u64))]
    Key(usize),
    /// The value is too large.
    #[error("a value has at most {}", show_size(*.0 as u64))]
    Value(usize),
    /// The app would use more than it may.
    #[error("the state of an app has at most {}, keys and values together", show_size(*.0))]
    Quota(u64),
    /// The call reads and writes too much.
    #[error("a call reads and writes keys and values of at most {} together", show_size(*.0 as u64))]
    Call(usize),
    /// There is no memory for it.
    #[error(transparent)]
    Memory(#[from] MemoryRefused),
    /// The call runs again from a recording that does not have it.
    #[error("the recording does not have this")]
    Unrecorded,
    /// The host cannot.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host that has it cannot be reached, and the call is ended.
    #[error(transparent)]
    Lost(#[from] Lost),
}

impl From<Unanswered> for SessionError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Lost(lost) => Self::Lost(lost),
            Unanswered::Exhausted => Self::Memory(MemoryRefused::Total),
        }
    }
}

impl Session {
    pub(crate) fn new(store: Option<Arc<Store>>, limits: &Limits) -> Self {
        Self {
            store,
            elsewhere: None,
            is_alone: false,
            has_waited: false,
            turn: None,
            snapshot: None,
            limits: limits.clone(),
            touched: Touched::default(),
            growth: 0,
            held_bytes: 0,
            charge: None,
            extras: Vec::new(),
            effects: None,
            answer: None,
            is_sending: false,
            comes_again: false,
            trouble: None,
        }
    }

    /// Returns what is left of the state of a call that has not run.
    pub fn of_nothing(limits: &Limits) -> Self {
        Self::new(None, limits)
    }

    /// Returns the session, and leaves one of no state in its place.
    pub(crate) fn take(&mut self) -> Self {
        let nothing = Self::new(None, &self.limits);
        std::mem::replace(self, nothing)
    }

    /// Returns a session of a call as long as which nobody else commits.
    pub(super) fn alone(store: Arc<Store>, limits: &Limits) -> Self {
        Self {
            is_alone: true,
            ..Self::new(Some(store), limits)
        }
    }

    /// Returns the session of the same call, to run again from its beginning.
    pub(crate) fn begin_again(self) -> Self {
        Self {
            is_alone: self.is_alone,
            extras: self.extras,
            comes_again: self.comes_again,
            ..Self::new(self.store, &self.limits)
        }
    }

    /// Has what it reads and writes counted by the meter of a call, before the first of it.
    pub(crate) fn count_by(&mut self, meter: &Meter) {
        self.charge = Some(meter.nothing(Part::Held));
    }

    /// Makes sure that there is state at all.
    pub(crate) fn check(&self) -> Result<(), SessionError> {
        match (&self.store, &self.elsewhere) {
            (None, None) => Err(SessionError::Absent),
            _ => Ok(()),
        }
    }

    /// Waits before it reads a key, if calls on it take turns. What it reads then is what the
    /// call before it has handed over.
    pub(crate) async fn wait_for_turn(&mut self, key: &str) -> Result<(), SessionError> {
        let touched = &self.touched;
        let is_known = touched.reads.contains_key(key) || touched.writes.contains_key(key);
        let may_wait = !is_known && !self.is_alone && !self.has_waited;
        let store = self.store.as_ref().filter(|_| may_wait);
        let Some(store) = store.filter(|store| store.turns.are_taken(key)).cloned() else {
            return Ok(());
        };
        self.has_waited = true;
        if let Some(turn) = store.turns.wait(key).await {
            let seen = store.newest().await.and_then(|newest| self.see(newest));
            // Who cannot see the newest will have to run again: others need not wait for it.
            self.turn = self
                .note(seen.map_err(SessionError::Store))?
                .then_some(turn);
        }
        Ok(())
    }

    /// Sees a later moment, if what it has read is the same there. Versions of a file that was
    /// opened anew meanwhile say nothing of that.
    fn see(&mut self, later: Snapshot) -> Result<bool, StoreError> {
        let seen = self.snapshot.as_ref();
        let is_above_same = seen.is_none_or(|seen| Arc::ptr_eq(seen.layer(), later.layer()));
        let is_same = is_above_same && later.renew(&mut self.touched)?.is_ok();
        if is_same {
            self.snapshot = Some(later);
        }
        Ok(is_same)
    }

    pub(crate) fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, SessionError> {
        let found = self.read(key);
        self.note(found)
    }

    fn read(&mut self, key: &str) -> Result<Option<Vec<u8>>, SessionError> {
        self.check_key(key)?;
        if let Some(written) = self.touched.writes.get(key) {
            return Ok(written.value.as_ref().map(|value| value.to_vec()));
        }
        let found = self.stored(key)?;
        let version = found.as_ref().map_or(ABSENT, |(version, _)| *version);
        if !self.touched.reads.contains_key(key) {
            self.hold(0, key.len() + KEY_COST_BYTES)?;
            self.touched.reads.insert(key.to_owned(), version);
        }
        Ok(found.map(|(_, value)| value))
    }

    pub(crate) fn set(&mut self, key: &str, value: Vec<u8>) -> Result<(), SessionError> {
        self.check_key(key)?;
        if value.len() > self.limits.state_value_bytes {
            return Err(SessionError::Value(self.limits.state_value_bytes));
        }
        let written = self.write(key, Some(Arc::new(value)));
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
        let written = self.touched.writes.keys();
        let written = written.map(|key| key.len() + KEY_COST_BYTES);
        PAGE * (self.limits.state_key_bytes + KEY_COST_BYTES) + written.sum::<usize>()
    }

    fn list(
        &mut self,
        cursor: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), SessionError> {
        let mut keys = self.stored_keys(cursor)?;
        // What lies behind a full page belongs to the next one.
        let last = keys.last().filter(|_| keys.len() == PAGE).cloned();
        let start = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        let end = last.as_deref().map_or(Bound::Unbounded, Bound::Included);
        for (key, write) in self.touched.writes.range::<str, _>((start, end)) {
            match write.value {
                Some(_) => keys.insert(key.clone()),
                None => keys.remove(key),
            };
        }
        Ok((keys.into_iter().collect(), last))
    }

    /// Takes note where the host failed: what the guest makes of that is no answer.
    pub(super) fn note<T>(&mut self, result: Result<T, SessionError>) -> Result<T, SessionError> {
        if let Err(SessionError::Store(error)) = &result {
            self.trouble.get_or_insert_with(|| error.clone());
        }
        result
    }

    /// Returns what the host could not do for the call.
    pub(super) fn trouble(&self) -> Result<(), StoreError> {
        self.trouble.clone().map_or(Ok(()), Err)
    }

    /// Tells whether it makes a difference if the call runs again.
    pub(super) fn has_effects(&self) -> bool {
        self.is_sending || self.effects.is_some() || !self.touched.writes.is_empty()
    }

    /// Takes note that messages leave with its changes.
    pub(super) fn sends_messages(&mut self) {
        self.is_sending = true;
    }

    /// Takes note that the call is made again if it is not kept.
    pub(super) fn comes_again(&mut self) {
        self.comes_again = true;
    }

    pub(super) fn store(&self) -> Option<&Arc<Store>> {
        self.store.as_ref()
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

    /// Has what the call changes outside of the state done once it is kept, if it is.
    pub(crate) fn also_do(&mut self, effects: Box<dyn Effects>) {
        self.effects = self.store.is_some().then_some(effects);
    }

    /// Returns what says whose turn it is, which ends once the changes are handed over.
    pub(super) fn take_turn(&mut self) -> Option<KeyTurn> {
        self.turn.take()
    }

    /// Returns what is to be handed over: all that the call changed, if that is kept. Who only
    /// reads has seen one moment and needs no more, but that this moment lasts: who saw what is
    /// not forced yet hands nothing over, and waits with the others.
    pub(super) fn into_changes(self, is_kept: bool) -> Option<Changes> {
        let layer = self.snapshot.as_ref().map(Snapshot::layer).cloned();
        if is_kept && (self.has_effects() || !self.extras.is_empty()) {
            let has_more = self.is_sending || self.answer.is_some() || layer.is_some();
            return Some(Changes {
                comes_again: self.comes_again && !has_more && self.touched.writes.is_empty(),
                layer,
                touched: self.touched,
                extras: self.extras,
                effects: self.effects,
                answer: self.answer,
                ..Changes::default()
            });
        }
        let is_pending = self.snapshot.as_ref().is_some_and(Snapshot::is_pending);
        is_pending.then(|| Changes {
            layer,
            ..Changes::default()
        })
    }

    fn snapshot(&mut self) -> Result<&Snapshot, SessionError> {
        let store = self.store.as_ref().ok_or(SessionError::Absent)?;
        if self.snapshot.is_none() {
            let taken = if self.is_alone {
                Snapshot::newest(&store.file)?
            } else {
                Snapshot::forced(&store.file)?
            };
            self.touched.at = taken.numbers.commits;
            self.snapshot = Some(taken);
        }
        self.snapshot.as_ref().ok_or(SessionError::Absent)
    }

    /// Returns a value as it is below what the call wrote.
    fn stored(&mut self, key: &str) -> Result<Option<(Version, Vec<u8>)>, SessionError> {
        match &mut self.elsewhere {
            Some(elsewhere) => Ok(elsewhere.take_value().map(|value| (ABSENT, value))),
            None => Ok(self.snapshot()?.get(key)?),
        }
    }

    /// Returns the next keys as they are below what the call wrote.
    fn stored_keys(&mut self, cursor: Option<&str>) -> Result<BTreeSet<String>, SessionError> {
        if let Some(elsewhere) = &mut self.elsewhere {
            return Ok(elsewhere.take_keys());
        }
        let snapshot = self.snapshot()?;
        let keys_changed = snapshot.numbers.keys_changed;
        let keys = snapshot.keys_after(cursor, PAGE)?;
        self.touched.keys_changed = Some(keys_changed);
        Ok(keys)
    }

    /// Returns the bytes of a value as it is below what the call wrote. That is no reading of it.
    pub(super) fn stored_size(&mut self, key: &str) -> Result<Option<usize>, SessionError> {
        match &mut self.elsewhere {
            Some(elsewhere) => Ok(elsewhere.take_size()),
            None => Ok(self.snapshot()?.size(key)?),
        }
    }

    /// Returns the bytes of all keys and values below what the call wrote.
    pub(super) fn used_bytes(&mut self) -> Result<u64, SessionError> {
        match &self.elsewhere {
            Some(elsewhere) => Ok(elsewhere.used_bytes()),
            None => Ok(self.snapshot()?.numbers.used_bytes),
        }
    }

    fn write(&mut self, key: &str, value: NewValue) -> Result<(), SessionError> {
        failpoint::reach(Step::InCall, key);
        let written = self.touched.writes.get(key);
        let written = written.map(|write| (write.before, size(&write.value)));
        let (stored, before) = match written {
            Some(sizes) => sizes,
            None => {
                let stored = self.stored_size(key)?;
                (stored, stored)
            }
        };
        let after = size(&value);
        let growth = used(key, after) - used(key, before);
        let quota = self.limits.state_bytes;
        let used_bytes = self.used_bytes()?;
        if growth > 0 && used_bytes.saturating_add_signed(self.growth + growth) > quota {
            return Err(SessionError::Quota(quota));
        }
        // What it wrote before goes.
        let (gone, new_key) = match written {
            Some((_, written)) => (written.unwrap_or(0), 0),
            None => (0, key.len() + KEY_COST_BYTES),
        };
        self.hold(gone, new_key + after.unwrap_or(0))?;
        self.growth += growth;
        let write = ValueWrite {
            before: stored,
            value,
        };
        self.touched.writes.insert(key.to_owned(), write);
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

    pub(super) fn check_key(&self, key: &str) -> Result<(), SessionError> {
        let limit = self.limits.state_key_bytes;
        if key.len() > limit {
            return Err(SessionError::Key(limit));
        }
        Ok(())
    }
}

fn size(value: &NewValue) -> Option<usize> {
    value.as_ref().map(|value| value.len())
}
