//! The file of an app's state, opened anew where the disk has failed.
//!
//! Why: docs/decisions/13-a-host-failure-is-not-an-answer.md
//! Why: docs/decisions/27-what-is-forced-to-disk.md

use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError};
use syft_system::{Dir, FileId, disk};

use super::StoreOptions;
use super::no_sync_backend::NoSyncBackend;
use super::numbers::Numbers;
use super::pending::Layer;
use crate::durability::Durability;

/// After an error of the disk, one that is full for instance, redb refuses to read and
/// write until the file is opened anew.
pub(super) struct File {
    path: PathBuf,
    options: StoreOptions,
    /// `None` after an error.
    open: Mutex<Option<Open>>,
}

struct Open {
    state: OpenState,
    id: FileId,
}

/// The database, and what is not in it yet.
#[derive(Clone)]
pub(super) struct OpenState {
    pub(super) database: Arc<Database>,
    pub(super) layer: Arc<Layer>,
}

impl File {
    pub(super) fn open(path: &Path, options: &StoreOptions) -> Result<Self, redb::Error> {
        Ok(Self {
            path: path.to_owned(),
            options: options.clone(),
            open: Mutex::new(Some(Open::new(path, options, true)?)),
        })
    }

    /// Tells whether there is a disk to which what is written has to be forced.
    pub(super) fn is_forced(&self) -> bool {
        self.options.durability != Durability::None && !disk::is_in_memory(&self.path)
    }

    /// Returns the database. See [`File::state`].
    pub(super) fn database(&self) -> Result<Arc<Database>, redb::Error> {
        Ok(self.state()?.database)
    }

    /// Returns the database and the layer above it. Opening it anew fails as long as a call
    /// still reads what it was before.
    ///
    /// # Errors
    /// The file is no longer there: what is written to it would be lost at the next start.
    /// None is made in its place as long as this host runs.
    pub(super) fn state(&self) -> Result<OpenState, redb::Error> {
        let mut open = self.lock();
        let current = match open.take().filter(|open| !open.state.layer.is_lost()) {
            Some(current) => current,
            None => {
                let opened = Open::new(&self.path, &self.options, false)?;
                tracing::info!(path = %self.path.display(), "the state is open again");
                opened
            }
        };
        if id_at(&self.path)? != current.id {
            return Err(io::Error::other(format!("{} was replaced", self.path.display())).into());
        }
        Ok(open.insert(current).state.clone())
    }

    /// Returns the layer above the file that is open. Whether that is still the one at its path is
    /// found out when the changes are written.
    pub(super) fn layer(&self) -> Result<Arc<Layer>, redb::Error> {
        let open = self.lock();
        let current = open.as_ref().filter(|open| !open.state.layer.is_lost());
        if let Some(current) = current {
            return Ok(Arc::clone(&current.state.layer));
        }
        drop(open);
        Ok(self.state()?.layer)
    }

    /// Closes the database, so that the next look opens it anew. What lies above it is lost.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().expect("no holder of this lock panics")
    }
}

/// Does something with the database. At some damages redb panics: that is an error of the
/// disk like others.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    let damaged = |_| Err(redb::Error::Corrupted("it cannot be read".to_owned()));
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(damaged)
}

impl Open {
    fn new(path: &Path, options: &StoreOptions, may_create: bool) -> Result<Self, redb::Error> {
        let opened = || {
            let database = open(path, options, may_create)?;
            let layer = Arc::new(Layer::new(Numbers::of(&database)?));
            let database = Arc::new(database);
            Ok(OpenState { database, layer })
        };
        let state = guarded(opened)?;
        let id = id_at(path)?;
        Ok(Self { state, id })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.state.layer.lose();
    }
}

/// A new file gets its name only when it is a whole database: a host that is killed
/// while it makes one leaves nothing that looks like a damaged state.
fn open(path: &Path, options: &StoreOptions, may_create: bool) -> Result<Database, DatabaseError> {
    if may_create && !path.try_exists()? {
        let folder = path.parent().unwrap_or(Path::new("."));
        let new = tempfile::Builder::new()
            .prefix("new-state-")
            .tempfile_in(folder)?;
        let database = with_file(new.reopen()?, options)?;
        match new.persist_noclobber(path) {
            Ok(_) => {
                if options.durability != Durability::None {
                    let forced = Dir::open_ambient(folder).and_then(|folder| folder.force());
                    forced.map_err(io::Error::from)?;
                }
                return Ok(database);
            }
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.error.into()),
        }
    }
    let existing = fs::File::options().read(true).write(true).open(path)?;
    if existing.metadata()?.len() == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty").into());
    }
    with_file(existing, options)
}

fn with_file(file: fs::File, options: &StoreOptions) -> Result<Database, DatabaseError> {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    let file = FileBackend::new(file)?;
    if options.durability != Durability::None {
        return builder.create_with_backend(file);
    }
    // A file that was closed is no proof that its pages reached the disk before the
    // power failed.
    builder.set_check_integrity_on_open(true);
    builder.create_with_backend(NoSyncBackend(file))
}

fn id_at(path: &Path) -> io::Result<FileId> {
    FileId::at(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
