//! A worker: runs calls for the host of an owner elsewhere.
//!
//! - [`run`]: from the connection to the end
//! - `owner`: asks the owner's host, as often as it takes
//! - `programs`: the components that it can run, checked by itself
//! - `calls`: the calls that it has

mod beats;
mod calls;
mod owner;
mod programs;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use syft_package::PublicKey;
use syft_runtime::capability::files::MirrorPlace;
use syft_runtime::memory::Memory;
use syft_runtime::sandbox::CompileLimits;
use thiserror::Error;
use tokio::task::JoinSet;

use crate::accounts::read_key;
use crate::connect::{ConnectTo, LinkEvent, WorkersError};
use crate::words::{Question, QuestionReply};
use beats::Beats;
use calls::Calls;
use owner::{NoReply, OwnerHost};
use programs::Programs;

/// How long a worker that stops waits for a word that it may go.
const BYE_WITHIN: Duration = Duration::from_secs(2);

/// How a worker is to run.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The server, and the worker's key.
    pub connect: ConnectTo,
    /// What it has.
    pub labels: Vec<String>,
    /// How many calls it runs at a time.
    pub concurrency: usize,
    /// The apps that it runs; all, where none is named.
    pub apps: Vec<String>,
    /// Whose apps it runs.
    pub authors: Authors,
    /// What all calls take.
    pub memory: Memory,
    /// What compiling a component may take.
    pub compile: CompileLimits,
    /// The private folder of compiled code.
    pub code: PathBuf,
    /// The private folder of what else can be made again: components, and files of the owner.
    pub cache: PathBuf,
    /// The most bytes of files that are kept for calls to come.
    pub cache_bytes: u64,
    /// The version of the program, for the log of the owner's host.
    pub program: String,
}

/// Whose apps a worker runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authors {
    /// Anybody's, but they have to be signed.
    Signed,
    /// Those that one of these has signed.
    These(Vec<PublicKey>),
    /// Anybody's, signed or not.
    All,
}

/// Why a worker has ended by itself.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] WorkersError),
    /// The key is not a worker's.
    #[error("{0} is not the key of a worker")]
    NotAWorker(PathBuf),
    /// The server refuses the key now.
    #[error("the NATS server refuses the key of this worker: it may have been removed")]
    Removed,
    /// The owner's host does not want this worker.
    #[error("the owner's host refuses this worker: {0}")]
    Refused(String),
    /// The folder of what can be made again.
    #[error("{0}: {1:#}")]
    Folder(PathBuf, anyhow::Error),
}

/// Runs until `stop` is there, and then until its calls have ended, or `stop_now` is there.
///
/// # Errors
/// Something that does not mend itself.
pub async fn run(
    options: WorkerOptions,
    stop: impl Future<Output = ()>,
    stop_now: impl Future<Output = ()>,
) -> Result<(), WorkerError> {
    let key_file = &options.connect.key_file;
    let key = read_key(key_file).map_err(WorkersError::from)?;
    let name = key
        .worker
        .ok_or_else(|| WorkerError::NotAWorker(key_file.clone()))?;
    let client_name = format!("syft-host worker {name}");
    let (client, mut links) = options.connect.connect(&client_name, true).await?;
    let owner = Arc::new(OwnerHost::new(client, &name));
    let folder = |error| WorkerError::Folder(options.cache.clone(), error);
    let programs = Arc::new(Programs::open(&options, &owner).map_err(folder)?);
    let files = MirrorPlace::open(&options.cache.join("files"), options.cache_bytes);
    let files = files.map_err(|error| folder(error.into()))?;
    let calls = Arc::new(Calls::new(&owner, &programs, files));
    let beats = Beats::new(&options, &owner, &programs, &calls);
    tracing::info!(
        worker = name.as_str(),
        server = options.connect.server.to_string(),
        concurrency = options.concurrency,
        "a worker begins"
    );
    let mut background = JoinSet::new();
    background.spawn({
        let programs = Arc::clone(&programs);
        async move { programs.prepare_all().await }
    });
    let beating = beats.run();
    let slots = run_slots(options.concurrency, &calls);
    let stopping = async {
        stop.await;
        tracing::info!("it takes no more calls, and ends after those in progress");
        calls.stop();
        owner.ask(&Question::Leave).await.ok();
        std::future::pending().await
    };
    let watching = watch(&mut links, &owner);
    tokio::select! {
        () = slots => {}
        () = stop_now => tracing::warn!("calls in progress are left to other workers"),
        error = beating => return Err(error),
        error = watching => return Err(error),
        () = stopping => {}
    }
    let bye = owner.ask(&Question::Bye);
    if tokio::time::timeout(BYE_WITHIN, bye).await.is_err() {
        tracing::debug!("the owner's host does not answer any more");
    }
    tracing::info!("it has ended");
    Ok(())
}

/// Runs as many calls at a time as it may, until it is to stop and they have ended.
async fn run_slots(concurrency: usize, calls: &Arc<Calls>) {
    let mut slots = JoinSet::new();
    for _ in 0..concurrency {
        let calls = Arc::clone(calls);
        slots.spawn(async move { calls.run_one_after_another().await });
    }
    while let Some(ended) = slots.join_next().await {
        if let Err(error) = ended {
            tracing::error!("a call: {error}");
        }
    }
}

/// Follows what becomes of the connection. Returns once the key is refused.
async fn watch(
    links: &mut tokio::sync::mpsc::Receiver<LinkEvent>,
    owner: &OwnerHost,
) -> WorkerError {
    let mut was_up = owner.is_connected();
    while let Some(link) = links.recv().await {
        match link {
            LinkEvent::Up => {
                if !std::mem::replace(&mut was_up, true) {
                    tracing::info!("connected with the NATS server");
                }
                owner.ask_again();
            }
            LinkEvent::Down => {
                if std::mem::take(&mut was_up) {
                    tracing::warn!("the NATS server is gone; it waits until it is back");
                }
            }
            LinkEvent::Refused => return WorkerError::Removed,
        }
    }
    std::future::pending().await
}

/// Tells an owner's host that the worker is there.
async fn say_hello(options: &WorkerOptions, owner: &OwnerHost) -> Result<(), NoReply> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let hello = crate::words::Hello {
        program: options.program.clone(),
        labels: options.labels.clone(),
        concurrency: count(options.concurrency),
        memory_bytes: options.memory.most_of_a_call() as u64,
        apps: options.apps.clone(),
    };
    match owner.ask(&Question::Hello(hello)).await? {
        QuestionReply::Welcome => Ok(()),
        QuestionReply::Refused(why) => Err(NoReply::Refused(why)),
        other => Err(NoReply::Refused(format!("it answers {other:?}"))),
    }
}
