//! What the calls of an app do to files, so that the app is not told of it.
//!
//! Each operation is framed by two looks at the file. Where it is at each look as the
//! app's calls left it before, nobody else had a hand in it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::file_events::FileStamp;
use tokio::sync::Notify;

use super::bindings::ErrorCode;
use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;
use crate::meter::Charge;

/// What a path costs besides its text, and the most bytes of all paths of one app of which
/// nobody took note yet.
const PATH_COST_BYTES: usize = 256;
const MAX_BYTES: usize = 16 << 20;

/// The files that calls of one app change, until somebody takes note of it.
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
    pub(crate) before: Option<FileStamp>,
    /// The file as they left it.
    pub(crate) after: Option<FileStamp>,
    /// Somebody else changed it meanwhile.
    pub(crate) had_other_writer: bool,
    n_calls: usize,
}

impl OwnWrites {
    /// Tells whether a file is being changed by calls, or was and nobody took note.
    pub(crate) fn are_pending(&self, path: &str) -> bool {
        self.files().writes.contains_key(path)
    }

    /// Waits until a call ends that changed files.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Takes what calls did that have ended, to wanted files.
    pub(crate) fn take(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<(Arc<str>, OwnWrite)> {
        let mut files = self.files();
        let is_it = |path: &Arc<str>, write: &mut OwnWrite| write.n_calls == 0 && is_wanted(path);
        let taken: Vec<_> = files.writes.extract_if(is_it).collect();
        let bytes: usize = taken.iter().map(|(path, _)| cost(path)).sum();
        files.bytes -= bytes;
        taken
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().expect("no holder of this lock panics")
    }
}

impl OwnWrite {
    fn found(&mut self, stamp: Option<FileStamp>) {
        self.had_other_writer |= self.after != stamp;
    }
}

fn cost(path: &str) -> usize {
    path.len() + PATH_COST_BYTES
}

/// What one call does. Its end is the end of the call.
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
    /// Takes note of what a call does, which a charge of it pays for.
    pub(super) fn new(writes: Arc<OwnWrites>, root: Arc<DatasitesDir>, charge: Charge) -> Self {
        let all = HashSet::new();
        Self {
            writes,
            root,
            paths: Mutex::new(Paths { all, charge }),
        }
    }

    /// Takes note of a file that is about to be changed.
    ///
    /// # Errors
    /// There is no room for that. The file is not to be changed then.
    pub(super) fn begin(&self, path: &GuestPath, before: Option<FileStamp>) -> Result<(), ErrorCode> {
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

    pub(super) fn end(&self, path: &GuestPath, after: Option<FileStamp>) {
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
