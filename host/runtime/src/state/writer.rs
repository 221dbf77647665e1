//! The one thread that commits, while there is something to commit.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redb::{ReadableTable, Table, WriteTransaction};
use syft_protocol::timestamp::Timestamp;
use tokio::sync::oneshot;

use super::answers::{AnswerIndex, AnswerRecord, AnswerRecords};
use super::file::{File, guarded};
use super::snapshot::{ABSENT, Version};
use super::{COMMITS, KEYS_CHANGED, NUMBERS, StoreError, USED_BYTES, VALUES};
use crate::failpoint::{self, Step};

/// Calls whose changes share a transaction at most.
const MAX_TOGETHER: usize = 256;

/// How long the thread waits for more before it ends. A host with many apps has as many
/// threads as there are apps that write.
const LINGER: Duration = Duration::from_secs(5);

/// What the host changes in tables of its own, together with what a call wrote.
pub(super) type Extra = Box<dyn FnOnce(&WriteTransaction) -> Result<(), redb::Error> + Send>;

/// What a call has read and written.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) reads: BTreeMap<String, Version>,
    /// What it knew of all keys, if it listed them.
    pub(super) keys_changed: Option<u64>,
    pub(super) writes: BTreeMap<String, Option<Vec<u8>>>,
    pub(super) extras: Vec<Extra>,
    /// The answer of the call.
    pub(super) answer: Option<AnswerRecord>,
    /// Answers whose time is over by then are forgotten.
    pub(super) forget: Option<Timestamp>,
}

/// The result of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commit {
    /// All of it is on the disk.
    Done,
    /// Something that the call has read was changed meanwhile. Nothing of it was kept.
    Conflict,
}

struct Job {
    changes: Changes,
    reply: oneshot::Sender<Result<Commit, StoreError>>,
}

/// What the thread that commits works with.
pub(super) struct CommitContext {
    pub(super) file: Arc<File>,
    pub(super) index: Arc<AnswerIndex>,
    /// The most bytes of keys and values.
    pub(super) state_bytes: u64,
    /// The most bytes of published answers.
    pub(super) answers_bytes: u64,
}

/// Hands changes to the thread that commits them, and waits for it to end when dropped.
pub(super) struct Writer {
    context: Arc<CommitContext>,
    committer: Arc<Mutex<CommitThread>>,
}

/// The thread that commits, while there is one.
#[derive(Default)]
struct CommitThread {
    /// Where it takes its work from; `None` once it has stopped waiting for more.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn new(context: CommitContext) -> Self {
        Self {
            context: Arc::new(context),
            committer: Arc::default(),
        }
    }

    /// Writes changes, and returns once they are on the disk.
    pub(super) async fn commit(&self, changes: Changes) -> Result<Commit, StoreError> {
        let (reply, result) = oneshot::channel();
        self.hand_over(Job { changes, reply })?;
        let ended = |_| StoreError::new("the thread that writes it has ended");
        result.await.map_err(ended)?
    }

    fn hand_over(&self, job: Job) -> Result<(), StoreError> {
        // The lock is what keeps a job from being lost: the thread gives up its queue only
        // under it, so a job is either in the queue of a thread that goes on, or given back.
        let mut committer = lock(&self.committer);
        let Some(job) = committer.take(job) else {
            return Ok(());
        };
        // The last thread has ended or is about to. There is never a second one beside it.
        committer.join();
        let (jobs, receiver) = mpsc::channel();
        let (context, place) = (Arc::clone(&self.context), Arc::clone(&self.committer));
        let thread = thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || context.write_all(receiver, &place))
            .map_err(StoreError::new)?;
        (committer.jobs, committer.thread) = (Some(jobs), Some(thread));
        match committer.take(job) {
            None => Ok(()),
            Some(_) => Err(StoreError::new("the thread that writes it has ended")),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut committer = std::mem::take(&mut *lock(&self.committer));
        // Without a sender the thread finishes what it has and ends.
        committer.jobs = None;
        committer.join();
    }
}

impl CommitThread {
    /// Takes a job, or gives it back if there is no thread.
    fn take(&self, job: Job) -> Option<Job> {
        match &self.jobs {
            Some(jobs) => jobs.send(job).err().map(|refused| refused.0),
            None => Some(job),
        }
    }

    /// Waits for the end of a thread that takes no more jobs.
    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes state has panicked");
        }
    }
}

fn lock(committer: &Mutex<CommitThread>) -> MutexGuard<'_, CommitThread> {
    committer.lock().expect("no holder of this lock panics")
}

