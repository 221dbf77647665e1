//! Hints at what may have changed. The kernel loses events when a queue is full,
//! so scanning stays the truth.
//!
//! Each folder is watched by itself, and only those that hold requests or lead to
//! such: what strangers nest below costs nothing. A folder is watched before it is
//! read, so nothing falls between the two.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use syft_protocol::address::{Address, FileKind, Folder, request_file};
use tokio::sync::Notify;

/// Distinct hints that are held at one time. Beyond it they become one: scan
/// everything.
const MAX_HINTS: usize = 16_384;

/// Folders that are watched at most. The kernel's limit is for all programs of a
/// user together, the SyftBox client among them.
const MAX_WATCHED: usize = 50_000;

/// What may have changed since the last look.
#[derive(Debug, Default)]
pub struct Hints {
    /// Request files that were written or moved in.
    pub requests: HashSet<Address>,
    /// Folders that were made or moved in, as names below the watched root.
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

/// Watches folders until it is dropped.
pub struct Watcher {
    root: PathBuf,
    watched: Mutex<Watched>,
    shared: Arc<Shared>,
}

struct Watched {
    watcher: RecommendedWatcher,
    folders: HashSet<PathBuf>,
    is_full: bool,
}

#[derive(Default)]
struct Shared {
    hints: Mutex<Hints>,
    changed: Notify,
}

impl Watcher {
    /// Starts to watch a folder, without those in it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn new(root: &Path) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(callback(root, &shared), config)
            .context("start to watch (see fs.inotify.max_user_instances)")?;
        watcher
            .watch(root, RecursiveMode::NonRecursive)
            .with_context(|| {
                format!("watch {} (see fs.inotify.max_user_watches)", root.display())
            })?;
        Ok(Self {
            root: root.to_owned(),
            watched: Mutex::new(Watched {
                watcher,
                folders: HashSet::from([root.to_owned()]),
                is_full: false,
            }),
            shared,
        })
    }

    /// Watches a folder below the root as well. `is_new` says that it was just made
    /// or moved in, so that an earlier one of its name is not it.
    pub fn cover(&self, names: &[&str], is_new: bool) {
        let path = names
            .iter()
            .fold(self.root.clone(), |path, name| path.join(name));
        let mut watched = self.watched();
        if watched.is_full || (!is_new && watched.folders.contains(&path)) {
            return;
        }
        let result = match watched.folders.len() < MAX_WATCHED {
            true => watched.watcher.watch(&path, RecursiveMode::NonRecursive),
            false => Err(notify::Error::new(ErrorKind::MaxFilesWatch)),
        };
        match result {
            Ok(()) => {
                watched.folders.insert(path);
            }
            Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => {
                watched.is_full = true;
                let n_watched = watched.folders.len();
                tracing::warn!(
                    n_watched,
                    "no more folders can be watched (see fs.inotify.max_user_watches): \
                     requests in others are found by scanning, some seconds later"
                );
            }
            // It is gone, or no folder.
            Err(error) => tracing::debug!(path = %path.display(), "not watched: {error}"),
        }
    }

    /// Returns what may have changed, once something may have.
    pub async fn hints(&self) -> Hints {
        loop {
            let hints = std::mem::take(&mut *self.shared.hints());
            if hints.everything || !hints.requests.is_empty() || !hints.folders.is_empty() {
                return hints;
            }
            self.shared.changed.notified().await;
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().expect("no holder of this lock panics")
    }
}

impl Shared {
    fn hints(&self) -> std::sync::MutexGuard<'_, Hints> {
        self.hints.lock().expect("no holder of this lock panics")
    }
}

/// Returns what the watcher calls. It only notes what happened: the kernel's queue
/// overflows where it is slow.
fn callback(root: &Path, shared: &Arc<Shared>) -> impl Fn(notify::Result<notify::Event>) + use<> {
    let (root, shared) = (root.to_owned(), Arc::clone(shared));
    move |event| {
        let mut hints = shared.hints();
        match event {
            Ok(event) => note(&mut hints, &root, &event),
            Err(_) => hints.everything = true,
        }
        hints.bound();
        drop(hints);
        shared.changed.notify_one();
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
