//! What an app keeps between calls: a redb file for each app, in the host's private
//! folder.
//!
//! A call reads a snapshot and buffers what it writes (`session`). One thread commits
//! for all calls (`writer`): those that end together share a transaction, and with it
//! the wait for the disk. Where something that a call has read was changed
//! meanwhile, nothing of it is kept and the call runs again, alone.

mod answers;
mod file;
mod session;
mod snapshot;
mod watching;
mod writer;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use redb::{Database, DatabaseError, TableDefinition};
use thiserror::Error;
use tokio::sync::RwLock;

pub use answers::Mark;
use answers::{ANSWERS, Unpublished};
use file::File;
pub(crate) use session::{Session, SessionError};
pub(crate) use watching::{Attempts, Kept, Note, WatchNumber};
use writer::{Changes, Commit, Extra, Writer};

use crate::sandbox::Limits;

/// Each value, with the number of the commit that wrote it.
const VALUES: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("values");

/// Numbers about all of it, by the names below.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// The commits so far.
const COMMITS: &str = "commits";
/// The last commit that made or deleted a key: who lists keys has read it.
const KEYS_CHANGED: &str = "keys-changed";
/// The bytes of all keys and values.
const USED_BYTES: &str = "used-bytes";

/// The file that says which process serves the app.
const PID: &str = "pid";

/// The state of one app.
pub struct Store {
    file: Arc<File>,
    writer: Writer,
    unpublished: Arc<Unpublished>,
    /// Held by each call while it commits, and by one that runs alone all the time.
    gate: RwLock<()>,
}

/// What the host could not do. It is no fault of the guest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the state of the app cannot be read or written: {0}")]
pub struct StoreError(String);

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
    pub fn open(folder: &Path, limits: &Limits) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("create {}", folder.display()))?;
        let path = folder.join("state.redb");
        let file = match File::open(&path) {
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(already_served(folder)),
            file => file.with_context(|| format!("open {}", path.display()))?,
        };
        // Whoever is refused is told who serves it.
        fs::write(folder.join(PID), std::process::id().to_string())
            .with_context(|| format!("write into {}", folder.display()))?;
        let prepare = || -> Result<_, redb::Error> {
            make_tables(&*file.database()?)?;
            Unpublished::read(&*file.database()?)
        };
        let unpublished = prepare().with_context(|| format!("prepare {}", path.display()))?;
        let (file, unpublished) = (Arc::new(file), Arc::new(unpublished));
        let writer = Writer::start(
            Arc::clone(&file),
            Arc::clone(&unpublished),
            limits.state_bytes,
        )?;
        Ok(Self {
            file,
            writer,
            unpublished,
            gate: RwLock::default(),
        })
    }

    /// Runs a call and keeps what it wrote, if it `ended_well`. `run` gets the session
    /// of the call and returns it. It may run twice: the second time alone, so that
    /// nothing can come between.
    ///
    /// # Errors
    /// The state cannot be read or written. Nothing of the call was kept.
    pub(crate) async fn transact<T, F>(
        self: &Arc<Self>,
        limits: &Limits,
        run: impl Fn(Session) -> F,
        ended_well: impl Fn(&T) -> bool,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = (T, Session)>,
    {
        let (result, session) = run(Session::new(Some(Arc::clone(self)), limits)).await;
        session.trouble()?;
        if !ended_well(&result) {
            return Ok(result);
        }
        let Some(changes) = session.into_changes() else {
            return Ok(result);
        };
        let commit = {
            let _shared = self.gate.read().await;
            self.writer.commit(changes).await?
        };
        if commit == Commit::Done {
            return Ok(result);
        }
        tracing::debug!("a call met the changes of another one, and runs again");
        let _alone = self.gate.write().await;
        let (result, session) = run(Session::new(Some(Arc::clone(self)), limits)).await;
        session.trouble()?;
        if ended_well(&result)
            && let Some(changes) = session.into_changes()
            && self.writer.commit(changes).await? == Commit::Conflict
        {
            return Err(StoreError::new("a call that ran alone met other changes"));
        }
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
        self.writer.commit(changes).await.map(|_| ())
    }
}

fn already_served(folder: &Path) -> anyhow::Error {
    let by = match fs::read_to_string(folder.join(PID)) {
        Ok(pid) => format!("another host, process {pid},"),
        Err(_) => "another host".to_owned(),
    };
    anyhow::anyhow!("{by} serves the app of {} already", folder.display())
}

/// Readers want the tables to be there.
fn make_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(VALUES)?;
    transaction.open_table(NUMBERS)?;
    watching::make_tables(&transaction)?;
    transaction.open_table(ANSWERS)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests;
