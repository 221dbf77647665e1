//! The author's own copy of the last catalog, outside of every synced folder.
//!
//! Anyone who writes into the tree can take the catalog away or put an older one in its place.
//! Its counter must not fall by that: to hosts that saw the newer one, the next would be old.

use std::io;
use std::path::{Path, PathBuf};
use syft_system::lock::{self, Lock};
use syft_system::private;

use super::CATALOG_FILE;
use crate::package::MAX_ENVELOPE_BYTES;

const LOCK_FILE: &str = "lock";

/// The folder of the copy. As long as this is there, no other host changes it.
#[derive(Debug)]
pub(super) struct LocalCopy {
    folder: PathBuf,
    _lock: Lock,
}

impl LocalCopy {
    /// Opens the folder, making it if needed, and waits while another process publishes.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        private::make_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock::wait_for(&folder.join(LOCK_FILE))?,
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(CATALOG_FILE)
    }

    pub(super) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        private::read(&self.path(), MAX_ENVELOPE_BYTES as u64)
    }

    /// Writes the copy, whole or not at all, and forces it to the disk.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        private::write(&self.path(), bytes)
    }
}
