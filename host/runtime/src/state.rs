//! What an app keeps between calls: a redb file for each app, in the host's private
//! folder.
//!
//! A call reads a snapshot and buffers what it writes (`session`). At its end that is checked
//! and gets its place behind all others in memory (`pending`), where the next calls can see
//! it. The changes are forced to the disk in this order (`writer`, `commit`), those of many
//! calls in one transaction; no answer is seen before. Where something that a call
//! has read was changed meanwhile, nothing of it is kept and the call runs again, alone; later
//! calls that read the same take turns (`turns`).

mod answers;
mod commit;
mod due_calls;
mod effects;
mod elsewhere;
mod file;
mod no_sync_backend;
mod numbers;
mod outbox;
mod pending;
mod session;
mod snapshot;
mod turns;
mod watching;
mod writer;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use redb::{Database, TableDefinition};
use syft_manifest::Limits;
use syft_protocol::retention::Retention;
use syft_system::private;
use thiserror::Error;
use tokio::sync::{Mutex, RwLock};

use answers::AnswerIndex;
pub use answers::Recorded;
pub use answers::RequestFingerprint;
use commit::CommitContext;
use effects::EffectQueue;
pub use effects::Effects;
use file::File;
use outbox::OutboxIndex;
pub use outbox::{KeptMessage, KeptOutcome, OpenMessage, OutboxFull};
use pending::Conflict;
pub use session::{Session, SessionError};
use snapshot::Snapshot;
use turns::Turns;
pub use watching::Kept;
use writer::{Changes, Extra, HandedOver, Writer};

use crate::durability::Durability;

/// Each value, with the number of the commit that wrote it.
const VALUES: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("values");

/// The file that says which process serves the app.
const PID: &str = "pid";

/// The memory for pages of a file where few apps share what there is.
pub const CACHE_BYTES: usize = 8 << 20;

/// The state of one app.
pub struct Store {
    file: Arc<File>,
    writer: Writer,
    index: Arc<AnswerIndex>,
    effects: Arc<EffectQueue>,
    outbox: Arc<OutboxIndex>,
    /// The most bytes of unpublished answers with which another call begins.
    waiting_bytes: u64,
    keep: Duration,
    turns: Turns,
    /// Held by each call while it hands over, and by one that runs alone all the time.
    gate: RwLock<()>,
    /// Held by who is next to run alone. The others wait here, and keep nobody from
    /// handing over meanwhile.
    next_alone: Mutex<()>,
    /// How many calls are under way.
    n_calls: AtomicUsize,
}

/// A call that is under way.
struct UnderWay<'a>(&'a AtomicUsize);

/// Why a call runs again.
struct Again {
    conflict: Conflict,
    /// Its first run has changed files: it is to see what others before it did to them.
    has_effects: bool,
}

/// How state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// How long answers are kept at most.
    pub keep: Duration,
    /// What is forced to the disk.
    pub durability: Durability,
    /// The most memory for pages of the file.
    pub cache_bytes: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            keep: Retention::default().keep,
            durability: Durability::default(),
            cache_bytes: CACHE_BYTES,
        }
    }
}

/// What the host could not do. It is no fault of the guest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the state of the app cannot be read or written: {0}")]
pub struct StoreError(String);

/// The file is there, and no state can be read from it.
#[derive(Debug, Error)]
#[error("the state in {} is damaged: {why}", path.display())]
pub struct Damaged {
    path: PathBuf,
    why: String,
}

/// Another host has the state open.
#[derive(Debug, Error)]
#[error("another host{} serves the app of {} already", .pid.as_ref().map_or(String::new(), |pid| format!(", process {pid},")), folder.display())]
pub struct AlreadyServed {
    folder: PathBuf,
    pid: Option<String>,
}

impl StoreError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl Store {
    /// Opens the state of an app, making what is missing of it.
    ///
    /// # Errors
    /// The file cannot be made or read, or another host has it open.
    pub fn open(folder: &Path, limits: &Limits, options: &StoreOptions) -> anyhow::Result<Self> {
        private::make_folders(folder).with_context(|| format!("create {}", folder.display()))?;
        let path = folder.join("state.redb");
        let opened = file::guarded(|| open_file(&path, options));
        let (file, index, effects) = match opened {
            Err(redb::Error::DatabaseAlreadyOpen) => {
                let (folder, pid) = (folder.to_owned(), fs::read_to_string(folder.join(PID)).ok());
                return Err(AlreadyServed { folder, pid }.into());
            }
            Err(error) if is_damage(&error) => {
                let why = error.to_string();
                return Err(Damaged { path, why }.into());
            }
            opened => opened.with_context(|| format!("open {}", path.display()))?,
        };
        // A second host is refused, and its error names the process that serves the app.
        fs::write(folder.join(PID), std::process::id().to_string())
            .with_context(|| format!("write into {}", folder.display()))?;
        let (file, index, effects) = (Arc::new(file), Arc::new(index), Arc::new(effects));
        let outbox = Arc::new(OutboxIndex::new(limits));
        let context = CommitContext {
            file: Arc::clone(&file),
            index: Arc::clone(&index),
            effects: Arc::clone(&effects),
            outbox: Arc::clone(&outbox),
            state_bytes: limits.state_bytes,
            answers_bytes: limits.answers_bytes,
        };
        let writer = Writer::new(context);
        let store = Self {
            file,
            writer,
            index,
            effects,
            outbox,
            waiting_bytes: limits.waiting_bytes(),
            keep: options.keep,
            turns: Turns::new(),
            gate: RwLock::default(),
            next_alone: Mutex::default(),
            n_calls: AtomicUsize::new(0),
        };
        store.load_outbox()?;
        Ok(store)
    }

