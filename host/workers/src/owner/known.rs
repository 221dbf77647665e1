//! Whose keys count, by what the owner's folder says now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use syft_system::private;

use crate::accounts::Accounts;
use crate::names::WorkerName;

/// The workers that have an account.
pub(super) struct KnownWorkers {
    folder: PathBuf,
    stamp: Option<u64>,
    names: BTreeSet<String>,
}

impl KnownWorkers {
    pub(super) fn new(folder: &Path) -> Self {
        let mut known = Self {
            folder: folder.to_owned(),
            stamp: None,
            names: BTreeSet::new(),
        };
        known.look();
        known
    }

    pub(super) fn knows(&self, name: &WorkerName) -> bool {
        self.names.contains(name.as_str())
    }

    /// Looks again. Returns who was removed.
    pub(super) fn look(&mut self) -> Vec<String> {
        let stamp = private::stamp(&self.folder).ok();
        if stamp.is_some() && stamp == self.stamp {
            return Vec::new();
        }
        self.stamp = stamp;
        let names = match Accounts::open(&self.folder) {
            Ok(accounts) => accounts.workers().keys().cloned().collect(),
            // Whom it has removed an owner says in a file that can be read.
            Err(error) => {
                tracing::error!("which workers there are is not known: {error}");
                return Vec::new();
            }
        };
        let before = std::mem::replace(&mut self.names, names);
        before.difference(&self.names).cloned().collect()
    }
}
