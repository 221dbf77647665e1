//! The file of an app's state, opened anew where the disk has failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError};

use super::unforced::Unforced;
use crate::durability::Durability;

/// Memory for pages of the file.
const CACHE_BYTES: usize = 8 << 20;

/// After an error of the disk, one that is full for instance, redb refuses to read and
/// write until the file is opened anew.
pub(super) struct File {
    path: PathBuf,
    durability: Durability,
    /// `None` after an error.
    database: Mutex<Option<Arc<Database>>>,
}

impl File {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, DatabaseError> {
        Ok(Self {
            path: path.to_owned(),
            durability,
            database: Mutex::new(Some(open(path, durability)?)),
        })
    }

    /// Returns the database. Opening it anew fails as long as a call still reads what it
    /// was before.
    pub(super) fn database(&self) -> Result<Arc<Database>, redb::Error> {
        let mut database = self.lock();
        let open = match database.take() {
            Some(open) => open,
            None => {
                let opened = open(&self.path, self.durability)?;
                tracing::info!(path = %self.path.display(), "the state is open again");
                opened
            }
        };
        Ok(Arc::clone(database.insert(open)))
    }

    /// Closes the database, so that the next look opens it anew.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Database>>> {
        self.database.lock().expect("no holder of this lock panics")
    }
}

fn open(path: &Path, durability: Durability) -> Result<Arc<Database>, DatabaseError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    if durability != Durability::None {
        return builder.create(path).map(Arc::new);
    }
    let mut options = fs::File::options();
    options.read(true).write(true).create(true).truncate(false);
    let file = FileBackend::new(options.open(path)?)?;
    // A file that was closed is no proof that its pages reached the disk before the
    // power failed.
    builder.set_check_integrity_on_open(true);
    builder.create_with_backend(Unforced(file)).map(Arc::new)
}