    /// Runs a call and keeps what it wrote, if it `ended_well`. `run` gets the session
    /// of the call and returns it. It may run twice: the second time alone, so that
    /// nothing can come between. What it returns stands on nothing that can still be lost.
    ///
    /// # Errors
    /// The state cannot be read or written. Nothing of the call was kept.
    pub async fn transact<T, F>(
        self: &Arc<Self>,
        limits: &Limits,
        run: impl Fn(Session) -> F,
        ended_well: impl Fn(&T) -> bool,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = (T, Session)>,
    {
        let _under_way = UnderWay::new(&self.n_calls);
        let (result, mut session) = run(Session::new(Some(Arc::clone(self)), limits)).await;
        session.trouble()?;
        // The next one begins once this one is handed over.
        let turn = session.take_turn();
        let Some(mut changes) = session.into_changes(ended_well(&result)) else {
            return Ok(result);
        };
        let has_effects = changes.effects.is_some();
        self.prepare(&mut changes).await?;
        let handed_over = {
            let _shared = self.gate.read().await;
            self.hand_over(changes, false)?
        };
        drop(turn);
        match handed_over {
            HandedOver::Taken(forcing) => {
                forcing.wait().await?;
                Ok(result)
            }
            HandedOver::Conflict(conflict) => {
                drop(result);
                let again = Again {
                    conflict,
                    has_effects,
                };
                self.run_alone(limits, run, ended_well, again).await
            }
        }
    }

    /// Keeps values, as if a call had written them.
    ///
    /// # Errors
    /// They are more than the limits allow, or cannot be written.
    pub async fn fill(
        self: &Arc<Self>,
        limits: &Limits,
        values: &BTreeMap<String, Vec<u8>>,
    ) -> anyhow::Result<()> {
        let write = |mut session: Session| async move {
            let mut values = values.iter();
            let written = values.try_for_each(|(key, value)| session.set(key, value.clone()));
            (written, session)
        };
        Ok(self.transact(limits, write, Result::is_ok).await??)
    }

    /// Runs a call again while nobody else hands anything over.
    async fn run_alone<T, F>(
        self: &Arc<Self>,
        limits: &Limits,
        run: impl Fn(Session) -> F,
        ended_well: impl Fn(&T) -> bool,
        Again {
            conflict: Conflict(key),
            has_effects,
        }: Again,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = (T, Session)>,
    {
        tracing::debug!("a call met the changes of another one, and runs again");
        if let Some(key) = key {
            self.turns.met_conflict(&key);
        }
        let next = self.next_alone.lock().await;
        let alone = self.gate.write().await;
        if has_effects {
            self.await_effects().await?;
        }
        let (result, session) = run(Session::alone(Arc::clone(self), limits)).await;
        session.trouble()?;
        let Some(mut changes) = session.into_changes(ended_well(&result)) else {
            return Ok(result);
        };
        // None of this app can have come between. What others did meanwhile to the same files
        // comes first, and the call after it.
        self.prepare(&mut changes).await?;
        let forcing = self.hand_over(changes, true)?.surely()?;
        drop((alone, next));
        forcing.wait().await?;
        Ok(result)
    }
}

impl Store {
    /// Makes changes in the host's own tables.
    async fn write(&self, extra: Extra) -> Result<(), StoreError> {
        let changes = Changes {
            extras: vec![extra],
            ..Changes::default()
        };
        self.writer.commit(changes).await
    }

    /// Returns the state with all that is handed over. Where that is much, it waits until it
    /// is forced: then nothing of it has to be held in memory.
    async fn newest(&self) -> Result<Snapshot, StoreError> {
        let newest = Snapshot::newest(&self.file)?;
        if !newest.is_full {
            return Ok(newest);
        }
        drop(newest);
        self.writer.commit(Changes::default()).await?;
        Snapshot::forced(&self.file)
    }
}

impl<'a> UnderWay<'a> {
    fn new(n_calls: &'a AtomicUsize) -> Self {
        n_calls.fetch_add(1, Ordering::Relaxed);
        Self(n_calls)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Opens the file, makes what is missing in it, and reads what is held in memory.
fn open_file(
    path: &Path,
    options: &StoreOptions,
) -> Result<(File, AnswerIndex, EffectQueue), redb::Error> {
    let file = File::open(path, options)?;
    make_tables(&*file.database()?)?;
    let index = AnswerIndex::read(&*file.database()?)?;
    let effects = EffectQueue::read(&*file.database()?, file.is_forced())?;
    Ok((file, index, effects))
}

fn is_damage(error: &redb::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        redb::Error::Corrupted(_) => true,
        redb::Error::Io(error) => matches!(error.kind(), InvalidData | UnexpectedEof),
        _ => false,
    }
}

/// Readers want the tables to be there. Where they are, nothing is to reach the disk.
fn make_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let n_before = transaction.list_tables()?.count();
    transaction.open_table(VALUES)?;
    numbers::make_tables(&transaction)?;
    watching::make_tables(&transaction)?;
    due_calls::make_tables(&transaction)?;
    answers::make_tables(&transaction)?;
    effects::make_tables(&transaction)?;
    outbox::make_tables(&transaction)?;
    let n_tables = transaction.list_tables()?.count();
    if n_tables == n_before {
        transaction.abort()?;
    } else {
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
