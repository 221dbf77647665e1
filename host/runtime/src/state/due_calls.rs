//! Calls that are due, as they are kept until they ran, and the schedules that they are of.
//!
//! Why: docs/decisions/84-due-calls-are-kept-until-they-ran.md

use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use syft_protocol::due_calls::{DueCall, DueRecord, KeptCall, KeptSchedule, LeftDue};
use uuid::Uuid;

use super::file::guarded;
use super::outbox;
use super::{Session, Store, StoreError};

/// Each call under its id.
const CALLS: TableDefinition<'_, u128, &str> = TableDefinition::new("due-calls");
/// Each schedule under its name.
const SCHEDULES: TableDefinition<'_, &str, &str> = TableDefinition::new("schedules");

impl Store {
    /// Returns the calls and schedules that are kept. What another version of the host wrote and
    /// this one cannot read is passed over.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn due(&self) -> Result<LeftDue, StoreError> {
        let read = || read(&*self.file.database()?);
        guarded(read).map_err(StoreError::new)
    }

    /// Keeps records. A message goes with the call that was to tell what became of it.
    ///
    /// # Errors
    /// They cannot be written. None of them was kept.
    pub async fn record_due(&self, records: Vec<DueRecord>) -> Result<(), StoreError> {
        let index = Arc::clone(&self.outbox);
        self.write(Box::new(move |transaction| {
            let dropped = records.iter().filter_map(|record| match record {
                DueRecord::Call(id, None) => Some(*id),
                _ => None,
            });
            outbox::handled(transaction, &index, dropped)?;
            write(transaction, records)
        }))
        .await
    }
}

impl Session {
    /// Has a call that is due deleted together with what it wrote, or not at all.
    pub fn also_end_due(&mut self, id: Uuid) {
        let records = vec![DueRecord::Call(id, None)];
        self.also(Box::new(move |transaction| write(transaction, records)));
    }
}

/// Keeps a call that is due, together with whatever else a transaction writes. The queue has to
/// be told of it (`DueEvent::Added`) once that is forced.
pub(super) fn add(transaction: &WriteTransaction, call: &DueCall) -> Result<(), redb::Error> {
    let kept = KeptCall::new(call).text();
    let mut calls = transaction.open_table(CALLS)?;
    calls.insert(call.id.as_u128(), kept.as_str())?;
    Ok(())
}

pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(CALLS)?;
    transaction.open_table(SCHEDULES)?;
    Ok(())
}

fn write(transaction: &WriteTransaction, records: Vec<DueRecord>) -> Result<(), redb::Error> {
    let mut calls = transaction.open_table(CALLS)?;
    let mut schedules = transaction.open_table(SCHEDULES)?;
    for record in records {
        match record {
            DueRecord::Call(id, Some(kept)) => {
                calls.insert(id.as_u128(), kept.text().as_str())?;
            }
            DueRecord::Call(id, None) => {
                calls.remove(id.as_u128())?;
            }
            DueRecord::Schedule(name, Some(kept)) => {
                schedules.insert(name.as_str(), kept.text().as_str())?;
            }
            DueRecord::Schedule(name, None) => {
                schedules.remove(name.as_str())?;
            }
        }
    }
    Ok(())
}

fn read(database: &Database) -> Result<LeftDue, redb::Error> {
    let transaction = database.begin_read()?;
    let mut left = LeftDue::default();
    for entry in transaction.open_table(CALLS)?.iter()? {
        let (id, text) = entry?;
        let kept = KeptCall::read(text.value());
        let id = Uuid::from_u128(id.value());
        left.calls.extend(kept.map(|kept| (id, kept)));
    }
    for entry in transaction.open_table(SCHEDULES)?.iter()? {
        let (name, text) = entry?;
        let kept = KeptSchedule::read(text.value());
        let name = name.value().to_owned();
        left.schedules.extend(kept.map(|kept| (name, kept)));
    }
    Ok(left)
}
