//! Where calls are given out, and what is known of the workers.

use std::fmt;
use std::panic::resume_unwind;
use std::thread;
use std::time::Instant;

use syft_manifest::Digest;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use super::PreparedOwner;
use crate::sandbox::Outcome;
use crate::state::Session;

/// Calls that wait to be taken over by what carries them. The others wait with their requests.
const WAITING: usize = 1_024;

/// Where an app gives its calls out.
#[derive(Debug, Clone)]
pub struct Pool {
    calls: mpsc::Sender<HandOut>,
    stats: watch::Receiver<PoolStats>,
}

/// The other end: of what carries calls to workers.
#[derive(Debug)]
pub struct PoolEnd {
    /// Calls that are given out.
    pub calls: mpsc::Receiver<HandOut>,
    /// What is known of the workers.
    pub stats: watch::Sender<PoolStats>,
}

/// A call that is given out. Whoever gave it out waits for the reply; once that is closed, nobody
/// does, and the call is to end.
#[derive(Debug)]
pub struct HandOut {
    /// The name of the app, and the id of the request or whatever it is, for logs.
    pub app: String,
    /// See `app`.
    pub id: String,
    /// The component that runs.
    pub component: Digest,
    /// What a worker has to have.
    pub needs: Needs,
    /// What begins here when a worker claims it.
    pub owner: PreparedOwner,
    /// Where its end goes: what a panic said, where what judges it has panicked.
    pub reply: oneshot::Sender<thread::Result<Result<RanOn, NotRun>>>,
}

/// What a worker has to have for a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// It computes for long: it gets a processor for itself.
    pub cpu: bool,
    /// The memory that it may take in all, in bytes.
    pub memory_bytes: u64,
    /// All of these.
    pub labels: Vec<String>,
}

/// A call that a worker has run.
pub struct RanOn {
    /// How it ended. What is no request and was taken counts as answered.
    pub outcome: Outcome,
    /// The state as it left it.
    pub session: Session,
    /// The worker.
    pub worker: String,
    /// The most memory that it took there, by what the worker says.
    pub memory_bytes: u64,
}

/// Why no worker has run a call. Nothing of it has happened, but for what it sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotRun {
    /// There is none that may take it.
    #[error("there is no worker for it")]
    NoWorker,
    /// The worker that ran it was lost, or broke a rule.
    #[error("its worker was lost: {0}")]
    Lost(String),
}

/// What is known of the workers.
#[derive(Debug, Clone, Default)]
pub struct PoolStats {
    /// What carries calls is there.
    pub is_connected: bool,
    /// The workers that were heard of late.
    pub workers: Vec<WorkerStats>,
    /// Calls that are given out and not claimed.
    pub queued: usize,
    /// Those that are claimed.
    pub running: usize,
    /// Those that a worker has ended, since the host began.
    pub finished: u64,
    /// How often one was given out again.
    pub redelivered: u64,
    /// How often a worker was lost that had one.
    pub lost: u64,
    /// How often something that a worker sent was refused.
    pub refused: u64,
}

/// What is known of one worker.
#[derive(Debug, Clone)]
pub struct WorkerStats {
    /// Its name.
    pub name: String,
    /// What it has.
    pub labels: Vec<String>,
    /// How many calls it runs at a time.
    pub concurrency: usize,
    /// How many it runs now.
    pub running: usize,
    /// When it was last heard.
    pub last_heard: Instant,
    /// Calls that it has ended.
    pub finished: u64,
    /// Calls that were lost with it.
    pub lost: u64,
}

impl fmt::Debug for RanOn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("RanOn");
        shown.field("worker", &self.worker).finish_non_exhaustive()
    }
}

impl Pool {
    /// Returns both ends.
    pub fn new() -> (Self, PoolEnd) {
        let (calls, to_carry) = mpsc::channel(WAITING);
        let (stats, known) = watch::channel(PoolStats::default());
        let pool = Self {
            calls,
            stats: known,
        };
        let end = PoolEnd {
            calls: to_carry,
            stats,
        };
        (pool, end)
    }

    /// Has a worker run a call, and waits for its end.
    ///
    /// # Errors
    /// None has run it.
    ///
    /// # Panics
    /// What served or judged it here has panicked: that is this call's, as where it runs here.
    pub async fn run(
        &self,
        (app, id): (&str, &str),
        component: &Digest,
        needs: Needs,
        owner: PreparedOwner,
    ) -> Result<RanOn, NotRun> {
        let (reply, end) = oneshot::channel();
        let call = HandOut {
            app: app.to_owned(),
            id: id.to_owned(),
            component: component.clone(),
            needs,
            owner,
            reply,
        };
        let sent = self.calls.send(call).await;
        sent.map_err(|_| NotRun::NoWorker)?;
        match end.await {
            Ok(Ok(ended)) => ended,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(NotRun::Lost("nobody carries calls any more".to_owned())),
        }
    }

    /// Returns what is known of the workers now.
    pub fn stats(&self) -> PoolStats {
        self.stats.borrow().clone()
    }

    /// Waits until something is known that was not when this was last called.
    pub async fn changed(&mut self) {
        // Nothing changes any more once nobody tells it.
        if self.stats.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
