//! What the calls of an app write to files, so that no event about it is delivered to the app.
//!
//! Each operation looks at the file before and after. As long as each look before finds the
//! file as the last look after left it, nobody else has written to it in between.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::file_events::{FileStamp, OwnWrite};
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
pub struct OwnWrites {
    files: Mutex<Files>,
    ended: Notify,
}

#[derive(Default)]
struct Files {
    writes: HashMap<Arc<str>, Tracked>,
    bytes: usize,
    /// Files that calls have begun to change since somebody last asked, and those of which
    /// the last call has ended.
    begun: Vec<Arc<str>>,
    ended: HashSet<Arc<str>>,
}

/// What calls do to one file.
struct Tracked {
    write: OwnWrite,
    n_calls: usize,
}

/// What became known since the last time.
#[derive(Default)]
pub struct OwnWriteChanges {
    /// Files that calls have begun to change.
    pub begun: Vec<Arc<str>>,
    /// What calls did that have ended. It is forgotten here.
    pub ended: Vec<(Arc<str>, OwnWrite)>,
}

impl OwnWrites {
    /// Waits until a call ends that changed files.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Returns what became known since the last time.
    pub fn changes(&self) -> OwnWriteChanges {
        let mut files = self.files();
        let begun = std::mem::take(&mut files.begun);
        let mut ended = Vec::new();
        for path in std::mem::take(&mut files.ended) {
            // Another call may have begun to change it since.
            let is_over = |tracked: &Tracked| tracked.n_calls == 0;
            if files.writes.get(&path).is_some_and(is_over)
                && let Some(tracked) = files.writes.remove(&path)
            {
                files.bytes -= cost(&path);
                ended.push((path, tracked.write));
            }
        }
        OwnWriteChanges { begun, ended }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().expect("no holder of this lock panics")
    }
}

impl Tracked {
    fn found(&mut self, stamp: Option<FileStamp>) {
        self.write.had_other_writer |= self.write.after != stamp;
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
    pub(super) fn begin(
        &self,
        path: &GuestPath,
        before: Option<FileStamp>,
    ) -> Result<(), ErrorCode> {
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
            files.begun.push(Arc::clone(&path));
        }
        let tracked = files.writes.entry(path).or_insert(Tracked {
            write: OwnWrite {
                before,
                after: before,
                had_other_writer: false,
            },
            n_calls: 0,
        });
        tracked.n_calls += usize::from(is_first);
        tracked.found(before);
        Ok(())
    }

    /// Notes once that a file is to be changed later.
    pub(super) fn reserve(
        &self,
        path: &GuestPath,
        look: impl FnOnce() -> Option<FileStamp>,
    ) -> Result<(), ErrorCode> {
        if self.paths().all.contains(path.text().as_str()) {
            return Ok(());
        }
        self.begin(path, look())
    }

    pub(super) fn end(&self, path: &GuestPath, after: Option<FileStamp>) {
        if let Some(tracked) = self.writes.files().writes.get_mut(path.text().as_str()) {
            tracked.write.after = after;
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
            let mut files = self.writes.files();
            if let Some(tracked) = files.writes.get_mut(&path) {
                tracked.found(found);
                tracked.n_calls = tracked.n_calls.saturating_sub(1);
                if tracked.n_calls == 0 {
                    files.ended.insert(path);
                }
            }
        }
        self.writes.ended.notify_one();
    }
}
