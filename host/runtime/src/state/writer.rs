//! Handing changes over, and committing them: where nothing else of the app is under way, whoever
//! handed them over does it, without a change of threads; else a thread, which takes what many have
//! handed over together.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redb::WriteTransaction;
use syft_protocol::timestamp::Timestamp;
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::StoreError;
use super::answers::AnswerRecord;
use super::commit::CommitContext;
use super::effects::Effects;
use super::numbers::Numbers;
use super::pending::{Conflict, Layer, NotTaken, Touched};
use super::snapshot::Snapshot;
use crate::failpoint::{self, Step};

/// Calls whose changes share a transaction at most.
const MAX_TOGETHER: usize = 256;

/// How long the thread waits for more before it ends. A host with many apps has as many
/// threads as there are apps that write.
const LINGER: Duration = Duration::from_secs(5);

/// How often the file is asked what has changed since a call began. More than once only where
/// others hand over and force changes while it is asked.
const MAX_RENEWALS: usize = 3;

/// What the host changes in tables of its own, together with what a call wrote.
pub(super) type Extra = Box<dyn FnOnce(&WriteTransaction) -> Result<(), redb::Error> + Send>;

/// What a call has read and written, and what the host keeps with it.
#[derive(Default)]
pub(super) struct Changes {
    /// The layer on which the call stood, if it looked at the state.
    pub(super) layer: Option<Arc<Layer>>,
    pub(super) touched: Touched,
    pub(super) extras: Vec<Extra>,
    /// What the call changes outside of the state.
    pub(super) effects: Option<Box<dyn Effects>>,
    /// If they are not kept, the call is made again, and the state has no part in what it does.
    pub(super) comes_again: bool,
    /// The answer of the call.
    pub(super) answer: Option<AnswerRecord>,
    /// Answers whose time is over by then are forgotten.
    pub(super) forget: Option<Timestamp>,
    /// Which answers are published is noted, even where there is nothing else to write.
    pub(super) note_published: bool,
}

/// What came of handing changes over.
pub(super) enum HandedOver {
    /// They have their place in the order of all changes. They will be kept, unless the disk
    /// fails.
    Taken(Forcing),
    /// Nothing of them is kept.
    Conflict(Conflict),
}

/// Who commits changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committer {
    /// Who hands them over, if nothing waits to be committed.
    Here,
    /// The thread, which commits several together.
    Thread,
}

/// Changes on their way to the disk.
pub(super) struct Forcing {
    /// Committed by who waits for them.
    here: Option<CommitHere>,
    result: oneshot::Receiver<Result<(), StoreError>>,
}

/// A commit by who handed the changes over.
struct CommitHere {
    job: Job,
    context: Arc<CommitContext>,
    committer: Arc<Mutex<CommitThread>>,
    turn: OwnedMutexGuard<()>,
}

/// Changes in the queue of the thread that commits.
pub(super) struct Job {
    place: Place,
    /// With the changes, and all that were handed over before them.
    pub(super) numbers: Numbers,
    pub(super) changes: Changes,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// The place of changes in a layer. Where it is given up before they are forced, by whatever
/// way, the layer is lost: others may stand on them.
struct Place {
    layer: Arc<Layer>,
    is_forced: bool,
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
    /// How many jobs it has that are not committed.
    n_jobs: usize,
    /// Held by who commits.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Changes {
    /// Tells whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        let is_any = self.answer.is_some() || self.forget.is_some() || self.note_published;
        let has_more = !self.extras.is_empty() || self.effects.is_some();
        !is_any && !has_more && self.touched.writes.is_empty()
    }
}

impl HandedOver {
    /// Returns changes that nothing can have come between.
    pub(super) fn surely(self) -> Result<Forcing, StoreError> {
        match self {
            Self::Taken(forcing) => Ok(forcing),
            Self::Conflict(_) => Err(StoreError::new("a call that ran alone met other changes")),
        }
    }
}

impl Forcing {
    /// Waits until they are on the disk, and all on which they stand.
    pub(super) async fn wait(self) -> Result<(), StoreError> {
        if let Some(here) = self.here {
            here.commit();
        }
        self.result.await.map_err(|_| thread_ended())?
    }
}

impl CommitHere {
    fn commit(self) {
        self.context.commit(vec![self.job]);
        drop(self.turn);
        if self.context.effects.has_done() {
            // It takes the records out if no other call comes that does.
            let started = lock(&self.committer).start(&self.context, &self.committer);
            if let Err(error) = started {
                tracing::debug!("what a call has done is not forgotten yet: {error}");
            }
        }
    }
}

impl Job {
    pub(super) fn is_on(&self, layer: &Arc<Layer>) -> bool {
        Arc::ptr_eq(&self.place.layer, layer)
    }

    /// Tells who waits for it.
    pub(super) fn end(mut self, result: Result<(), StoreError>) {
        self.place.is_forced = result.is_ok();
        drop(self.place);
        if self.reply.send(result).is_err() {
            tracing::debug!("nobody waits for a commit any more");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_forced {
            self.layer.lose();
        }
    }
}

impl Writer {
    pub(super) fn new(context: CommitContext) -> Self {
        Self {
            context: Arc::new(context),
            committer: Arc::default(),
        }
    }

    /// Writes changes of the host, and returns once they are on the disk, with all that was
    /// handed over before them.
    pub(super) async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        let handed_over = self.hand_over(changes, Committer::Thread)?;
        handed_over.surely()?.wait().await
    }

