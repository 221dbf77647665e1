//! What calls change outside of the state: done once the state is kept, in the order of the
//! commits.
//!
//! The transaction of a call keeps a record of its effects. A host that is killed before they are
//! all done finds it when it starts again; of a call that is not kept there is none.
//!
//! Why: docs/decisions/87-what-a-call-writes-to-files-is-staged.md

use std::collections::{HashSet, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::file::guarded;
use super::pending::Conflict;
use super::writer::{Changes, Committer, HandedOver};
use super::{Store, StoreError};

/// The records of effects that are not known to be done, by their place in the order of all.
const EFFECTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("effects");

const UNPOISONED: &str = "no holder of this lock panics";

/// What a call changes outside of the state. Nothing of it is done if this is dropped.
pub trait Effects: Send + Sync {
    /// Returns that by which they can be done after a restart.
    fn record(&self) -> Vec<u8>;

    /// Does them before the call is kept, if it is no harm that a call which comes again does the
    /// same again, and tells whether they are done.
    fn apply_first(&mut self) -> bool;

    /// Makes sure that a power failure leaves what the record speaks of, or what is done already.
    ///
    /// # Errors
    /// That cannot be.
    fn force(&self) -> io::Result<()>;

    /// Tells whether doing them takes next to no time.
    fn are_quick(&self) -> bool;

    /// Takes their place behind all others of the app, and tells whether what they stand on is
    /// as the call saw it.
    fn claim(&mut self) -> bool;

    /// Does them, and tells whether none of them is to be tried again. What was done already is
    /// not done twice. What cannot be done is said in the log.
    fn apply(&mut self) -> bool;

    /// Makes sure that a power failure does not undo them. `forced` has the names of folders of
    /// which that is known, and gets others.
    fn force_applied(&self, forced: &mut HashSet<String>);

    /// Leaves them to the next start of the host, which finds the record if there is one.
    fn leave(&mut self);
}

/// The effects of calls, from when these are handed over until the record is taken out.
pub(super) struct EffectQueue {
    /// Whether they are forced to the disk.
    are_forced: bool,
    /// Held by who takes a place among them.
    order: Mutex<()>,
    /// Some that are kept could not be done so far.
    are_stuck: AtomicBool,
    kept: Mutex<KeptEffects>,
}

struct KeptEffects {
    /// The next place. None is used twice as long as the host runs.
    next: u64,
    /// The places of those that are done. Their records are still there.
    done: Vec<u64>,
    /// Those that are to be done, in their order.
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    place: u64,
    effects: Box<dyn Effects>,
    /// Whether it has a record: after an error of the disk, a look into the file decides.
    is_kept: bool,
}

impl Store {
    /// Has effects done that an earlier host has kept and may not have done. `restore` gets their
    /// records in their order, and returns as many effects.
    ///
    /// # Errors
    /// The records cannot be read, or `restore` fails.
    pub fn finish_effects(
        &self,
        restore: impl FnOnce(&[Vec<u8>]) -> io::Result<Vec<Box<dyn Effects>>>,
    ) -> Result<(), StoreError> {
        let read = || read(&*self.file.database()?);
        let records = guarded(read).map_err(StoreError::new)?;
        let (places, records): (Vec<u64>, Vec<Vec<u8>>) = records.into_iter().unzip();
        let effects = restore(&records).map_err(StoreError::new)?;
        self.effects.restored(&places, effects);
        Ok(())
    }

    /// Tells whether what calls change reaches the disk before their answers are seen.
    pub fn forces_effects(&self) -> bool {
        self.effects.are_forced
    }

    /// Makes sure that the effects of a call can be done once it is kept, or does them.
    pub(super) async fn prepare(&self, changes: &mut Changes) -> Result<(), StoreError> {
        let Some(mut effects) = changes.effects.take() else {
            return Ok(());
        };
        if self.effects.are_stuck() {
            self.await_effects().await?;
        }
        let is_done = changes.comes_again && {
            let _order = self.effects.order.lock().expect(UNPOISONED);
            effects.apply_first()
        };
        if self.effects.are_forced {
            let force = move || effects.force().map(|()| effects);
            let forced = tokio::task::spawn_blocking(force).await;
            effects = forced.map_err(StoreError::new)?.map_err(StoreError::new)?;
        }
        changes.effects = (!is_done).then_some(effects);
        Ok(())
    }

    /// Hands changes over, unless their effects stand on what was changed meanwhile. With
    /// `surely` they are done all the same.
    pub(super) fn hand_over(
        &self,
        mut changes: Changes,
        surely: bool,
    ) -> Result<HandedOver, StoreError> {
        let committer = self.committer(&changes);
        let Some(effects) = &mut changes.effects else {
            return self.writer.hand_over(changes, committer);
        };
        // Who comes later here also comes later in the order of the commits.
        let _order = self.effects.order.lock().expect(UNPOISONED);
        if !effects.claim() && !surely {
            return Ok(HandedOver::Conflict(Conflict(None)));
        }
        self.writer.hand_over(changes, committer)
    }

    /// Returns who commits what a call hands over now: the thread where others are under way, whose
    /// changes it may take too, where a disk is waited for, and where nothing is left to be done
    /// for which anybody waits.
    fn committer(&self, changes: &Changes) -> Committer {
        let is_only_one = self.n_calls.load(Ordering::Relaxed) <= 1;
        let effects = changes.effects.as_deref();
        let is_waited_for = !changes.comes_again || effects.is_some();
        let may_be_here = is_only_one && is_waited_for && !self.effects.are_forced;
        // The last question looks at files.
        if may_be_here && effects.is_none_or(Effects::are_quick) {
            Committer::Here
        } else {
            Committer::Thread
        }
    }

    /// Waits until the effects of all calls are done that were handed over.
    pub(super) async fn await_effects(&self) -> Result<(), StoreError> {
        self.writer.commit(Changes::default()).await?;
        if self.effects.are_stuck() {
            return Err(StoreError::new(
                "what an earlier call wrote to files cannot be put into its place yet",
            ));
        }
        Ok(())
    }
}

impl EffectQueue {
    /// Returns the queue for a file whose tables are there.
    pub(super) fn read(database: &Database, are_forced: bool) -> Result<Self, redb::Error> {
        let table = database.begin_read()?.open_table(EFFECTS)?;
        let last = table.last()?.map(|(place, _)| place.value());
        let kept = KeptEffects {
            next: last.map_or(0, |last| last + 1),
            done: Vec::new(),
            waiting: VecDeque::new(),
        };
        Ok(Self {
            are_forced,
            order: Mutex::default(),
            are_stuck: AtomicBool::new(false),
            kept: Mutex::new(kept),
        })
    }

    fn kept(&self) -> MutexGuard<'_, KeptEffects> {
        self.kept.lock().expect(UNPOISONED)
    }

    fn are_stuck(&self) -> bool {
        self.are_stuck.load(Ordering::Acquire)
    }

    fn restored(&self, places: &[u64], effects: Vec<Box<dyn Effects>>) {
        let mut kept = self.kept();
        for (place, effects) in places.iter().zip(effects) {
            kept.waiting.push_back(Waiting {
                place: *place,
                effects,
                is_kept: true,
            });
        }
        self.work_off(&mut kept);
    }

    /// Returns places for so many effects.
    pub(super) fn places(&self, n_effects: usize) -> Range<u64> {
        let mut kept = self.kept();
        let first = kept.next;
        kept.next += n_effects as u64;
        first..kept.next
    }

    /// Returns those that are done, to be taken out of the records.
    pub(super) fn take_done(&self) -> Vec<u64> {
        std::mem::take(&mut self.kept().done)
    }

    /// Tells whether records are there that nobody needs.
    pub(super) fn has_done(&self) -> bool {
        !self.kept().done.is_empty()
    }

    /// Takes note that these are done, and still in the records.
    pub(super) fn are_done(&self, places: Vec<u64>) {
        self.kept().done.extend(places);
    }

    /// Does what could not be done before, as far as it can be now. What was in a transaction that
    /// failed is done if it was kept all the same.
    pub(super) fn settle(&self, database: &Database) {
        let mut kept = self.kept();
        if kept.waiting.is_empty() {
            return;
        }
        match guarded(|| kept.decide(database)) {
            Ok(()) => self.work_off(&mut kept),
            Err(error) => tracing::debug!("it is not known what calls have kept: {error}"),
        }
    }

    /// Does the effects of calls that were written, in a transaction that `is_kept` or has failed.
    pub(super) fn written(
        &self,
        places: Range<u64>,
        effects: Vec<Box<dyn Effects>>,
        is_kept: bool,
    ) {
        if effects.is_empty() {
            return;
        }
        let mut kept = self.kept();
        for (place, effects) in places.zip(effects) {
            kept.waiting.push_back(Waiting {
                place,
                effects,
                is_kept,
            });
        }
        self.work_off(&mut kept);
    }

    /// Does them one after the other, until one cannot be done: what came after it may stand on it.
    fn work_off(&self, kept: &mut KeptEffects) {
        let mut done = Vec::new();
        while let Some(first) = kept.waiting.front_mut()
            && first.is_kept
            && first.effects.apply()
        {
            done.extend(kept.waiting.pop_front());
        }
        self.are_stuck
            .store(!kept.waiting.is_empty(), Ordering::Release);
        if self.are_forced {
            let mut forced = HashSet::new();
            for Waiting { effects, .. } in &done {
                effects.force_applied(&mut forced);
            }
        }
        kept.done.extend(done.iter().map(|done| done.place));
    }
}

