//! The state at one moment.

use std::ops::Bound;

use redb::{ReadOnlyTable, ReadableDatabase};

use super::file::{File, guarded};
use super::{KEYS_CHANGED, NUMBERS, StoreError, USED_BYTES, VALUES};

/// The state as it was when a call first asked for it.
pub(super) struct Snapshot {
    values: ReadOnlyTable<&'static str, (u64, &'static [u8])>,
    pub(super) keys_changed: u64,
    pub(super) used_bytes: u64,
}

/// A value, with the number of the commit that wrote it. Commits count from 1, so
/// that 0 stands for a value that is not there.
pub(super) type Version = u64;
pub(super) const ABSENT: Version = 0;

impl Snapshot {
    pub(super) fn take(file: &File) -> Result<Self, StoreError> {
        let take = || -> Result<Self, redb::Error> {
            let transaction = file.database()?.begin_read()?;
            let numbers = transaction.open_table(NUMBERS)?;
            let number = |name| -> Result<u64, redb::Error> {
                Ok(numbers.get(name)?.map_or(0, |number| number.value()))
            };
            Ok(Self {
                values: transaction.open_table(VALUES)?,
                keys_changed: number(KEYS_CHANGED)?,
                used_bytes: number(USED_BYTES)?,
            })
        };
        guarded(take).map_err(|error| {
            file.close();
            StoreError::new(error)
        })
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<(Version, Vec<u8>)>, StoreError> {
        let get = || {
            let found = self.values.get(key)?;
            Ok(found.map(|found| {
                let (version, value) = found.value();
                (version, value.to_vec())
            }))
        };
        guarded(get).map_err(StoreError::new)
    }

    /// Returns the bytes of a value, if there is one.
    pub(super) fn size(&self, key: &str) -> Result<Option<usize>, StoreError> {
        let size = || {
            let found = self.values.get(key)?;
            Ok(found.map(|found| found.value().1.len()))
        };
        guarded(size).map_err(StoreError::new)
    }

    /// Returns the first keys behind one, in their order.
    pub(super) fn keys_after(
        &self,
        key: Option<&str>,
        count: usize,
    ) -> Result<Vec<String>, StoreError> {
        let start = key.map_or(Bound::Unbounded, Bound::Excluded);
        let list = || {
            let range = self.values.range::<&str>((start, Bound::Unbounded))?;
            range
                .take(count)
                .map(|entry| Ok(entry?.0.value().to_owned()))
                .collect()
        };
        guarded(list).map_err(StoreError::new)
    }
}
