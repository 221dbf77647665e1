//! What is held in memory of the records: of those that are published, nothing.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use redb::{Database, ReadableDatabase, ReadableTable};

use super::records::{ENDS, NEVER, RECORDS, Totals};

/// Addresses that are noted as published in one transaction.
pub(super) const NOTED_TOGETHER: usize = 1_000;

/// Which answers are not known to lie beside their requests, and whether there are any
/// records at all.
#[derive(Default)]
pub(crate) struct AnswerIndex {
    addresses: Mutex<Addresses>,
    has_records: AtomicBool,
    waiting_bytes: AtomicU64,
}

#[derive(Default)]
struct Addresses {
    unpublished: HashSet<String>,
    /// Those that are published by now, and not yet noted as such in the file.
    published: BTreeSet<String>,
}

impl AnswerIndex {
    pub(in crate::state) fn read(database: &Database) -> Result<Self, redb::Error> {
        let transaction = database.begin_read()?;
        let (mut unpublished, mut waiting_bytes) = (HashSet::new(), 0);
        for entry in transaction.open_table(ENDS)?.range((NEVER, "")..)? {
            let (key, value) = entry?;
            unpublished.insert(key.value().1.to_owned());
            waiting_bytes += value.value();
        }
        let has_records = transaction.open_table(RECORDS)?.first()?.is_some();
        Ok(Self {
            addresses: Mutex::new(Addresses {
                unpublished,
                published: BTreeSet::new(),
            }),
            has_records: AtomicBool::new(has_records),
            waiting_bytes: AtomicU64::new(waiting_bytes),
        })
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.addresses
            .lock()
            .expect("no holder of this lock panics")
    }

    /// Tells whether there is no record.
    pub(in crate::state) fn is_empty(&self) -> bool {
        !self.has_records.load(Ordering::Acquire)
    }

    /// Returns what the answers take that are not published.
    pub(in crate::state) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes.load(Ordering::Acquire)
    }

    pub(in crate::state) fn unpublished(&self) -> Vec<String> {
        self.addresses().unpublished.iter().cloned().collect()
    }

    pub(in crate::state) fn publish(&self, address: &str) {
        let mut addresses = self.addresses();
        if let Some(address) = addresses.unpublished.take(address) {
            addresses.published.insert(address);
        }
    }

    /// Returns how many were published and not yet noted as such.
    pub(in crate::state) fn n_to_note(&self) -> usize {
        self.addresses().published.len()
    }

    /// Returns some of what was published, to be noted.
    pub(in crate::state) fn take_published(&self) -> Vec<String> {
        let mut addresses = self.addresses();
        std::iter::from_fn(|| addresses.published.pop_first())
            .take(NOTED_TOGETHER)
            .collect()
    }

    pub(in crate::state) fn put_back(&self, published: Vec<String>) {
        self.addresses().published.extend(published);
    }

    /// Takes note of a transaction, with the addresses of which it has added records.
    pub(in crate::state) fn committed(&self, totals: Totals, added: Vec<String>) {
        self.add(added);
        let Totals {
            has_records,
            waiting_bytes,
        } = totals;
        self.has_records.store(has_records, Ordering::Release);
        self.waiting_bytes.store(waiting_bytes, Ordering::Release);
    }

    /// Takes note that a transaction failed. What it would have added may be there.
    pub(in crate::state) fn failed(&self, added: Vec<String>) {
        self.add(added);
        self.has_records.store(true, Ordering::Release);
    }

    fn add(&self, added: Vec<String>) {
        let mut addresses = self.addresses();
        for address in added {
            addresses.published.remove(&address);
            addresses.unpublished.insert(address);
        }
    }
}