impl KeptEffects {
    /// Finds out what was kept by a transaction that failed, and lets go of the rest.
    fn decide(&mut self, database: &Database) -> Result<(), redb::Error> {
        if self.waiting.iter().all(|waiting| waiting.is_kept) {
            return Ok(());
        }
        let table = database.begin_read()?.open_table(EFFECTS)?;
        for waiting in &mut self.waiting {
            waiting.is_kept = waiting.is_kept || table.get(waiting.place)?.is_some();
        }
        self.waiting.retain(|waiting| waiting.is_kept);
        Ok(())
    }
}

impl Drop for KeptEffects {
    fn drop(&mut self) {
        for Waiting { effects, .. } in &mut self.waiting {
            effects.leave();
        }
    }
}

pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(EFFECTS)?;
    Ok(())
}

/// Takes the records of those that are done out, and adds others.
pub(super) fn write<'a>(
    transaction: &WriteTransaction,
    done: &[u64],
    new: impl Iterator<Item = (u64, &'a (dyn Effects + 'static))>,
) -> Result<(), redb::Error> {
    let mut new = new.peekable();
    if done.is_empty() && new.peek().is_none() {
        return Ok(());
    }
    let mut table = transaction.open_table(EFFECTS)?;
    for place in done {
        table.remove(place)?;
    }
    for (place, effects) in new {
        table.insert(place, effects.record().as_slice())?;
    }
    Ok(())
}

fn read(database: &Database) -> Result<Vec<(u64, Vec<u8>)>, redb::Error> {
    let mut records = Vec::new();
    for entry in database.begin_read()?.open_table(EFFECTS)?.iter()? {
        let (place, record) = entry?;
        records.push((place.value(), record.value().to_vec()));
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
