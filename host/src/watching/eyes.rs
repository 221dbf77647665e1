//! Hints at what changes in the folders that may hold watched files.
//!
//! It is inotify itself: a folder is watched by the handle that was opened without
//! following links, a folder that was moved keeps its watch and gets its new path, and
//! what the host itself opens and reads makes no event. A folder is watched before it
//! is read, so nothing falls between the two.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem::MaybeUninit;
use std::ops::Bound;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use anyhow::Context;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use syft_protocol::watching::Hint;
use tokio::sync::Notify;

/// Distinct hints that are held at one time. Beyond it they become one: scan
/// everything.
const MAX_HINTS: usize = 65_536;

/// Folders that are watched at most. The kernel's limit is for all programs of a
/// user together, the SyftBox client among them.
const MAX_WATCHED: usize = 50_000;

/// What may have changed since the last look.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// Files, or what may be such.
    pub(super) files: HashMap<Arc<str>, Hint>,
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
}

/// Watches folders until it is dropped.
pub(super) struct Eyes {
    shared: Arc<Shared>,
    /// A watch of nothing that happens. Its end wakes the thread that reads.
    sentinel: i32,
}

struct Shared {
    inotify: OwnedFd,
    is_over: AtomicBool,
    folders: Mutex<Folders>,
    hints: Mutex<Hints>,
    changed: Notify,
}

#[derive(Default)]
struct Folders {
    paths: HashMap<i32, Arc<str>>,
    watches: BTreeMap<Arc<str>, i32>,
    is_full: bool,
}

impl Eyes {
    /// Returns eyes that watch nothing yet.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn new() -> anyhow::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC)
            .context("start to watch (see fs.inotify.max_user_instances)")?;
        let sentinel = inotify::add_watch(&inotify, "/", WatchFlags::DELETE_SELF)
            .context("start to watch (see fs.inotify.max_user_watches)")?;
        let shared = Arc::new(Shared {
            inotify,
            is_over: AtomicBool::new(false),
            folders: Mutex::default(),
            hints: Mutex::default(),
            changed: Notify::new(),
        });
        // The kernel's queue overflows where nobody reads it, so this one does nothing
        // else.
        let drained = Arc::clone(&shared);
        thread::Builder::new()
            .name("eyes".to_owned())
            .spawn(move || drain(&drained))
            .context("start the thread that watches")?;
        Ok(Self { shared, sentinel })
    }

    /// Watches a folder that is open under this path.
    pub(super) fn cover(&self, folder: BorrowedFd<'_>, path: &Arc<str>) {
        let mut folders = self.shared.folders();
        let is_known = folders.watches.contains_key(path);
        if !is_known && (folders.is_full || folders.watches.len() >= MAX_WATCHED) {
            return folders.fill();
        }
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::ONLYDIR;
        let handle = format!("/proc/self/fd/{}", folder.as_raw_fd());
        match inotify::add_watch(&self.shared.inotify, handle, flags) {
            Ok(watch) => folders.insert(watch, path),
            Err(Errno::NOSPC | Errno::NOMEM) => folders.fill(),
            Err(error) => tracing::warn!(%path, "a folder is not watched, only scanned: {error}"),
        }
    }

    /// Watches a folder and those below it no more, since they are gone from there.
    pub(super) fn forget(&self, path: &str) {
        let mut folders = self.shared.folders();
        for watch in folders.remove_below(path) {
            // It may have gone with its folder.
            if let Err(error) = inotify::remove_watch(&self.shared.inotify, watch) {
                tracing::debug!(path, "a watch is gone already: {error}");
            }
        }
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

impl Drop for Eyes {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Err(error) = inotify::remove_watch(&self.shared.inotify, self.sentinel) {
            tracing::debug!("the thread that watches stays: {error}");
        }
    }
}

impl Shared {
    fn folders(&self) -> MutexGuard<'_, Folders> {
        self.folders.lock().expect("no holder of this lock panics")
    }

    fn hints(&self) -> MutexGuard<'_, Hints> {
        self.hints.lock().expect("no holder of this lock panics")
    }

    fn note(&self, event: &inotify::Event<'_>) {
        let flags = event.events();
        let mut hints = self.hints();
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            hints.everything = true;
            return;
        }
        let mut folders = self.folders();
        if flags.contains(ReadFlags::IGNORED) {
            return folders.remove(event.wd());
        }
        // A guest cannot name what is not UTF-8.
        let name = event.file_name().and_then(|name| name.to_str().ok());
        let (Some(folder), Some(name)) = (folders.paths.get(&event.wd()), name) else {
            return;
        };
        let path: Arc<str> = match folder.is_empty() {
            true => Arc::from(name),
            false => Arc::from(format!("{folder}/{name}")),
        };
        drop(folders);
        if flags.contains(ReadFlags::ISDIR) {
            if flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                hints.new_folders.insert(path);
            } else if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                hints.gone_folders.insert(path);
            }
        } else {
            hint(&mut hints.files, path, flags);
        }
        if hints.len() > MAX_HINTS {
            *hints = Hints {
                everything: true,
                ..Hints::default()
            };
        }
    }
}

