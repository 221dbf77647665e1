//! The state at one moment.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase};

use super::file::{File, OpenState, guarded};
use super::numbers::Numbers;
use super::pending::{ABSENT, Conflict, Layer, PendingValue, PendingValues, Touched, Version};
use super::{StoreError, VALUES};

/// The state as it was when a call first asked for it.
pub(super) struct Snapshot {
    layer: Arc<Layer>,
    /// What lies above the file, and whether that is more than calls should hold on to.
    pending: Arc<PendingValues>,
    pub(super) is_full: bool,
    values: ReadOnlyTable<&'static str, (u64, &'static [u8])>,
    pub(super) numbers: Numbers,
}

impl Snapshot {
    /// Takes one of what is forced to the disk.
    pub(super) fn forced(file: &File) -> Result<Self, StoreError> {
        let take = || {
            let OpenState { database, layer } = file.state()?;
            let transaction = database.begin_read()?;
            let numbers = Numbers::read(&transaction)?;
            let above = (Arc::default(), numbers, false);
            Self::new(layer, above, &transaction)
        };
        guarded(take).map_err(|error| closed_by(file, error))
    }

    /// Takes one of all that is handed over.
    pub(super) fn newest(file: &File) -> Result<Self, StoreError> {
        let OpenState { database, layer } =
            guarded(|| file.state()).map_err(|error| closed_by(file, error))?;
        // Both under the lock: what is pending leaves the layer only once who begins to read
        // finds it in the file, and nothing is handed over meanwhile.
        let pending = layer.lock()?;
        let begun = guarded(|| Ok(database.begin_read()?));
        let above = pending.look();
        drop(pending);
        let take = || Self::new(layer, above, &begun?);
        guarded(take).map_err(|error| closed_by(file, error))
    }

    fn new(
        layer: Arc<Layer>,
        (pending, numbers, is_full): (Arc<PendingValues>, Numbers, bool),
        transaction: &ReadTransaction,
    ) -> Result<Self, redb::Error> {
        Ok(Self {
            layer,
            pending,
            is_full,
            values: transaction.open_table(VALUES)?,
            numbers,
        })
    }

    /// Returns the layer above which the changes of this call go.
    pub(super) fn layer(&self) -> &Arc<Layer> {
        &self.layer
    }

    /// Tells whether there is anything in it that may still be lost.
    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<(Version, Vec<u8>)>, StoreError> {
        if let Some(pending) = self.pending.get(key) {
            let value = pending.value.as_ref();
            return Ok(value.map(|value| (pending.version(), value.to_vec())));
        }
        self.in_file(key, |version, value| (version, value.to_vec()))
    }

    /// Returns the bytes of a value, if there is one.
    pub(super) fn size(&self, key: &str) -> Result<Option<usize>, StoreError> {
        match self.pending.get(key) {
            Some(pending) => Ok(pending.size()),
            None => self.in_file(key, |_, value| value.len()),
        }
    }

    fn version(&self, key: &str) -> Result<Version, StoreError> {
        match self.pending.get(key).map(PendingValue::version) {
            Some(version) => Ok(version),
            None => Ok(self.in_file(key, |version, _| version)?.unwrap_or(ABSENT)),
        }
    }

    fn in_file<T>(
        &self,
        key: &str,
        look: impl FnOnce(Version, &[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let get = || {
            let found = self.values.get(key)?;
            Ok(found.map(|found| {
                let (version, value) = found.value();
                look(version, value)
            }))
        };
        guarded(get).map_err(StoreError::new)
    }

    /// Returns the first keys behind one, in their order.
    pub(super) fn keys_after(
        &self,
        key: Option<&str>,
        count: usize,
    ) -> Result<BTreeSet<String>, StoreError> {
        let start = key.map_or(Bound::Unbounded, Bound::Excluded);
        let range = (start, Bound::Unbounded);
        let list = || {
            let mut keys = BTreeSet::new();
            for entry in self.values.range::<&str>(range)? {
                if keys.len() == count {
                    break;
                }
                let entry = entry?;
                let key = entry.0.value();
                if !self.pending.contains_key(key) {
                    keys.insert(key.to_owned());
                }
            }
            Ok(keys)
        };
        let mut keys = guarded(list).map_err(StoreError::new)?;
        let pending = self.pending.range::<str, _>(range);
        let made = pending.filter(|(_, pending)| pending.value.is_some());
        for (key, _) in made.take(count) {
            keys.insert(key.to_string());
            if keys.len() > count {
                keys.pop_last();
            }
        }
        Ok(keys)
    }

    /// Has a call be as if it had begun at this later moment, if what it has read is the same
    /// here; else it is a conflict.
    pub(super) fn renew(&self, touched: &mut Touched) -> Result<Result<(), Conflict>, StoreError> {
        let listed = touched.keys_changed;
        if listed.is_some_and(|seen| seen != self.numbers.keys_changed) {
            return Ok(Err(Conflict(None)));
        }
        for (key, seen) in &touched.reads {
            if self.version(key)? != *seen {
                return Ok(Err(Conflict(Some(key.clone()))));
            }
        }
        for (key, write) in &mut touched.writes {
            write.before = self.size(key)?;
        }
        touched.at = self.numbers.commits;
        Ok(Ok(()))
    }
}

/// After an error redb refuses everything until the file is opened anew.
fn closed_by(file: &File, error: redb::Error) -> StoreError {
    file.close();
    StoreError::new(error)
}
