//! Writing changes of several calls in one transaction of the file.
//!
//! Why: docs/decisions/65-commits-are-ordered-before-they-are-forced.md

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::{Database, WriteTransaction};

use super::answers::{AnswerIndex, AnswerRecords};
use super::effects::{self, EffectRecords};
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
    pub(super) effects: Arc<EffectRecords>,
    pub(super) outbox: Arc<OutboxIndex>,
    /// The most bytes of keys and values.
    pub(super) state_bytes: u64,
    /// The most bytes of published answers.
    pub(super) answers_bytes: u64,
}

impl CommitContext {
    /// Returns the layer above the file that is open.
    pub(super) fn layer(&self) -> Result<Arc<Layer>, StoreError> {
        let state = guarded(|| self.file.state());
        Ok(state.map_err(StoreError::new)?.layer)
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
        let written = self.write_together(&database, &mut jobs);
        // Nobody can open the file anew as long as this is there.
        drop(database);
        match &written {
            Ok(places) => {
                if let Ok(mut pending) = layer.lock() {
                    pending.forced(last);
                }
                self.do_effects(&mut jobs, places);
            }
            // After an error redb refuses everything until the file is opened anew.
            Err(_) => {
                self.file.close();
                // They may have been kept all the same.
                for job in &mut jobs {
                    if let Some(effects) = job.changes.effects.take() {
                        effects.leave();
                    }
                }
            }
        }
        end_all(jobs, &written.map(drop).map_err(StoreError::new));
    }

    /// Does what calls change outside of the state, before anybody learns that they have ended.
    fn do_effects(&self, jobs: &mut [Job], places: &[u64]) {
        let effects = jobs.iter_mut().filter_map(|job| job.changes.effects.take());
        for (effects, place) in effects.zip(places) {
            if effects.apply() {
                self.effects.are_done(&[*place]);
            }
        }
    }

    /// Returns the places that the effects of calls have in the records.
    fn write_together(
        &self,
        database: &Database,
        jobs: &mut [Job],
    ) -> Result<Vec<u64>, redb::Error> {
        if jobs.iter().all(|job| job.changes.is_empty()) {
            return Ok(Vec::new());
        }
        // Taken before anything is written: a new answer may have the address of an old one,
        // and it is the old one that was published.
        let published = self.index.take_published();
        let done = self.effects.take_done();
        let answers = jobs.iter().filter_map(|job| job.changes.answer.as_ref());
        let added = answers.map(|answer| answer.address().to_owned()).collect();
        let attempt = || {
            let transaction = database.begin_write()?;
            let mut records = AnswerRecords::open(&transaction)?;
            for address in &published {
                records.publish(address)?;
            }
            for job in jobs.iter_mut() {
                write_of_host(&transaction, &mut records, job)?;
            }
            write_values(&transaction, jobs)?;
            let numbers = jobs.iter().filter_map(|job| job.changes.effects.as_ref());
            let numbers = numbers.map(|effects| effects.number()).collect();
            let places = effects::write(&transaction, &done, numbers)?;
            records.keep_within(self.answers_bytes)?;
            let totals = records.close()?;
            failpoint::reach(Step::BeforeCommit, "");
            transaction.commit()?;
            failpoint::reach(Step::AfterCommit, "");
            Ok((totals, places))
        };
        let result = guarded(attempt);
        match &result {
            Ok((totals, _)) => {
                self.index.committed(*totals, added);
                self.outbox.committed();
            }
            // The disk may have failed before or after the commit took hold. The notes are
            // made once more, and the answers taken for kept: a look into the file decides.
            Err(_) => {
                self.index.put_back(published);
                self.index.failed(added);
                self.effects.are_done(&done);
                self.outbox.failed();
            }
        }
        result.map(|(_, places)| places)
    }
}

fn end_all(jobs: Vec<Job>, result: &Result<(), StoreError>) {
    for job in jobs {
        job.end(result.clone());
    }
}

/// Writes what the host keeps together with a call.
fn write_of_host(
    transaction: &WriteTransaction,
    records: &mut AnswerRecords<'_>,
    job: &mut Job,
) -> Result<(), redb::Error> {
    for extra in std::mem::take(&mut job.changes.extras) {
        extra(transaction)?;
    }
    if let Some(answer) = &job.changes.answer {
        records.insert(answer)?;
    }
    if let Some(now) = job.changes.forget {
        records.forget_ended(now)?;
    }
    Ok(())
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
