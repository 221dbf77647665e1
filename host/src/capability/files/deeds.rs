//! What the calls of an app do to files, so that the app is not told of it.
//!
//! Each operation is framed by two looks at the file. Where it is at each look as the
//! app's calls left it before, nobody else had a hand in it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::watching::Stamp;
use tokio::sync::Notify;

use super::place::{Place, Root};

/// The files that calls of one app change, until somebody takes note of it.
#[derive(Default)]
pub(crate) struct Deeds {
    files: Mutex<HashMap<Arc<str>, Deed>>,
    ended: Notify,
}

/// What calls did to one file.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    /// The file before the first of them.
    pub(crate) before: Option<Stamp>,
    /// The file as they left it.
    pub(crate) after: Option<Stamp>,
    /// Somebody else changed it meanwhile.
    pub(crate) is_mixed: bool,
    n_calls: usize,
}

impl Deeds {
    /// Tells whether a file is being changed by calls, or was and nobody took note.
    pub(crate) fn are_on(&self, path: &str) -> bool {
        self.files().contains_key(path)
    }

    /// Waits until a call ends that changed files.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Takes what calls did that have ended, to wanted files.
    pub(crate) fn take(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<(Arc<str>, Deed)> {
        let mut files = self.files();
        let is_it = |path: &Arc<str>, deed: &mut Deed| deed.n_calls == 0 && is_wanted(path);
        files.extract_if(is_it).collect()
    }

    fn files(&self) -> MutexGuard<'_, HashMap<Arc<str>, Deed>> {
        self.files.lock().expect("no holder of this lock panics")
    }
}

impl Deed {
    fn found(&mut self, stamp: Option<Stamp>) {
        self.is_mixed |= self.after != stamp;
    }
}

/// What one call does. Its end is the end of the call.
pub(super) struct CallDeeds {
    deeds: Arc<Deeds>,
    root: Arc<Root>,
    paths: Mutex<HashSet<Arc<str>>>,
}

impl CallDeeds {
    pub(super) fn new(deeds: Arc<Deeds>, root: Arc<Root>) -> Self {
        Self {
            deeds,
            root,
            paths: Mutex::default(),
        }
    }

    pub(super) fn begin(&self, place: &Place, before: Option<Stamp>) {
        let path: Arc<str> = Arc::from(place.text());
        let is_first = self.paths().insert(Arc::clone(&path));
        let mut files = self.deeds.files();
        let deed = files.entry(path).or_insert(Deed {
            before,
            after: before,
            is_mixed: false,
            n_calls: 0,
        });
        deed.n_calls += usize::from(is_first);
        deed.found(before);
    }

    pub(super) fn end(&self, place: &Place, after: Option<Stamp>) {
        if let Some(deed) = self.deeds.files().get_mut(place.text().as_str()) {
            deed.after = after;
        }
    }

    fn paths(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.paths.lock().expect("no holder of this lock panics")
    }
}

impl Drop for CallDeeds {
    fn drop(&mut self) {
        let paths = std::mem::take(&mut *self.paths());
        if paths.is_empty() {
            return;
        }
        for path in paths {
            let found = self.root.stamp(&Place::of(&path)).ok().flatten();
            if let Some(deed) = self.deeds.files().get_mut(&path) {
                deed.found(found);
                deed.n_calls = deed.n_calls.saturating_sub(1);
            }
        }
        self.deeds.ended.notify_one();
    }
}
