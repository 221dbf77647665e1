//! What the calls of an app write to files, so that no event about it is delivered to the app.
//!
//! Each operation looks at the file before and after. As long as each look before finds the
//! file as the last look after left it, nobody else has written to it in between.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::watching::Stamp;
use tokio::sync::Notify;

use super::bindings::ErrorCode;
use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;
use crate::meter::Charge;

/// What a path costs besides its text, and the most bytes of all paths of one app that were
/// not taken yet.
const PATH_COST_BYTES: usize = 256;
const MAX_BYTES: usize = 16 << 20;

/// The files that calls of one app have changed, until `take` hands them on.
#[derive(Default)]
pub(crate) struct OwnWrites {
    files: Mutex<Files>,
    ended: Notify,
}

#[derive(Default)]
struct Files {
    writes: HashMap<Arc<str>, OwnWrite>,
    bytes: usize,
}

/// What calls did to one file.
#[derive(Debug, Clone)]
pub(crate) struct OwnWrite {
    /// The file before the first of them.
    pub(crate) before: Option<Stamp>,
    /// The file as they left it.
    pub(crate) after: Option<Stamp>,
    /// Another program changed it meanwhile, so events about it are delivered.
    pub(crate) had_other_writer: bool,
    /// Calls that have changed it and still run.
    n_calls: usize,
}

impl OwnWrites {
    /// Tells whether calls change a file, or have changed it and it was not taken yet.
    pub(crate) fn are_pending(&self, path: &str) -> bool {
        self.files().writes.contains_key(path)
    }

    /// Waits until a call ends that changed files.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Takes what was written to wanted files by calls that have all ended. A file that a call
    /// still has in hand would change again.
    pub(crate) fn take(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<(Arc<str>, OwnWrite)> {
        let mut files = self.files();
        let is_over = |path: &Arc<str>, write: &mut OwnWrite| write.n_calls == 0 && is_wanted(path);
        let taken: Vec<_> = files.writes.extract_if(is_over).collect();
        let bytes: usize = taken.iter().map(|(path, _)| cost(path)).sum();
        files.bytes -= bytes;
        taken
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().expect("no holder of this lock panics")
    }
}

impl OwnWrite {
    fn found(&mut self, stamp: Option<Stamp>) {
        self.had_other_writer |= self.after != stamp;
    }
}

fn cost(path: &str) -> usize {
    path.len() + PATH_COST_BYTES
}

/// What one call writes. It is dropped when the call ends.
pub(super) struct CallWrites {
    writes: Arc<OwnWrites>,
    root: Arc<DatasitesDir>,
    paths: Mutex<Paths>,
}

/// The files that a call has changed.
struct Paths {
    all: HashSet<Arc<str>>,
    charge: Charge,
}

impl CallWrites {
    /// Returns the writes of a call, whose charge pays for them.
    pub(super) fn new(writes: Arc<OwnWrites>, root: Arc<DatasitesDir>, charge: Charge) -> Self {
        let all = HashSet::new();
        Self {
            writes,
            root,
            paths: Mutex::new(Paths { all, charge }),
        }
    }

    /// Notes that a file is about to be changed.
    ///
    /// # Errors
    /// There is no room for the note. The file must not be changed then: its change would be
    /// delivered to the app as if others had made it.
    pub(super) fn begin(&self, path: &GuestPath, before: Option<Stamp>) -> Result<(), ErrorCode> {
        let path: Arc<str> = Arc::from(path.text());
        let mut paths = self.paths();
        let is_first = !paths.all.contains(&path);
        let mut files = self.writes.files();
        let is_new = !files.writes.contains_key(&path);
        if is_new && files.bytes + cost(&path) > MAX_BYTES {
            return Err(ErrorCode::Quota);
        }
        if is_first {
            let grown = paths.charge.grow(cost(&path));
            grown.map_err(|_| ErrorCode::InsufficientMemory)?;
            paths.all.insert(Arc::clone(&path));
        }
        if is_new {
            files.bytes += cost(&path);
        }
        let write = files.writes.entry(path).or_insert(OwnWrite {
            before,
            after: before,
            had_other_writer: false,
            n_calls: 0,
        });
        write.n_calls += usize::from(is_first);
        write.found(before);
        Ok(())
    }

    pub(super) fn end(&self, path: &GuestPath, after: Option<Stamp>) {
        if let Some(write) = self.writes.files().writes.get_mut(path.text().as_str()) {
            write.after = after;
        }
    }

    fn paths(&self) -> MutexGuard<'_, Paths> {
        self.paths.lock().expect("no holder of this lock panics")
    }
}

impl Drop for CallWrites {
    fn drop(&mut self) {
        let paths = std::mem::take(&mut self.paths().all);
        if paths.is_empty() {
            return;
        }
        // The last look: a write of somebody else after the call's own is not the app's.
        for path in paths {
            let found = self.root.stamp(&GuestPath::of(&path)).ok().flatten();
            if let Some(write) = self.writes.files().writes.get_mut(&path) {
                write.found(found);
                write.n_calls = write.n_calls.saturating_sub(1);
            }
        }
        self.writes.ended.notify_one();
    }
}