impl CommitContext {
    /// Writes until no more jobs can come, or none has come for a while.
    fn write_all(&self, jobs: Receiver<Job>, committer: &Mutex<CommitThread>) {
        loop {
            match jobs.recv_timeout(LINGER) {
                Ok(first) => self.write(first, &jobs),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let mut committer = lock(committer);
                    // Jobs are handed over under this lock, so none can come between the
                    // last look and the end of the queue.
                    let Ok(first) = jobs.try_recv() else {
                        committer.jobs = None;
                        return;
                    };
                    drop(committer);
                    self.write(first, &jobs);
                }
            }
        }
    }

    fn write(&self, first: Job, jobs: &Receiver<Job>) {
        let jobs: Vec<Job> = std::iter::once(first)
            .chain(jobs.try_iter().take(MAX_TOGETHER - 1))
            .collect();
        let (changes, replies): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.changes, job.reply)).unzip();
        let results = match self.write_together(changes) {
            Ok(commits) => commits.into_iter().map(Ok).collect(),
            Err(error) => {
                // After an error redb refuses everything until the file is opened anew.
                self.file.close();
                vec![Err(StoreError::new(error)); replies.len()]
            }
        };
        for (reply, result) in replies.into_iter().zip(results) {
            if reply.send(result).is_err() {
                tracing::debug!("nobody waits for a commit any more");
            }
        }
    }

    /// Writes the changes of several calls in one transaction, one after another: each
    /// sees what those before it have changed.
    fn write_together(&self, all: Vec<Changes>) -> Result<Vec<Commit>, redb::Error> {
        // Taken before anything is written: a new answer may have the address of an old one,
        // and it is the old one that was published.
        let published = self.index.take_published();
        let answers = all.iter().filter_map(|changes| changes.answer.as_ref());
        let added = answers.map(|answer| answer.address().to_owned()).collect();
        let attempt = || -> Result<_, redb::Error> {
            let transaction = self.file.database()?.begin_write()?;
            let mut records = AnswerRecords::open(&transaction)?;
            for address in &published {
                records.publish(address)?;
            }
            let commits = all
                .into_iter()
                .map(|changes| write(&transaction, &mut records, self.state_bytes, changes))
                .collect::<Result<Vec<_>, _>>()?;
            records.keep_within(self.answers_bytes)?;
            let totals = records.close()?;
            // A conflict has written nothing. Where all are conflicts, no wait for the disk
            // is spent on the notes alone: they go with the next commit.
            let is_worth_it = commits.contains(&Commit::Done);
            if is_worth_it {
                failpoint::reach(Step::BeforeCommit, "");
                transaction.commit()?;
                failpoint::reach(Step::AfterCommit, "");
            } else {
                transaction.abort()?;
            }
            Ok((commits, is_worth_it.then_some(totals)))
        };
        let result = guarded(attempt);
        match &result {
            Ok((_, Some(totals))) => self.index.committed(*totals, added),
            Ok((_, None)) => self.index.put_back(published),
            // The disk may have failed before or after the commit took hold. The notes are
            // made once more, and the answers taken for kept: a look into the file decides.
            Err(_) => {
                self.index.put_back(published);
                self.index.failed(added);
            }
        }
        result.map(|(commits, _)| commits)
    }
}

fn write(
    transaction: &WriteTransaction,
    records: &mut AnswerRecords<'_>,
    quota: u64,
    changes: Changes,
) -> Result<Commit, redb::Error> {
    let Some(()) = write_values(transaction, quota, &changes)? else {
        return Ok(Commit::Conflict);
    };
    for extra in changes.extras {
        extra(transaction)?;
    }
    if let Some(answer) = changes.answer {
        records.insert(&answer)?;
    }
    if let Some(now) = changes.forget {
        records.forget_ended(now)?;
    }
    Ok(Commit::Done)
}

/// Writes what a call wrote; `None` if that is in conflict with what is there.
///
/// A call has read a snapshot, and others may have committed since. It is as if it ran alone
/// only if each value that it read still has the version that it saw, and if it listed keys, no
/// key was made or deleted.
fn write_values(
    transaction: &WriteTransaction,
    quota: u64,
    changes: &Changes,
) -> Result<Option<()>, redb::Error> {
    if changes.writes.is_empty() {
        return Ok(Some(()));
    }
    let mut values = transaction.open_table(VALUES)?;
    let mut numbers = transaction.open_table(NUMBERS)?;
    let number = |numbers: &Table<'_, &str, u64>, name| -> Result<u64, redb::Error> {
        Ok(numbers.get(name)?.map_or(0, |number| number.value()))
    };
    let keys_changed = number(&numbers, KEYS_CHANGED)?;
    if changes
        .keys_changed
        .is_some_and(|seen| seen != keys_changed)
    {
        return Ok(None);
    }
    for (key, seen) in &changes.reads {
        let found = values.get(key.as_str())?;
        if found.map_or(ABSENT, |found| found.value().0) != *seen {
            return Ok(None);
        }
    }
    let used = number(&numbers, USED_BYTES)?;
    let growth = growth(&values, changes)?;
    let used_after = used.saturating_add_signed(growth.bytes);
    if growth.bytes > 0 && used_after > quota {
        // Others have used the quota up meanwhile. The call runs again alone, and learns of it
        // where it writes.
        return Ok(None);
    }
    let commit = number(&numbers, COMMITS)? + 1;
    for (key, value) in &changes.writes {
        match value {
            Some(value) => values.insert(key.as_str(), (commit, value.as_slice()))?,
            None => values.remove(key.as_str())?,
        };
    }
    numbers.insert(COMMITS, commit)?;
    numbers.insert(USED_BYTES, used_after)?;
    if growth.changes_keys {
        numbers.insert(KEYS_CHANGED, commit)?;
    }
    Ok(Some(()))
}

struct Growth {
    bytes: i64,
    changes_keys: bool,
}

/// Returns by how much changes change the whole.
fn growth(
    values: &Table<'_, &str, (u64, &[u8])>,
    changes: &Changes,
) -> Result<Growth, redb::Error> {
    let mut growth = Growth {
        bytes: 0,
        changes_keys: false,
    };
    for (key, value) in &changes.writes {
        let before = values.get(key.as_str())?.map(|found| found.value().1.len());
        let after = value.as_ref().map(Vec::len);
        let used = |size: Option<usize>| size.map_or(0, |size| (key.len() + size) as i64);
        growth.bytes += used(after) - used(before);
        growth.changes_keys |= before.is_some() != after.is_some();
    }
    Ok(growth)
}