/// Keeps the last that is known about who writes.
fn hint(files: &mut HashMap<Arc<str>, Hint>, path: Arc<str>, flags: ReadFlags) {
    let hint = if flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) {
        Hint::Whole
    } else if flags.intersects(ReadFlags::CREATE | ReadFlags::MODIFY) {
        Hint::Writing
    } else {
        files.entry(path).or_insert(Hint::Unknown);
        return;
    };
    files.insert(path, hint);
}

impl Folders {
    fn insert(&mut self, watch: i32, path: &Arc<str>) {
        // A folder that was moved keeps its watch, and another may lie where it was.
        if let Some(old) = self.paths.insert(watch, Arc::clone(path))
            && self.watches.get(&old) == Some(&watch)
        {
            self.watches.remove(&old);
        }
        self.watches.insert(Arc::clone(path), watch);
    }

    fn remove(&mut self, watch: i32) {
        if let Some(path) = self.paths.remove(&watch)
            && self.watches.get(&path) == Some(&watch)
        {
            self.watches.remove(&path);
        }
    }

    fn remove_below(&mut self, path: &str) -> Vec<i32> {
        let start = format!("{path}/");
        let after = (Bound::Excluded(start.as_str()), Bound::Unbounded);
        let below = self.watches.range::<str, _>(after);
        let mut gone: Vec<i32> = below
            .take_while(|(path, _)| path.starts_with(&start))
            .map(|(_, watch)| *watch)
            .collect();
        gone.extend(self.watches.get(path));
        for watch in &gone {
            self.remove(*watch);
        }
        gone
    }

    fn fill(&mut self) {
        if !std::mem::replace(&mut self.is_full, true) {
            let n_watched = self.watches.len();
            tracing::warn!(
                n_watched,
                "no more folders can be watched (see fs.inotify.max_user_watches): changes in \
                 others are found by scanning, some seconds later"
            );
        }
    }
}

/// Reads the kernel's queue, and only notes what it says.
fn drain(shared: &Shared) {
    let mut buffer = [MaybeUninit::uninit(); 32 << 10];
    let mut reader = Reader::new(&shared.inotify, &mut buffer);
    while !shared.is_over.load(Ordering::Relaxed) {
        match reader.next() {
            Ok(event) => shared.note(&event),
            Err(Errno::INTR) => {}
            Err(error) => return tracing::error!("no longer watching, only scanning: {error}"),
        }
        shared.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(folders: &mut Folders, watch: i32, path: &str) {
        folders.insert(watch, &Arc::from(path));
    }

    fn path(folders: &Folders, watch: i32) -> Option<&str> {
        folders.paths.get(&watch).map(|path| &**path)
    }

    #[test]
    fn a_folder_that_was_moved_keeps_its_watch_under_its_new_path() {
        let mut folders = Folders::default();
        insert(&mut folders, 1, "a");
        insert(&mut folders, 2, "a/b");
        // Found at its new place before it was missed at the old one.
        insert(&mut folders, 1, "c");
        insert(&mut folders, 2, "c/b");
        assert_eq!(folders.remove_below("a"), [0; 0]);
        assert_eq!(path(&folders, 1), Some("c"));
        assert_eq!(path(&folders, 2), Some("c/b"));
        // Another one came where it was.
        insert(&mut folders, 3, "a");
        folders.remove(1);
        assert_eq!(path(&folders, 3), Some("a"));
        assert_eq!(folders.watches.len(), 2);
    }

    #[test]
    fn what_is_gone_takes_all_below_it_along_and_nothing_beside_it() {
        let mut folders = Folders::default();
        for (watch, path) in ["a", "a/b", "a/b/c", "a.b", "ab", "b/a"].iter().enumerate() {
            insert(&mut folders, i32::try_from(watch).expect("a few"), path);
        }
        let mut gone = folders.remove_below("a");
        gone.sort_unstable();
        assert_eq!(gone, [0, 1, 2]);
        let left: Vec<&str> = folders.watches.keys().map(|path| &**path).collect();
        assert_eq!(left, ["a.b", "ab", "b/a"]);
    }
}
