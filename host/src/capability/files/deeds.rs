//! What the calls of an app do to files, so that the app is not told of it.
//!
//! Each operation is framed by two looks at the file. Where it is at each look as the
//! app's calls left it before, nobody else had a hand in it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::file_events::FileStamp;
use tokio::sync::Notify;

use super::bindings::ErrorCode;
use super::place::{Place, Root};
use crate::sandbox::meter::Charge;

/// What a path costs besides its text, and the most bytes of all paths of one app of which
/// nobody took note yet.
const PATH_COST_BYTES: usize = 256;
const MAX_BYTES: usize = 16 << 20;

/// The files that calls of one app change, until somebody takes note of it.
#[derive(Default)]
pub(crate) struct Deeds {
    files: Mutex<Files>,
    ended: Notify,
}

#[derive(Default)]
struct Files {
    deeds: HashMap<Arc<str>, Deed>,
    bytes: usize,
}

/// What calls did to one file.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    /// The file before the first of them.
    pub(crate) before: Option<FileStamp>,
    /// The file as they left it.
    pub(crate) after: Option<FileStamp>,
    /// Somebody else changed it meanwhile.
    pub(crate) is_mixed: bool,
    n_calls: usize,
}

impl Deeds {
    /// Tells whether a file is being changed by calls, or was and nobody took note.
    pub(crate) fn are_on(&self, path: &str) -> bool {
        self.files().deeds.contains_key(path)
    }

    /// Waits until a call ends that changed files.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Takes what calls did that have ended, to wanted files.
    pub(crate) fn take(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<(Arc<str>, Deed)> {
        let mut files = self.files();
        let is_it = |path: &Arc<str>, deed: &mut Deed| deed.n_calls == 0 && is_wanted(path);
        let taken: Vec<_> = files.deeds.extract_if(is_it).collect();
        let bytes: usize = taken.iter().map(|(path, _)| cost(path)).sum();
        files.bytes -= bytes;
        taken
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().expect("no holder of this lock panics")
    }
}

impl Deed {
    fn found(&mut self, stamp: Option<FileStamp>) {
        self.is_mixed |= self.after != stamp;
    }
}

fn cost(path: &str) -> usize {
    path.len() + PATH_COST_BYTES
}

/// What one call does. Its end is the end of the call.
pub(super) struct CallDeeds {
    deeds: Arc<Deeds>,
    root: Arc<Root>,
    paths: Mutex<Paths>,
}

/// The files that a call has changed.
struct Paths {
    all: HashSet<Arc<str>>,
    charge: Charge,
}

impl CallDeeds {
    /// Takes note of what a call does, which a charge of it pays for.
    pub(super) fn new(deeds: Arc<Deeds>, root: Arc<Root>, charge: Charge) -> Self {
        let all = HashSet::new();
        Self {
            deeds,
            root,
            paths: Mutex::new(Paths { all, charge }),
        }
    }

    /// Takes note of a file that is about to be changed.
    ///
    /// # Errors
    /// There is no room for that. The file is not to be changed then.
    pub(super) fn begin(&self, place: &Place, before: Option<FileStamp>) -> Result<(), ErrorCode> {
        let path: Arc<str> = Arc::from(place.text());
        let mut paths = self.paths();
        let is_first = !paths.all.contains(&path);
        let mut files = self.deeds.files();
        let is_new = !files.deeds.contains_key(&path);
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
        let deed = files.deeds.entry(path).or_insert(Deed {
            before,
            after: before,
            is_mixed: false,
            n_calls: 0,
        });
        deed.n_calls += usize::from(is_first);
        deed.found(before);
        Ok(())
    }

    pub(super) fn end(&self, place: &Place, after: Option<FileStamp>) {
        if let Some(deed) = self.deeds.files().deeds.get_mut(place.text().as_str()) {
            deed.after = after;
        }
    }

    fn paths(&self) -> MutexGuard<'_, Paths> {
        self.paths.lock().expect("no holder of this lock panics")
    }
}

impl Drop for CallDeeds {
    fn drop(&mut self) {
        let paths = std::mem::take(&mut self.paths().all);
        if paths.is_empty() {
            return;
        }
        for path in paths {
            let found = self.root.stamp(&Place::of(&path)).ok().flatten();
            if let Some(deed) = self.deeds.files().deeds.get_mut(&path) {
                deed.found(found);
                deed.n_calls = deed.n_calls.saturating_sub(1);
            }
        }
        self.deeds.ended.notify_one();
    }
}
