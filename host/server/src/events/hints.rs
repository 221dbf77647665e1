//! Hints at what changes in the folders that may hold watched files.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::file_events::FileHint;
use syft_system::Dir;
use syft_system::watch::{ChangeKind, ChangeObserver, FolderChange, FolderWatcher, WatchMask};
use tokio::sync::Notify;

/// Distinct hints that are held at one time. Beyond it they become one: scan
/// everything.
const MAX_HINTS: usize = 65_536;

/// What may have changed since the last look.
#[derive(Debug, Default)]
pub(crate) struct Hints {
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

    fn note(&mut self, event: &FolderChange<'_>) {
        match (event.is_folder, event.what) {
            (true, ChangeKind::Made | ChangeKind::MovedIn) => {
                self.new_folders.insert(event.path());
            }
            (true, ChangeKind::Gone) => drop(self.gone_folders.insert(event.path())),
            (true, _) => {}
            (false, what) => hint(&mut self.files, event.path(), what),
        }
        self.bound();
    }

    fn bound(&mut self) {
        if self.len() > MAX_HINTS {
            *self = Self {
                everything: true,
                ..Self::default()
            };
        }
    }
}

/// Keeps the last that is known about who writes.
fn hint(files: &mut HashMap<Arc<str>, FileHint>, path: Arc<str>, what: ChangeKind) {
    let hint = match what {
        ChangeKind::Written | ChangeKind::MovedIn => FileHint::Whole,
        ChangeKind::Made | ChangeKind::Changing => FileHint::Writing,
        ChangeKind::Gone | ChangeKind::Touched => {
            files.entry(path).or_insert(FileHint::Unknown);
            return;
        }
    };
    files.insert(path, hint);
}

/// Watches folders until it is dropped.
pub(super) struct HintQueue {
    folders: FolderWatcher,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    hints: Mutex<Hints>,
    changed: Notify,
}

impl HintQueue {
    /// Returns a queue that watches nothing yet.
    pub(super) fn new() -> Self {
        let shared = Arc::new(Shared::default());
        Self {
            folders: FolderWatcher::new(Arc::clone(&shared) as Arc<dyn ChangeObserver>),
            shared,
        }
    }

    /// Watches a folder that is open under this path, if that can be.
    pub(super) fn cover(&self, folder: &Dir, path: &Arc<str>) {
        self.folders
            .cover(folder, path, WatchMask::Everything, None);
    }

    /// Watches a folder and those below it no more, since they are gone from there.
    pub(super) fn forget(&self, path: &str) {
        self.folders.forget(path);
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

impl ChangeObserver for Shared {
    fn note(&self, event: &FolderChange<'_>) {
        self.hints().note(event);
        self.changed.notify_one();
    }

    fn changed(&self, folder: &Arc<str>) {
        let mut hints = self.hints();
        hints.new_folders.insert(Arc::clone(folder));
        hints.bound();
        self.changed.notify_one();
    }

    fn lost(&self) {
        self.hints().everything = true;
        self.changed.notify_one();
    }
}
