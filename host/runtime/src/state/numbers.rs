//! Numbers about all of the state, as they are after a commit.

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    WriteTransaction,
};

/// The numbers, by the names below.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const COMMITS: &str = "commits";
const KEYS_CHANGED: &str = "keys-changed";
const USED_BYTES: &str = "used-bytes";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    /// The commits so far.
    pub(super) commits: u64,
    /// The last commit that made or deleted a key: who lists keys has read it.
    pub(super) keys_changed: u64,
    /// The bytes of all keys and values.
    pub(super) used_bytes: u64,
}

pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(NUMBERS)?;
    Ok(())
}

impl Numbers {
    /// Returns the numbers of a file that was just opened. A new one has no tables yet.
    pub(super) fn of(database: &Database) -> Result<Self, redb::Error> {
        match database.begin_read()?.open_table(NUMBERS) {
            Err(TableError::TableDoesNotExist(_)) => Ok(Self::default()),
            table => Self::from_table(&table?),
        }
    }

    pub(super) fn read(transaction: &ReadTransaction) -> Result<Self, redb::Error> {
        Self::from_table(&transaction.open_table(NUMBERS)?)
    }

    fn from_table(table: &impl ReadableTable<&'static str, u64>) -> Result<Self, redb::Error> {
        let number = |name| -> Result<u64, redb::Error> {
            Ok(table.get(name)?.map_or(0, |number| number.value()))
        };
        Ok(Self {
            commits: number(COMMITS)?,
            keys_changed: number(KEYS_CHANGED)?,
            used_bytes: number(USED_BYTES)?,
        })
    }

    pub(super) fn write(self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut numbers = transaction.open_table(NUMBERS)?;
        numbers.insert(COMMITS, self.commits)?;
        numbers.insert(KEYS_CHANGED, self.keys_changed)?;
        numbers.insert(USED_BYTES, self.used_bytes)?;
        Ok(())
    }
}
