//! The tables of the records, in a transaction.

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use syft_protocol::timestamp::Timestamp;

/// By address: the fingerprint of the request, when the time of the record is over, and the
/// answer.
pub(super) const RECORDS: TableDefinition<'_, &str, (&[u8], i64, &[u8])> =
    TableDefinition::new("answered");

/// By the end of their time, the soonest first: what records take. The end of one that
/// is not known to be published is `NEVER`.
pub(super) const ENDS: TableDefinition<'_, (i64, &str), u64> =
    TableDefinition::new("answered-ends");
pub(super) const NEVER: i64 = i64::MAX;

/// What all records take, by the names below.
const BYTES: TableDefinition<'_, &str, u64> = TableDefinition::new("answered-bytes");
const PUBLISHED: &str = "published";
const WAITING: &str = "waiting";

/// Where the host kept answers before it kept them as records.
const FORMER: TableDefinition<'_, &str, (&[u8], &[u8])> = TableDefinition::new("answers");

/// What a record takes besides its answer and, twice, its address.
const COST_BYTES: usize = 200;

/// AnswerRecords that are forgotten in one transaction.
const FORGOTTEN_TOGETHER: usize = 1_000;

/// The answer of a call that wrote state.
pub(crate) struct AnswerRecord {
    pub(super) address: String,
    pub(super) fingerprint: Vec<u8>,
    /// When its time is over, in microseconds since 1970.
    pub(super) end: i64,
    pub(super) answer: Vec<u8>,
}

impl AnswerRecord {
    pub(in crate::state) fn address(&self) -> &str {
        &self.address
    }

    fn cost(&self) -> u64 {
        (self.answer.len() + 2 * self.address.len() + COST_BYTES) as u64
    }
}

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(super) has_records: bool,
    /// What those take that are not published.
    pub(super) waiting_bytes: u64,
}

pub(in crate::state) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.delete_table(FORMER)?;
    AnswerRecords::open(transaction).map(drop)
}

/// The records in a transaction.
pub(crate) struct AnswerRecords<'a> {
    records: Table<'a, &'static str, (&'static [u8], i64, &'static [u8])>,
    ends: Table<'a, (i64, &'static str), u64>,
    bytes: Table<'a, &'static str, u64>,
    published_bytes: u64,
    waiting_bytes: u64,
}

impl<'a> AnswerRecords<'a> {
    pub(in crate::state) fn open(transaction: &'a WriteTransaction) -> Result<Self, redb::Error> {
        let bytes = transaction.open_table(BYTES)?;
        let read = |name| -> Result<u64, redb::Error> {
            Ok(bytes.get(name)?.map_or(0, |bytes| bytes.value()))
        };
        Ok(Self {
            published_bytes: read(PUBLISHED)?,
            waiting_bytes: read(WAITING)?,
            records: transaction.open_table(RECORDS)?,
            ends: transaction.open_table(ENDS)?,
            bytes,
        })
    }

    /// Writes down what all take, and returns it.
    pub(in crate::state) fn close(mut self) -> Result<Totals, redb::Error> {
        self.bytes.insert(PUBLISHED, self.published_bytes)?;
        self.bytes.insert(WAITING, self.waiting_bytes)?;
        Ok(Totals {
            has_records: self.records.first()?.is_some(),
            waiting_bytes: self.waiting_bytes,
        })
    }

    /// Adds a record, in place of an older one of its address.
    pub(in crate::state) fn insert(&mut self, record: &AnswerRecord) -> Result<(), redb::Error> {
        let address = record.address.as_str();
        let value = (
            record.fingerprint.as_slice(),
            record.end,
            record.answer.as_slice(),
        );
        let older = self.records.insert(address, value)?;
        if let Some(end) = older.map(|older| older.value().1)
            && self.leave(NEVER, address)?.is_none()
        {
            self.leave(end, address)?;
        }
        self.enter(NEVER, address, record.cost())
    }

    /// Notes that an answer lies beside its request. From now on its time can be over.
    pub(in crate::state) fn publish(&mut self, address: &str) -> Result<(), redb::Error> {
        let found = self.records.get(address)?.map(|found| found.value().1);
        if let Some(end) = found
            && let Some(cost) = self.leave(NEVER, address)?
        {
            self.enter(end, address, cost)?;
        }
        Ok(())
    }

    /// Forgets records whose time is over.
    pub(in crate::state) fn forget_ended(&mut self, now: Timestamp) -> Result<(), redb::Error> {
        for _ in 0..FORGOTTEN_TOGETHER {
            match self.first()? {
                Some((end, address)) if end <= now.micros() => self.forget(end, &address)?,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Forgets the published records whose time is over soonest, until the others take
    /// no more than this.
    pub(in crate::state) fn keep_within(&mut self, bytes: u64) -> Result<(), redb::Error> {
        while self.published_bytes > bytes
            && let Some((end, address)) = self.first()?
        {
            self.forget(end, &address)?;
        }
        Ok(())
    }

    /// Returns the published record whose time is over soonest.
    fn first(&self) -> Result<Option<(i64, String)>, redb::Error> {
        let first = self.ends.first()?;
        let first = first.map(|(key, _)| (key.value().0, key.value().1.to_owned()));
        Ok(first.filter(|(end, _)| *end != NEVER))
    }

    fn forget(&mut self, end: i64, address: &str) -> Result<(), redb::Error> {
        self.leave(end, address)?;
        self.records.remove(address)?;
        Ok(())
    }

    fn enter(&mut self, end: i64, address: &str, cost: u64) -> Result<(), redb::Error> {
        self.ends.insert((end, address), cost)?;
        *self.bytes_until(end) += cost;
        Ok(())
    }

    /// Takes an end out, and returns what its record takes.
    fn leave(&mut self, end: i64, address: &str) -> Result<Option<u64>, redb::Error> {
        let cost = self.ends.remove((end, address))?.map(|cost| cost.value());
        *self.bytes_until(end) -= cost.unwrap_or(0);
        Ok(cost)
    }

    fn bytes_until(&mut self, end: i64) -> &mut u64 {
        match end {
            NEVER => &mut self.waiting_bytes,
            _ => &mut self.published_bytes,
        }
    }
}
