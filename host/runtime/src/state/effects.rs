//! What calls change outside of the state: done once the state is kept, in the order of the
//! commits.
//!
//! The transaction of a call has the number of its effects. A host that is killed before they are
//! all done finds that number when it starts again; what has none was of a call that is not kept.
//!
//! Why: docs/decisions/87-what-a-call-writes-to-files-is-staged.md

use std::io;
use std::sync::{Mutex, MutexGuard};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::file::guarded;
use super::pending::Conflict;
use super::writer::{Changes, HandedOver};
use super::{Store, StoreError};
use crate::durability::Durability;

/// The number of the effects of a call, by their place in the order of all that were kept since
/// the table was empty.
const EFFECTS: TableDefinition<'_, u64, u128> = TableDefinition::new("effects");

const UNPOISONED: &str = "no holder of this lock panics";

/// What a call changes outside of the state. Nothing of it is done if this is dropped.
pub trait Effects: Send + Sync {
    /// Returns the number of these, which no others have.
    fn number(&self) -> u128;

    /// Makes sure that they can be done later, also by another process; with `force`, also after
    /// a power failure.
    ///
    /// # Errors
    /// That cannot be.
    fn prepare(&mut self, force: bool) -> io::Result<()>;

    /// Takes their place behind all others of the app, and tells whether what they stand on is
    /// as the call saw it.
    fn claim(&mut self) -> bool;

    /// Does them, and tells whether none of them is to be tried again. What cannot be done is said in
    /// the log.
    fn apply(self: Box<Self>) -> bool;

    /// Leaves them to the next start of the host, which knows whether they were kept.
    fn leave(self: Box<Self>);
}

/// The effects that are done, and not taken out of the records yet.
#[derive(Default)]
pub(super) struct EffectRecords {
    /// Held by who takes a place among them.
    order: Mutex<()>,
    done: Mutex<Vec<u64>>,
}

impl Store {
    /// Has effects finished that were kept and may not be done, in their order. `finish` gets their
    /// numbers, and returns those of which something is still to be done.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn finish_effects<E>(
        &self,
        finish: impl FnOnce(&[u128]) -> Result<Vec<u128>, E>,
    ) -> Result<Result<(), E>, StoreError> {
        let read = || read(&*self.file.database()?);
        let kept = guarded(read).map_err(StoreError::new)?;
        let numbers: Vec<u128> = kept.iter().map(|(_, number)| *number).collect();
        Ok(finish(&numbers).map(|unfinished| {
            let done = kept
                .iter()
                .filter(|(_, number)| !unfinished.contains(number));
            let places: Vec<u64> = done.map(|(place, _)| *place).collect();
            self.effects.are_done(&places);
        }))
    }

    /// Makes sure that the effects of a call can be done.
    pub(super) async fn prepare(&self, changes: &mut Changes) -> Result<(), StoreError> {
        let Some(mut effects) = changes.effects.take() else {
            return Ok(());
        };
        let force = self.durability != Durability::None;
        let prepare = move || effects.prepare(force).map(|()| effects);
        let prepared = tokio::task::spawn_blocking(prepare).await;
        let prepared = prepared.map_err(StoreError::new)?;
        changes.effects = Some(prepared.map_err(StoreError::new)?);
        Ok(())
    }

    /// Hands changes over, unless their effects stand on what was changed meanwhile. With
    /// `surely` they are done all the same.
    pub(super) fn hand_over(
        &self,
        mut changes: Changes,
        surely: bool,
    ) -> Result<HandedOver, StoreError> {
        let Some(effects) = &mut changes.effects else {
            return self.writer.hand_over(changes);
        };
        // Who comes later here also comes later in the order of the commits.
        let _order = self.effects.order.lock().expect(UNPOISONED);
        if !effects.claim() && !surely {
            return Ok(HandedOver::Conflict(Conflict(None)));
        }
        self.writer.hand_over(changes)
    }

    /// Waits until the effects of all calls are done that were handed over.
    pub(super) async fn await_effects(&self) -> Result<(), StoreError> {
        self.writer.commit(Changes::default()).await
    }
}

impl EffectRecords {
    fn done(&self) -> MutexGuard<'_, Vec<u64>> {
        self.done.lock().expect(UNPOISONED)
    }

    /// Returns those that are done, to be taken out of the records.
    pub(super) fn take_done(&self) -> Vec<u64> {
        std::mem::take(&mut self.done())
    }

    /// Takes note of those that are done.
    pub(super) fn are_done(&self, places: &[u64]) {
        self.done().extend(places);
    }
}

pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(EFFECTS)?;
    Ok(())
}

/// Takes those that are done out of the records and adds others. Returns the places of these.
pub(super) fn write(
    transaction: &WriteTransaction,
    done: &[u64],
    numbers: Vec<u128>,
) -> Result<Vec<u64>, redb::Error> {
    if done.is_empty() && numbers.is_empty() {
        return Ok(Vec::new());
    }
    let mut table = transaction.open_table(EFFECTS)?;
    for place in done {
        table.remove(place)?;
    }
    let last = table.last()?.map(|(place, _)| place.value());
    let first = last.map_or(0, |last| last + 1);
    let mut places = Vec::new();
    for (place, number) in (first..).zip(numbers) {
        table.insert(place, number)?;
        places.push(place);
    }
    Ok(places)
}

fn read(database: &Database) -> Result<Vec<(u64, u128)>, redb::Error> {
    let transaction = database.begin_read()?;
    let mut kept = Vec::new();
    for entry in transaction.open_table(EFFECTS)?.iter()? {
        let (place, number) = entry?;
        kept.push((place.value(), number.value()));
    }
    Ok(kept)
}
