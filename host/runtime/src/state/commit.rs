//! Writing changes of several calls in one transaction of the file.
//!
//! Why: docs/decisions/65-commits-are-ordered-before-they-are-forced.md

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use redb::{Database, WriteTransaction};

use super::answers::{AnswerIndex, AnswerRecords, Totals};
use super::effects::{self, EffectQueue};
use super::file::{File, OpenState, guarded};
use super::outbox::OutboxIndex;
use super::pending::{Layer, lost};
use super::writer::Job;
use super::{StoreError, VALUES};
use crate::failpoint::{self, Step};

/// What the thread that commits works with.
pub(super) struct CommitContext {
    pub(super) file: Arc<File>,
    pub(super) index: Arc<AnswerIndex>,
    pub(super) effects: Arc<EffectQueue>,
    pub(super) outbox: Arc<OutboxIndex>,
    /// The most bytes of keys and values.
    pub(super) state_bytes: u64,
    /// The most bytes of published answers.
    pub(super) answers_bytes: u64,
}

impl CommitContext {
    /// Returns the layer above the file that is open.
    pub(super) fn layer(&self) -> Result<Arc<Layer>, StoreError> {
        let layer = guarded(|| self.file.layer());
        layer.map_err(StoreError::new)
    }

    /// Forces the changes of several calls to the disk, all or none of them.
    pub(super) fn commit(&self, jobs: Vec<Job>) {
        let OpenState { database, layer } = match guarded(|| self.file.state()) {
            Ok(state) => state,
            Err(error) => return end_all(jobs, &Err(StoreError::new(error))),
        };
        // Those that stood on what was lost are for a file that is no longer open.
        let (mut jobs, lost_ones): (Vec<_>, _) =
            jobs.into_iter().partition(|job| job.is_on(&layer));
        end_all(lost_ones, &Err(lost()));
        let Some(last) = jobs.last().map(|job| job.numbers.commits) else {
            return;
        };
        self.effects.settle(&database);
        let n_effects = jobs.iter().filter(|job| job.changes.effects.is_some());
        let places = self.effects.places(n_effects.count());
        let written = if jobs.iter().all(|job| job.changes.is_empty()) {
            Ok(())
        } else {
            self.write_together(&database, &mut jobs, places.clone())
        };
        // Nobody can open the file anew as long as this is there.
        drop(database);
        match &written {
            Ok(()) => {
                if let Ok(mut pending) = layer.lock() {
                    pending.forced(last);
                }
            }
            // After an error redb refuses everything until the file is opened anew.
            Err(_) => self.file.close(),
        }
        // Before anybody learns that their calls have ended.
        let effects = jobs.iter_mut().filter_map(|job| job.changes.effects.take());
        self.effects
            .written(places, effects.collect(), written.is_ok());
        end_all(jobs, &written.map_err(StoreError::new));
    }

    /// Takes records of effects out that nobody needs any more, where no call comes that does so.
    pub(super) fn forget_done(&self) {
        if !self.effects.has_done() {
            return;
        }
        let database = guarded(|| self.file.database());
        let forgotten = database.and_then(|database| self.write_together(&database, &mut [], 0..0));
        if let Err(error) = forgotten {
            tracing::debug!("what calls have done is not forgotten yet: {error}");
            self.file.close();
        }
    }

    /// Writes what several calls changed, with the records of their effects in these places.
    fn write_together(
        &self,
        database: &Database,
        jobs: &mut [Job],
        places: Range<u64>,
    ) -> Result<(), redb::Error> {
        // Taken before anything is written: a new answer may have the address of an old one,
        // and it is the old one that was published.
        let published = self.index.take_published();
        let done = self.effects.take_done();
        let answers = jobs.iter().filter_map(|job| job.changes.answer.as_ref());
        let added = answers.map(|answer| answer.address().to_owned()).collect();
        let attempt = || {
            let transaction = database.begin_write()?;
            for job in jobs.iter_mut() {
                for extra in std::mem::take(&mut job.changes.extras) {
                    extra(&transaction)?;
                }
            }
            let totals = self.write_answers(&transaction, jobs, &published)?;
            write_values(&transaction, jobs)?;
            let new = jobs.iter().filter_map(|job| job.changes.effects.as_deref());
            effects::write(&transaction, &done, places.clone().zip(new))?;
            failpoint::reach(Step::BeforeCommit, "");
            transaction.commit()?;
            failpoint::reach(Step::AfterCommit, "");
            Ok(totals)
        };
        let result = guarded(attempt);
        match &result {
            Ok(totals) => {
                if let Some(totals) = totals {
                    self.index.committed(*totals, added);
                }
                self.outbox.committed();
            }
            // The disk may have failed before or after the commit took hold. The notes are
            // made once more, and the answers taken for kept: a look into the file decides.
            Err(_) => {
                self.index.put_back(published);
                self.index.failed(added);
                self.effects.are_done(done);
                self.outbox.failed();
            }
        }
        result.map(drop)
    }

    /// Writes what is to be kept of answers, and returns what all take, if there is anything to
    /// write: most events and calls have no answer to keep.
    fn write_answers(
        &self,
        transaction: &WriteTransaction,
        jobs: &[Job],
        published: &[String],
    ) -> Result<Option<Totals>, redb::Error> {
        let has_some = |job: &Job| job.changes.answer.is_some() || job.changes.forget.is_some();
        if published.is_empty() && !jobs.iter().any(has_some) {
            return Ok(None);
        }
        let mut records = AnswerRecords::open(transaction)?;
        for address in published {
            records.publish(address)?;
        }
        for job in jobs {
            if let Some(answer) = &job.changes.answer {
                records.insert(answer)?;
            }
            if let Some(now) = job.changes.forget {
                records.forget_ended(now)?;
            }
        }
        records.keep_within(self.answers_bytes)?;
        Ok(Some(records.close()?))
    }
}

fn end_all(jobs: Vec<Job>, result: &Result<(), StoreError>) {
    for job in jobs {
        job.end(result.clone());
    }
}

/// Writes the last value of each key, and the numbers after it.
fn write_values(transaction: &WriteTransaction, jobs: &[Job]) -> Result<(), redb::Error> {
    let mut latest = BTreeMap::new();
    for job in jobs {
        for (key, write) in &job.changes.touched.writes {
            latest.insert(key.as_str(), (job.numbers.commits, &write.value));
        }
    }
    let Some(last) = jobs.last().filter(|_| !latest.is_empty()) else {
        return Ok(());
    };
    let mut values = transaction.open_table(VALUES)?;
    for (key, (commit, value)) in latest {
        match value {
            Some(value) => values.insert(key, (commit, value.as_slice()))?,
            None => values.remove(key)?,
        };
    }
    last.numbers.write(transaction)
}
