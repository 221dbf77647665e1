//! Hints at what may have changed. The kernel loses events when a queue is full
//! or a folder is new, so scanning stays the truth.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher as _};
use syft_protocol::address::{Address, FileKind, Folder, request_file};
use tokio::sync::Notify;

/// Distinct hints that are held at one time. Beyond it they become one: scan
/// everything.
const MAX_HINTS: usize = 16_384;

/// What may have changed since the last look.
#[derive(Debug, Default)]
pub struct Hints {
    /// Request files that were written or moved in.
    pub requests: HashSet<Address>,
    /// Folders that were made or moved in. What was put into one before the
    /// kernel watched it gave no event.
    pub folders: HashSet<Vec<String>>,
    /// Events were lost: everything may have changed.
    pub everything: bool,
}

impl Hints {
    fn bound(&mut self) {
        if self.requests.len() + self.folders.len() > MAX_HINTS {
            *self = Self {
                everything: true,
                ..Self::default()
            };
        }
    }
}

/// Watches a folder with all below it until it is dropped.
pub struct Watcher {
    _watcher: RecommendedWatcher,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    hints: Mutex<Hints>,
    changed: Notify,
}

impl Watcher {
    /// Starts to watch.
    ///
    /// # Errors
    /// The kernel refuses, for instance since the limit of watches is reached.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (root, sink) = (path.to_owned(), Arc::clone(&shared));
        // The callback only notes what happened: the kernel's queue overflows
        // where it is slow.
        let callback = move |event: notify::Result<notify::Event>| {
            let mut hints = sink.hints.lock().expect("no holder of this lock panics");
            match event {
                Ok(event) => note(&mut hints, &root, &event),
                Err(error) => {
                    tracing::warn!("the watcher failed, scanning instead: {error}");
                    hints.everything = true;
                }
            }
            hints.bound();
            drop(hints);
            sink.changed.notify_one();
        };
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(callback, config).context("start the watcher")?;
        watcher
            .watch(path, RecursiveMode::Recursive)
            .with_context(|| format!("watch {}", path.display()))?;
        Ok(Self {
            _watcher: watcher,
            shared,
        })
    }

    /// Returns what may have changed, once something may have.
    pub async fn hints(&self) -> Hints {
        loop {
            let hints = std::mem::take(
                &mut *self
                    .shared
                    .hints
                    .lock()
                    .expect("no holder of this lock panics"),
            );
            if hints.everything || !hints.requests.is_empty() || !hints.folders.is_empty() {
                return hints;
            }
            self.shared.changed.notified().await;
        }
    }
}

fn note(hints: &mut Hints, root: &Path, event: &notify::Event) {
    if event.need_rescan() {
        hints.everything = true;
        return;
    }
    let arrived = match event.kind {
        EventKind::Create(_)
        | EventKind::Modify(ModifyKind::Name(RenameMode::To))
        | EventKind::Access(AccessKind::Close(AccessMode::Write)) => event.paths.first(),
        _ => None,
    };
    let Some(segments) = arrived.and_then(|path| segments_below(root, path)) else {
        return;
    };
    let Some((name, parents)) = segments.split_last() else {
        return;
    };
    match request_file(name) {
        FileKind::Request(id) => {
            let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
            if let Some(folder) = Folder::parse(&parents) {
                hints.requests.insert(Address::new(Arc::new(folder), id));
            }
        }
        FileKind::Other if may_be_folder(event.kind) => {
            hints.folders.insert(segments);
        }
        _ => {}
    }
}

/// Tells whether an event may stand for a folder. Only a rename does not say
/// what it moved.
fn may_be_folder(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Create(CreateKind::Folder | CreateKind::Any)
            | EventKind::Modify(ModifyKind::Name(RenameMode::To))
    )
}

fn segments_below(root: &Path, path: &Path) -> Option<Vec<String>> {
    path.strip_prefix(root)
        .ok()?
        .components()
        .map(|part| part.as_os_str().to_str().map(str::to_owned))
        .collect()
}
