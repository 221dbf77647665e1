//! Hints at what may have changed. The kernel loses events when a queue is full,
//! so scanning stays the truth.
//!
//! Each folder is watched by itself, and only those that hold requests or lead to
//! such: what strangers nest below costs nothing.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::address::{FileKind, Folder, RequestId, request_file};
use syft_system::Dir;
use syft_system::watch::{ChangeKind, ChangeObserver, FolderChange, FolderWatcher, WatchMask};
use tokio::sync::Notify;

pub(super) use super::watch_slots::FolderGrade;
use super::watch_slots::{SlotClaim, WatchSlots};

/// Distinct hints that are held at one time. Beyond it they become one: scan
/// everything.
const MAX_HINTS: usize = 16_384;

/// What may have changed since the last look. Folders are paths below the watched root.
#[derive(Debug, Default)]
pub struct TreeHints {
    /// Requests that were written or moved in, by their folders.
    pub requests: HashMap<Arc<str>, HashSet<RequestId>>,
    /// Folders that were made or moved in.
    pub new_folders: HashSet<Arc<str>>,
    /// Folders that were moved away.
    pub gone_folders: HashSet<Arc<str>>,
    /// Events were lost: everything may have changed.
    pub everything: bool,
    n_noted: usize,
}

impl TreeHints {
    fn is_empty(&self) -> bool {
        self.n_noted == 0 && !self.everything
    }

    /// Takes note of an event, and tells whether it says anything.
    fn note(&mut self, event: &FolderChange<'_>) -> bool {
        let is_new = match (event.is_folder, event.what) {
            (true, ChangeKind::Made | ChangeKind::MovedIn) => self.new_folders.insert(event.path()),
            (true, ChangeKind::Gone) => self.gone_folders.insert(event.path()),
            // A file that is only made is empty still.
            (false, what) if what.brings_a_file() => match request_file(event.name) {
                FileKind::Request(id) => self.requests_in(event.folder).insert(id),
                _ => false,
            },
            _ => false,
        };
        self.count(is_new);
        is_new
    }

    fn count(&mut self, is_new: bool) {
        self.n_noted += usize::from(is_new);
        if self.n_noted > MAX_HINTS {
            *self = Self {
                everything: true,
                ..Self::default()
            };
        }
    }

    fn requests_in(&mut self, folder: &Arc<str>) -> &mut HashSet<RequestId> {
        self.requests.entry(Arc::clone(folder)).or_default()
    }
}

/// Whether a folder is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WatchResult {
    Watched,
    /// Others are, before it.
    Left,
    /// The kernel watches no more, for now.
    Refused,
}

/// Watches folders until it is dropped.
pub struct TreeWatcher {
    folders: FolderWatcher,
    /// Is never locked while the folders are asked for something.
    slots: Mutex<WatchSlots>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    hints: Mutex<TreeHints>,
    changed: Notify,
}

impl TreeWatcher {
    /// Returns a watcher of no folder yet, for an app with so many endpoints.
    pub fn start(n_endpoints: usize) -> Self {
        let shared = Arc::new(Shared::default());
        Self {
            folders: FolderWatcher::new(Arc::clone(&shared) as Arc<dyn ChangeObserver>),
            slots: Mutex::new(WatchSlots::new(n_endpoints)),
            shared,
        }
    }

    fn slots(&self) -> MutexGuard<'_, WatchSlots> {
        self.slots.lock().expect("no holder of this lock panics")
    }

    /// Watches a folder that leads to endpoints, if that can be.
    pub(super) fn cover_way(&self, dir: &Dir, path: &str) {
        let path = Arc::from(path);
        self.folders
            .cover(dir, &path, WatchMask::ArrivalsAndFolders, None);
    }

    /// Watches a folder that is open, if that can be and no other goes before.
    pub(super) fn cover(&self, dir: &Dir, folder: &Folder, grade: FolderGrade) -> WatchResult {
        let path: Arc<str> = Arc::from(folder.segments().collect::<Vec<_>>().join("/"));
        let endpoint = folder.endpoint().as_str();
        if folder.sender().is_none() {
            let interest = WatchMask::ArrivalsAndFolders;
            return if self.folders.cover(dir, &path, interest, None) {
                WatchResult::Watched
            } else {
                WatchResult::Refused
            };
        }
        let claim = self.slots().claim(endpoint, &path, grade);
        let instead = match claim {
            SlotClaim::Full => return WatchResult::Left,
            SlotClaim::Free => None,
            SlotClaim::Instead(other) => Some(other),
        };
        let cover = |instead: Option<&str>| {
            let interest = WatchMask::Arrivals;
            self.folders.cover(dir, &path, interest, instead)
        };
        if cover(instead.as_deref()) {
            return WatchResult::Watched;
        }
        // Of what the kernel gives us, too, the active ones have their share first.
        let instead = self.slots().replace(endpoint, &path, grade);
        if instead.is_some_and(|other| cover(Some(&other))) {
            return WatchResult::Watched;
        }
        self.slots().leave(endpoint, &path);
        WatchResult::Refused
    }

    /// Has those give way first that are longest without a request.
    fn note_active(&self, hints: &TreeHints) {
        let mut slots = self.slots();
        for path in hints.requests.keys() {
            let endpoint = path.rsplit_once('/').map_or("", |(endpoint, _)| endpoint);
            slots.touch(endpoint, path);
        }
    }

    /// Gives the places of folders to others that are gone.
    pub fn tidy_up(&self) {
        let watched = self.folders.paths();
        self.slots().retain(|path| watched.contains(path));
    }

    /// Watches a folder and those below it no more.
    pub fn forget(&self, path: &str) {
        self.folders.forget(path);
    }

    /// Returns what may have changed, once something may have.
    pub async fn hints(&self) -> TreeHints {
        loop {
            let hints = std::mem::take(&mut *self.shared.hints());
            if !hints.is_empty() {
                self.note_active(&hints);
                return hints;
            }
            self.shared.changed.notified().await;
        }
    }
}

impl Shared {
    fn hints(&self) -> MutexGuard<'_, TreeHints> {
        self.hints.lock().expect("no holder of this lock panics")
    }
}

impl ChangeObserver for Shared {
    fn note(&self, event: &FolderChange<'_>) {
        // The host's own answers are events, too, and wake nobody.
        if self.hints().note(event) {
            self.changed.notify_one();
        }
    }

    fn changed(&self, folder: &Arc<str>) {
        let mut hints = self.hints();
        let is_new = hints.new_folders.insert(Arc::clone(folder));
        hints.count(is_new);
        self.changed.notify_one();
    }

    fn lost(&self) {
        self.hints().everything = true;
        self.changed.notify_one();
    }
}
