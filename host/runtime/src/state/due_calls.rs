//! Calls that are due, as they are kept until they ran.
//!
//! Why: docs/decisions/84-due-calls-are-kept-until-they-ran.md

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use syft_protocol::due_calls::{DueCall, DueRecord, KeptCall};
use uuid::Uuid;

use super::file::guarded;
use super::{Session, Store, StoreError};

/// Each call under its id.
const CALLS: TableDefinition<'_, u128, &str> = TableDefinition::new("due-calls");

impl Store {
    /// Returns the calls that are kept. One that another version of the host wrote and this one
    /// cannot read is passed over.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn due_calls(&self) -> Result<Vec<(Uuid, KeptCall)>, StoreError> {
        let read = || read(&*self.file.database()?);
        guarded(read).map_err(StoreError::new)
    }

    /// Keeps records.
    ///
    /// # Errors
    /// They cannot be written. None of them was kept.
    pub async fn record_due(&self, records: Vec<DueRecord>) -> Result<(), StoreError> {
        self.write(Box::new(move |transaction| write(transaction, records)))
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
    Ok(())
}

fn write(transaction: &WriteTransaction, records: Vec<DueRecord>) -> Result<(), redb::Error> {
    let mut calls = transaction.open_table(CALLS)?;
    for record in records {
        match record {
            DueRecord::Call(id, Some(kept)) => {
                calls.insert(id.as_u128(), kept.text().as_str())?;
            }
            DueRecord::Call(id, None) => {
                calls.remove(id.as_u128())?;
            }
        }
    }
    Ok(())
}

fn read(database: &Database) -> Result<Vec<(Uuid, KeptCall)>, redb::Error> {
    let transaction = database.begin_read()?;
    let mut kept = Vec::new();
    for entry in transaction.open_table(CALLS)?.iter()? {
        let (id, text) = entry?;
        let call = KeptCall::read(text.value());
        kept.extend(call.map(|call| (Uuid::from_u128(id.value()), call)));
    }
    Ok(kept)
}