    /// Puts changes behind all others, if nothing that the call has read was changed meanwhile.
    /// From then on others can stand on them.
    pub(super) fn hand_over(
        &self,
        mut changes: Changes,
        committer: Committer,
    ) -> Result<HandedOver, StoreError> {
        let layer = match &changes.layer {
            Some(layer) => Arc::clone(layer),
            None => self.context.layer()?,
        };
        for _ in 0..=MAX_RENEWALS {
            let mut pending = layer.lock()?;
            let reason = match pending.take(&changes.touched, self.context.state_bytes) {
                Ok(numbers) => {
                    // Still under the lock: the queue has the order of the layer.
                    let forcing = self.enqueue(layer.clone(), numbers, changes, committer)?;
                    drop(pending);
                    failpoint::reach(Step::HandedOver, "");
                    return Ok(HandedOver::Taken(forcing));
                }
                Err(reason) => reason,
            };
            drop(pending);
            let renewed = match reason {
                NotTaken::Conflict(conflict) => Err(conflict),
                NotTaken::Stale => {
                    Snapshot::newest(&self.context.file)?.renew(&mut changes.touched)?
                }
            };
            if let Err(conflict) = renewed {
                return Ok(HandedOver::Conflict(conflict));
            }
        }
        Ok(HandedOver::Conflict(Conflict(None)))
    }

    /// Puts a job into the queue of the thread, or leaves it to who hands it over.
    fn enqueue(
        &self,
        layer: Arc<Layer>,
        numbers: Numbers,
        changes: Changes,
        committer: Committer,
    ) -> Result<Forcing, StoreError> {
        let (reply, result) = oneshot::channel();
        let place = Place {
            layer,
            is_forced: false,
        };
        let job = Job {
            place,
            numbers,
            changes,
            reply,
        };
        // The lock is what keeps a job from being lost: the thread gives up its queue only
        // under it, so a job is either in the queue of a thread that goes on, or given back.
        let mut thread = lock(&self.committer);
        let turn = match committer {
            Committer::Here => thread.turn(),
            Committer::Thread => None,
        };
        let here = match turn {
            Some(turn) => Some(CommitHere {
                job,
                context: Arc::clone(&self.context),
                committer: Arc::clone(&self.committer),
                turn,
            }),
            None => {
                let refused = thread.start_and_take(job, &self.context, &self.committer)?;
                // It has panicked.
                if let Some(job) = refused {
                    thread.jobs = None;
                    thread.start_and_take(job, &self.context, &self.committer)?;
                }
                None
            }
        };
        Ok(Forcing { here, result })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let thread = {
            let mut committer = lock(&self.committer);
            // Without a sender the thread finishes what it has and ends.
            committer.jobs = None;
            committer.thread.take()
        };
        thread.map(join);
    }
}

impl CommitThread {
    /// Returns the turn to commit, if nothing waits for it.
    fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        let is_idle = self.n_jobs == 0;
        is_idle.then(|| Arc::clone(&self.turn).try_lock_owned().ok())?
    }

    /// Starts the thread, if there is none.
    fn start(
        &mut self,
        context: &Arc<CommitContext>,
        committer: &Arc<Mutex<Self>>,
    ) -> Result<(), StoreError> {
        if self.jobs.is_some() {
            return Ok(());
        }
        // The last one has ended or is about to. There is never a second one beside it.
        self.thread.take().map(join);
        self.n_jobs = 0;
        let (jobs, receiver) = mpsc::channel();
        let (context, committer) = (Arc::clone(context), Arc::clone(committer));
        let thread = thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || context.write_all(receiver, &committer))
            .map_err(StoreError::new)?;
        (self.jobs, self.thread) = (Some(jobs), Some(thread));
        Ok(())
    }

    /// Gives a job to the thread, which may give it back.
    fn start_and_take(
        &mut self,
        job: Job,
        context: &Arc<CommitContext>,
        committer: &Arc<Mutex<Self>>,
    ) -> Result<Option<Job>, StoreError> {
        self.start(context, committer)?;
        let jobs = self.jobs.as_ref().ok_or_else(thread_ended)?;
        let refused = jobs.send(job).err().map(|refused| refused.0);
        self.n_jobs += usize::from(refused.is_none());
        Ok(refused)
    }
}

/// Waits for the end of a thread that takes no more jobs.
fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("the thread that writes state has panicked");
    }
}

fn thread_ended() -> StoreError {
    StoreError::new("the thread that writes it has ended")
}

fn lock(committer: &Mutex<CommitThread>) -> MutexGuard<'_, CommitThread> {
    committer.lock().expect("no holder of this lock panics")
}

impl CommitContext {
    /// Writes until no more jobs can come, or none has come for a while.
    fn write_all(&self, jobs: Receiver<Job>, committer: &Mutex<CommitThread>) {
        let turn = Arc::clone(&lock(committer).turn);
        let forget_done = || {
            let _turn = turn.blocking_lock();
            self.forget_done();
        };
        let write = |first: Job| {
            let others = jobs.try_iter().take(MAX_TOGETHER - 1);
            let together: Vec<Job> = std::iter::once(first).chain(others).collect();
            let n_jobs = together.len();
            let _turn = turn.blocking_lock();
            self.commit(together);
            lock(committer).n_jobs -= n_jobs;
        };
        loop {
            match jobs.recv_timeout(LINGER) {
                Ok(first) => write(first),
                Err(RecvTimeoutError::Disconnected) => return forget_done(),
                Err(RecvTimeoutError::Timeout) => {
                    forget_done();
                    let mut committer = lock(committer);
                    // Jobs are handed over under this lock, so none can come between the
                    // last look and the end of the queue.
                    let Ok(first) = jobs.try_recv() else {
                        committer.jobs = None;
                        return;
                    };
                    drop(committer);
                    write(first);
                }
            }
        }
    }
}
