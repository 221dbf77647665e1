//! Hints at what changes in the folders that may hold watched files.

use std::collections::{HashMap, HashSet};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::file_events::FileHint;
use tokio::sync::Notify;

use crate::eyes::{self, Event, Interest, Observer, What};

/// Distinct hints that are held at one time. Beyond it they become one: scan
/// everything.
const MAX_HINTS: usize = 65_536;

/// What may have changed since the last look.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Files, or what may be such.
    pub(super) files: HashMap<Arc<str>, FileHint>,
    /// Folders that were made or moved in.
    pub(super) new_folders: HashSet<Arc<str>>,
    /// Folders that were removed or moved away.
    pub(super) gone_folders: HashSet<Arc<str>>,
    /// Events were lost: everything may have changed.
    pub(super) everything: bool,
}

impl Hints {
    fn is_empty(&self) -> bool {
        self.len() == 0 && !self.everything
    }

    fn len(&self) -> usize {
        self.files.len() + self.new_folders.len() + self.gone_folders.len()
    }

    fn note(&mut self, event: &Event<'_>) {
        match (event.is_folder, event.what) {
            (true, What::Made | What::MovedIn) => drop(self.new_folders.insert(event.path())),
            (true, What::Gone) => drop(self.gone_folders.insert(event.path())),
            (true, _) => {}
            (false, what) => hint(&mut self.files, event.path(), what),
        }
        if self.len() > MAX_HINTS {
            *self = Self {
                everything: true,
                ..Self::default()
            };
        }
    }
}

/// Keeps the last that is known about who writes.
fn hint(files: &mut HashMap<Arc<str>, FileHint>, path: Arc<str>, what: What) {
    let hint = match what {
        What::Written | What::MovedIn => FileHint::Whole,
        What::Made | What::Changing => FileHint::Writing,
        What::Gone | What::Touched => {
            files.entry(path).or_insert(FileHint::Unknown);
            return;
        }
    };
    files.insert(path, hint);
}

/// Watches folders until it is dropped.
pub(super) struct Eyes {
    eyes: eyes::Eyes,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    hints: Mutex<Hints>,
    changed: Notify,
}

impl Eyes {
    /// Returns eyes that watch nothing yet.
    pub(super) fn new() -> Self {
        let shared = Arc::new(Shared::default());
        Self {
            eyes: eyes::Eyes::new(Arc::clone(&shared) as Arc<dyn Observer>),
            shared,
        }
    }

    /// Watches a folder that is open under this path, if that can be.
    pub(super) fn cover(&self, folder: BorrowedFd<'_>, path: &Arc<str>) {
        self.eyes.cover(folder, path, Interest::Everything, None);
    }

    /// Watches a folder and those below it no more, since they are gone from there.
    pub(super) fn forget(&self, path: &str) {
        self.eyes.forget(path);
    }

    /// Returns what may have changed, once something may have.
    pub(super) async fn hints(&self) -> Hints {
        loop {
            let hints = std::mem::take(&mut *self.shared.hints());
            if !hints.is_empty() {
                return hints;
            }
            self.shared.changed.notified().await;
        }
    }
}

impl Shared {
    fn hints(&self) -> MutexGuard<'_, Hints> {
        self.hints.lock().expect("no holder of this lock panics")
    }
}

impl Observer for Shared {
    fn note(&self, event: &Event<'_>) {
        self.hints().note(event);
        self.changed.notify_one();
    }

    fn lost(&self) {
        self.hints().everything = true;
        self.changed.notify_one();
    }
}
