//! What the kernel says of the folders in which messages wait for their answers.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_system::Dir;
use syft_system::watch::{ChangeObserver, FolderChange, FolderWatcher, WatchMask};
use tokio::sync::Notify;
use uuid::Uuid;

/// Messages of which something is known, and nobody has asked yet. Where there are more, looks
/// from time to time find them.
const MOST: usize = 16_384;

/// Watches the folders of messages, each as long as a message waits there.
pub(super) struct AnswerHints {
    watcher: FolderWatcher,
    shared: Arc<Shared>,
    folders: Mutex<Folders>,
}

/// Which message waits where.
#[derive(Default)]
struct Folders {
    of: HashMap<Uuid, Arc<str>>,
    n_waiting: HashMap<Arc<str>, usize>,
}

#[derive(Default)]
struct Shared {
    ids: Mutex<HashSet<Uuid>>,
    changed: Notify,
}

impl AnswerHints {
    /// Returns hints at nothing yet.
    pub(super) fn new() -> Self {
        let shared = Arc::new(Shared::default());
        Self {
            watcher: FolderWatcher::new(Arc::clone(&shared) as Arc<dyn ChangeObserver>),
            shared,
            folders: Mutex::default(),
        }
    }

    /// Watches the folder in which a message waits, which is open under this path. If it cannot
    /// be watched, looks from time to time find the answer.
    pub(super) fn watch(&self, id: Uuid, folder: &Dir, path: &str) {
        let path: Arc<str> = Arc::from(path);
        let mut folders = self.folders();
        // Also where it is known: another folder may have its name by now.
        self.watcher.cover(folder, &path, WatchMask::Arrivals, None);
        if folders.of.insert(id, Arc::clone(&path)).is_none() {
            *folders.n_waiting.entry(path).or_default() += 1;
        }
    }

    /// Tells whether the folder of a message is watched.
    pub(super) fn knows(&self, id: Uuid) -> bool {
        self.folders().of.contains_key(&id)
    }

    /// Takes note that a message does not wait any more.
    pub(super) fn forget(&self, id: Uuid) {
        let mut folders = self.folders();
        let Some(path) = folders.of.remove(&id) else {
            return;
        };
        if let Some(n_waiting) = folders.n_waiting.get_mut(&path) {
            *n_waiting -= 1;
            if *n_waiting == 0 {
                folders.n_waiting.remove(&path);
                self.watcher.forget(&path);
            }
        }
    }

    fn folders(&self) -> MutexGuard<'_, Folders> {
        self.folders.lock().expect("no holder of this lock panics")
    }

    /// Returns the messages of which something may have come, once something may have.
    pub(super) async fn next(&self) -> HashSet<Uuid> {
        loop {
            let ids = std::mem::take(&mut *self.shared.lock());
            if !ids.is_empty() {
                return ids;
            }
            self.shared.changed.notified().await;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        self.ids.lock().expect("no holder of this lock panics")
    }
}

impl ChangeObserver for Shared {
    fn note(&self, event: &FolderChange<'_>) {
        let Some(id) = answered(event.name) else {
            return;
        };
        let mut ids = self.lock();
        if ids.len() < MOST {
            ids.insert(id);
            self.changed.notify_one();
        }
    }

    /// Looks from time to time find what came.
    fn changed(&self, _folder: &Arc<str>) {}
    fn lost(&self) {}
}

/// Returns the message that a file is an answer to, or a mark of.
fn answered(name: &str) -> Option<Uuid> {
    let (stem, rest) = name.split_once('.')?;
    // The request itself says nothing new.
    let says_something = matches!(
        rest,
        "response" | "syftrejected.request" | "rejected.request"
    );
    says_something.then(|| Uuid::try_parse(stem).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_marks_are_of_a_message() {
        let id = "c9c22855-686a-49f9-b6f2-11c98f11b79a";
        for (end, expected) in [
            ("response", true),
            ("syftrejected.request", true),
            ("rejected.request", true),
            ("request", false),
            ("response.tmp", false),
        ] {
            let found = answered(&format!("{id}.{end}"));
            assert_eq!(found.is_some(), expected, "{end}");
        }
        assert_eq!(answered("x.response"), None);
        assert_eq!(answered("response"), None);
    }
}
