//! The author's own copy of the last catalog, outside of every synced folder.
//!
//! Whoever writes into the tree can take the catalog away or put an older one in its place.
//! Its counter must not fall by that: to hosts that saw the newer one, the next would be old.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::CATALOG_FILE;

const LOCK_FILE: &str = "lock";

/// The folder of the copy. As long as this is there, no other host changes it.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
    _lock: File,
}

impl Kept {
    /// Opens the folder, making it if need be, and waits for whoever publishes now.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join(LOCK_FILE))?;
        lock.lock()?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(CATALOG_FILE)
    }

    pub(super) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// Writes the copy, whole or not at all, and forces it to the disk.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.path())?;
        File::open(&self.folder)?.sync_all()
    }
}
