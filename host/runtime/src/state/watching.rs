//! What is kept of the watches of an app: the files as the app knows them, and events that
//! it failed to take.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use syft_protocol::file_events::{Attempts, FileChange, FileStamp, Record, WatchNumber};
use uuid::Uuid;

use super::file::guarded;
use super::{Session, Store, StoreError};

/// Each watch under its number, as the app defines it.
const WATCHES: TableDefinition<'_, u32, &str> = TableDefinition::new("watches");
/// Each file as a watch delivered it.
const DELIVERED: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("told");
/// Events that failed: how often, and when last.
const ATTEMPTS: TableDefinition<'_, u128, (u32, i64)> = TableDefinition::new("attempts");
/// Events that were given up.
const PARKED: TableDefinition<'_, u128, &str> = TableDefinition::new("parked");

/// All that is kept of watches.
#[derive(Debug, Default)]
pub struct Kept {
    /// The patterns by their numbers.
    pub watches: Vec<(WatchNumber, String)>,
    /// The files as they were when an event of them was delivered last.
    pub delivered: Vec<(WatchNumber, String, FileStamp)>,
    /// Of events that failed.
    pub attempts: Vec<(Uuid, Attempts)>,
    /// Events that were given up, as JSON.
    pub parked: Vec<(Uuid, String)>,
}

impl Store {
    /// Returns what is kept of watches.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn watches(&self) -> Result<Kept, StoreError> {
        let read = || read(&*self.file.database()?);
        guarded(read).map_err(StoreError::new)
    }

    /// Keeps records.
    ///
    /// # Errors
    /// They cannot be written. None of them was kept.
    pub async fn record(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.write(Box::new(move |transaction| write(transaction, records)))
            .await
    }
}

impl Session {
    /// Has records of an event kept together with what the call wrote, or not at all. Without
    /// them the event is delivered again.
    pub fn also_record(&mut self, records: Vec<Record>) {
        self.comes_again();
        self.also(Box::new(move |transaction| write(transaction, records)));
    }
}

pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(WATCHES)?;
    transaction.open_table(DELIVERED)?;
    transaction.open_table(ATTEMPTS)?;
    transaction.open_table(PARKED)?;
    Ok(())
}

/// Opens the table of each record anew: most events have one, and each table that is open costs.
fn write(transaction: &WriteTransaction, records: Vec<Record>) -> Result<(), redb::Error> {
    let delivered = || transaction.open_table(DELIVERED);
    let attempts = || transaction.open_table(ATTEMPTS);
    for record in records {
        match record {
            Record::Watch(number, text) => {
                let mut watches = transaction.open_table(WATCHES)?;
                watches.insert(number, text.as_str())?;
            }
            Record::NoWatch(number) => {
                transaction.open_table(WATCHES)?.remove(number)?;
                delivered()?.retain_in((number, "")..(number + 1, ""), |_, _| false)?;
            }
            Record::Delivered(number, FileChange { path, stamp }) => {
                let (key, mut delivered) = ((number, &*path), delivered()?);
                match stamp {
                    Some(stamp) => delivered.insert(key, stamp.to_bytes().as_slice())?,
                    None => delivered.remove(key)?,
                };
            }
            Record::Attempts(id, Some(Attempts { n_failed, at })) => {
                attempts()?.insert(id.as_u128(), (n_failed, at))?;
            }
            Record::Attempts(id, None) => {
                attempts()?.remove(id.as_u128())?;
            }
            Record::Parked(id, Some(event)) => {
                let mut parked = transaction.open_table(PARKED)?;
                parked.insert(id.as_u128(), event.text().as_str())?;
            }
            Record::Parked(id, None) => {
                transaction.open_table(PARKED)?.remove(id.as_u128())?;
            }
        }
    }
    Ok(())
}

fn read(database: &Database) -> Result<Kept, redb::Error> {
    let transaction = database.begin_read()?;
    let mut kept = Kept::default();
    for entry in transaction.open_table(WATCHES)?.iter()? {
        let (number, text) = entry?;
        kept.watches.push((number.value(), text.value().to_owned()));
    }
    for entry in transaction.open_table(DELIVERED)?.iter()? {
        let (key, stamp) = entry?;
        let (number, path) = key.value();
        // A stamp that another version of the host wrote is ignored.
        if let Some(stamp) = FileStamp::from_bytes(stamp.value()) {
            kept.delivered.push((number, path.to_owned(), stamp));
        }
    }
    for entry in transaction.open_table(ATTEMPTS)?.iter()? {
        let (id, value) = entry?;
        let (n_failed, at) = value.value();
        let id = Uuid::from_u128(id.value());
        kept.attempts.push((id, Attempts { n_failed, at }));
    }
    for entry in transaction.open_table(PARKED)?.iter()? {
        let (id, text) = entry?;
        let id = Uuid::from_u128(id.value());
        kept.parked.push((id, text.value().to_owned()));
    }
    Ok(kept)
}
