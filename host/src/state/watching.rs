//! What is kept of the watches of an app: what it was told of files, and events that
//! it would not take.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use syft_protocol::file_events::{FileChange, FileStamp};
use uuid::Uuid;

use super::file::guarded;
use super::{Session, Store, StoreError};

/// Each watch under its number, as the app defines it.
const WATCHES: TableDefinition<'_, u32, &str> = TableDefinition::new("watches");
/// What a watch was told of each file.
const TOLD: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("told");
/// Events that failed: how often, and when last.
const ATTEMPTS: TableDefinition<'_, u128, (u32, i64)> = TableDefinition::new("attempts");
/// Events that were given up.
const PARKED: TableDefinition<'_, u128, &str> = TableDefinition::new("parked");

/// The number of a watch, for as long as the app has it.
pub(crate) type WatchNumber = u32;

/// How often an event failed, and when last, in microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempts {
    pub(crate) n_failed: u32,
    pub(crate) at: i64,
}

/// A change of what is kept.
#[derive(Debug, Clone)]
pub(crate) enum Note {
    /// There is a watch.
    Watch(WatchNumber, String),
    /// There is no such watch any more, and nothing that it was told.
    NoWatch(WatchNumber),
    /// A watch was told of a file.
    Told(WatchNumber, FileChange),
    /// An event failed, or is over.
    Attempts(Uuid, Option<Attempts>),
    /// An event was given up, or is no longer kept.
    Parked(Uuid, Option<String>),
}

/// All that is kept of watches.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) watches: Vec<(WatchNumber, String)>,
    pub(crate) told: Vec<(WatchNumber, String, FileStamp)>,
    pub(crate) attempts: Vec<(Uuid, Attempts)>,
    pub(crate) parked: Vec<(Uuid, String)>,
}

impl Store {
    /// Returns what is kept of watches.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn watches(&self) -> Result<Kept, StoreError> {
        let read = || read(&*self.file.database()?);
        guarded(read).map_err(StoreError::new)
    }

    /// Keeps notes.
    ///
    /// # Errors
    /// They cannot be written. None of them was kept.
    pub(crate) async fn note(&self, notes: Vec<Note>) -> Result<(), StoreError> {
        self.write(Box::new(move |transaction| write(transaction, notes)))
            .await
    }
}

impl Session {
    /// Has notes kept together with what the call wrote, or not at all.
    pub(crate) fn also_note(&mut self, notes: Vec<Note>) {
        self.also(Box::new(move |transaction| write(transaction, notes)));
    }
}

pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(WATCHES)?;
    transaction.open_table(TOLD)?;
    transaction.open_table(ATTEMPTS)?;
    transaction.open_table(PARKED)?;
    Ok(())
}

fn write(transaction: &WriteTransaction, notes: Vec<Note>) -> Result<(), redb::Error> {
    let mut watches = transaction.open_table(WATCHES)?;
    let mut told = transaction.open_table(TOLD)?;
    let mut attempts = transaction.open_table(ATTEMPTS)?;
    let mut parked = transaction.open_table(PARKED)?;
    for note in notes {
        match note {
            Note::Watch(number, text) => {
                watches.insert(number, text.as_str())?;
            }
            Note::NoWatch(number) => {
                watches.remove(number)?;
                told.retain_in((number, "")..(number + 1, ""), |_, _| false)?;
            }
            Note::Told(number, FileChange { path, stamp }) => {
                let key = (number, &*path);
                match stamp {
                    Some(stamp) => told.insert(key, stamp.to_bytes().as_slice())?,
                    None => told.remove(key)?,
                };
            }
            Note::Attempts(id, Some(it)) => {
                attempts.insert(id.as_u128(), (it.n_failed, it.at))?;
            }
            Note::Attempts(id, None) => {
                attempts.remove(id.as_u128())?;
            }
            Note::Parked(id, Some(text)) => {
                parked.insert(id.as_u128(), text.as_str())?;
            }
            Note::Parked(id, None) => {
                parked.remove(id.as_u128())?;
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
    for entry in transaction.open_table(TOLD)?.iter()? {
        let (key, stamp) = entry?;
        let (number, path) = key.value();
        // One of another version of the host is as good as none.
        if let Some(stamp) = FileStamp::from_bytes(stamp.value()) {
            kept.told.push((number, path.to_owned(), stamp));
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
