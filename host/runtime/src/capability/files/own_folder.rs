//! The app's own folder, `app_data/NAME` of the owner: an app that asks for it needs nobody's yes,
//! so what it holds is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use syft_system::{Dir, SystemError};

use super::datasites_dir::DatasitesDir;
use super::guest_path::{GuestPath, Mount};
use super::open::NAME_BYTES;

/// As deep as is counted. Nothing that is deeper is let in.
const DEEPEST: usize = 32;

/// Nobody has counted.
const UNKNOWN: u64 = u64::MAX;

/// What the folder holds, as far as it is known: counted now and then, and in between the sum of
/// that and of what was written.
pub(super) struct OwnFolder {
    path: GuestPath,
    limit: u64,
    held: AtomicU64,
    /// What calls have staged for it and is not counted in it.
    staged: AtomicU64,
}

/// What one call has staged for the folder. It is given back when the call is over.
pub(super) struct StagedRoom {
    own: Arc<OwnFolder>,
    bytes: AtomicU64,
}

impl StagedRoom {
    pub(super) fn new(own: Arc<OwnFolder>) -> Self {
        let bytes = AtomicU64::new(0);
        Self { own, bytes }
    }

    /// Counts more bytes that are staged.
    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.own.staged.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for StagedRoom {
    fn drop(&mut self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.own.staged.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl OwnFolder {
    pub(super) fn new(path: GuestPath, limit: u64) -> Self {
        Self {
            path,
            limit,
            held: AtomicU64::new(UNKNOWN),
            staged: AtomicU64::new(0),
        }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn path(&self) -> &GuestPath {
        &self.path
    }

    /// Returns how many bytes still fit, counted anew where these may be fewer than are wanted.
    pub(super) fn room(&self, root: &DatasitesDir, wanted: u64) -> u64 {
        let room = |held: u64| self.limit.saturating_sub(held);
        let known = room(self.held.load(Ordering::Relaxed));
        if known >= wanted {
            return known;
        }
        self.recount(root);
        room(self.held.load(Ordering::Relaxed))
    }

    pub(super) fn contains(&self, path: &GuestPath) -> bool {
        path.mount() == Mount::Datasites && path.names().starts_with(&self.path.names())
    }

    /// Takes bytes that are to be written, and tells whether they fit.
    pub(super) fn spend(&self, root: &DatasitesDir, bytes: u64) -> bool {
        if self.take(bytes) {
            return true;
        }
        self.recount(root);
        self.take(bytes)
    }

    /// Counts anew: files may have been replaced or deleted since.
    fn recount(&self, root: &DatasitesDir) {
        let staged = self.staged.load(Ordering::Relaxed);
        let held = self.count(root).saturating_add(staged);
        self.held.store(held, Ordering::Relaxed);
    }

    fn take(&self, bytes: u64) -> bool {
        let fits = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= self.limit);
        let order = Ordering::Relaxed;
        self.held.fetch_update(order, order, fits).is_ok()
    }

    /// Counts until it is too much.
    fn count(&self, root: &DatasitesDir) -> u64 {
        match root.open_folder(&self.path) {
            Err(SystemError::NotFound) => 0,
            Err(_) => self.limit,
            Ok(folder) => {
                let mut held = 0;
                match self.add(&folder, 0, &mut held) {
                    Ok(()) => held,
                    Err(_) => self.limit,
                }
            }
        }
    }

    fn add(&self, folder: &Dir, depth: usize, held: &mut u64) -> Result<(), SystemError> {
        if depth > DEEPEST {
            return Err(SystemError::TooLarge);
        }
        for entry in folder.list()? {
            let name = entry?.name;
            // Requests and answers are the host's.
            if depth == 0 && name.as_deref() == Some("rpc") {
                continue;
            }
            *held += NAME_BYTES;
            let Some(name) = name else {
                continue;
            };
            match folder.look(&name) {
                // It was deleted.
                Err(_) => {}
                Ok(found) if found.is_folder() => {
                    self.add(&folder.open_folder(&name)?, depth + 1, held)?;
                }
                Ok(found) => *held += found.bytes,
            }
            if *held > self.limit {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_written_counts_until_it_is_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("a@x.org/app_data/app");
        fs::create_dir_all(own.join("rpc")).expect("a folder");
        fs::write(own.join("rpc/x"), vec![0; 50_000]).expect("a request");
        fs::write(own.join("x"), vec![0; 10_000]).expect("a file");
        let root = DatasitesDir::open(folder.path()).expect("a folder");
        let held = OwnFolder::new(GuestPath::of("a@x.org/app_data/app"), 30_000);
        assert!(held.spend(&root, 5_000));
        assert!(!held.spend(&root, 20_000), "10,000 are there");
        fs::remove_file(own.join("x")).expect("deleted");
        assert!(held.spend(&root, 20_000));
        assert!(!held.contains(&GuestPath::of("a@x.org/app_data/app2/x")));
        assert!(held.contains(&GuestPath::of("a@x.org/app_data/app/x")));
    }
}
