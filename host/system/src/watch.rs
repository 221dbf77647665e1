//! Hints at what changes in a folder and below it, by notify: for systems that watch a whole tree
//! at once.
//!
//! A hint may be lost or wrong, also where somebody has put another folder in the place of the
//! watched one: whoever is told looks for themselves, and looks at everything from time to time.

mod paths;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};

pub use paths::{Depth, PathChange, PathChangeKind, PathWatch};

/// Learns what happens in a folder. Whoever tells of it must not be kept waiting.
pub trait TreeObserver: Send + Sync {
    /// Takes note of a change.
    fn note(&self, change: &TreeChange<'_>);
    /// Takes note that changes were lost: everything may have changed.
    fn lost(&self);
}

/// Something happened to a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeChange<'a> {
    /// The path of the folder that it is in, below the watched one; its names with slashes.
    pub folder: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What happened.
    pub what: TreeChangeKind,
}

/// What happened to something. Systems tell more or less of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeChangeKind {
    /// It was written, and may be open for that still.
    Written,
    /// It has come here, from another place.
    MovedIn,
    /// It was made.
    Made,
    /// It was deleted or moved away.
    Gone,
    /// Something about it was changed.
    Touched,
}

/// Watches a folder with all below it until it is dropped.
#[derive(Debug)]
pub struct TreeWatch {
    _watcher: RecommendedWatcher,
}

impl TreeWatch {
    /// Begins to watch a folder.
    ///
    /// # Errors
    /// The system watches no more, or the folder is not there.
    pub fn start(folder: &Path, observer: Arc<dyn TreeObserver>) -> notify::Result<Self> {
        // Systems tell of real paths.
        let root = folder.canonicalize().map_err(notify::Error::io)?;
        let tree = root.clone();
        let tell = move |told: notify::Result<Event>| match told {
            Ok(event) if !event.need_rescan() => tell(&root, &event, &*observer),
            Ok(_) | Err(_) => observer.lost(),
        };
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(tell, config)?;
        watcher.watch(&tree, RecursiveMode::Recursive)?;
        Ok(Self { _watcher: watcher })
    }
}

/// Tells of an event.
fn tell(root: &Path, event: &Event, observer: &dyn TreeObserver) {
    let n_paths = event.paths.len();
    for (n, path) in event.paths.iter().enumerate() {
        let Some(what) = what(event.kind, n, n_paths) else {
            continue;
        };
        // No request and no guest could name what is no text.
        if let Some((folder, name)) = below(root, path) {
            observer.note(&TreeChange {
                folder: &folder,
                name: &name,
                what,
            });
        }
    }
}

/// Returns what happened to one of the paths of an event, if it is anything.
fn what(kind: EventKind, n: usize, n_paths: usize) -> Option<TreeChangeKind> {
    Some(match kind {
        EventKind::Create(_) => TreeChangeKind::Made,
        EventKind::Remove(_) => TreeChangeKind::Gone,
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => TreeChangeKind::Written,
        // Our own reading, too.
        EventKind::Access(_) => return None,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => TreeChangeKind::Gone,
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) if n + 1 < n_paths => {
            TreeChangeKind::Gone
        }
        EventKind::Modify(ModifyKind::Name(_)) => TreeChangeKind::MovedIn,
        EventKind::Modify(ModifyKind::Metadata(_)) => TreeChangeKind::Touched,
        EventKind::Modify(_) | EventKind::Any | EventKind::Other => TreeChangeKind::Written,
    })
}

/// Returns the folder and the name of a path below the watched folder.
fn below(root: &Path, path: &Path) -> Option<(String, String)> {
    let below: PathBuf = path.strip_prefix(root).ok()?.to_owned();
    let mut names = Vec::new();
    for component in below.components() {
        let Component::Normal(name) = component else {
            return None;
        };
        names.push(name.to_str()?);
    }
    let name = names.pop()?.to_owned();
    Some((names.join("/"), name))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;

    struct Told(Mutex<Sender<(String, TreeChangeKind)>>);

    impl TreeObserver for Told {
        fn note(&self, change: &TreeChange<'_>) {
            let path = format!("{}/{}", change.folder, change.name);
            let sender = self.0.lock().expect("nobody panics");
            sender.send((path, change.what)).ok();
        }

        fn lost(&self) {}
    }

    /// Waits for a change of a path that is one of these.
    fn wait_for(told: &Receiver<(String, TreeChangeKind)>, path: &str, kinds: &[TreeChangeKind]) {
        loop {
            let next = told.recv_timeout(Duration::from_secs(60));
            let (changed, what) = next.unwrap_or_else(|_| panic!("nobody told of {path}"));
            if changed == path && kinds.contains(&what) {
                return;
            }
        }
    }

    fn watch(folder: &Path) -> (TreeWatch, Receiver<(String, TreeChangeKind)>) {
        let (sender, told) = channel();
        let observer = Arc::new(Told(Mutex::new(sender)));
        let watch = TreeWatch::start(folder, observer).expect("it can be watched");
        (watch, told)
    }

    #[test]
    fn what_comes_and_goes_is_told() {
        let site = tempfile::tempdir().expect("a folder");
        let (_watch, told) = watch(site.path());
        let path = site.path().join("x");
        fs::write(&path, "text").expect("a file");
        wait_for(
            &told,
            "/x",
            &[TreeChangeKind::Made, TreeChangeKind::Written],
        );
        fs::remove_file(&path).expect("removed");
        wait_for(&told, "/x", &[TreeChangeKind::Gone]);
    }

    #[test]
    fn what_comes_and_goes_at_any_depth_is_told() {
        let site = tempfile::tempdir().expect("a folder");
        fs::create_dir(site.path().join("sender")).expect("a folder");
        let (_watch, told) = watch(site.path());
        let path = site.path().join("sender/x.request");
        fs::write(site.path().join("sender/x.tmp"), "text").expect("a file");
        wait_for(
            &told,
            "sender/x.tmp",
            &[TreeChangeKind::Made, TreeChangeKind::Written],
        );
        fs::rename(site.path().join("sender/x.tmp"), &path).expect("renamed");
        wait_for(
            &told,
            "sender/x.request",
            &[TreeChangeKind::MovedIn, TreeChangeKind::Made],
        );
        fs::remove_file(&path).expect("removed");
        wait_for(&told, "sender/x.request", &[TreeChangeKind::Gone]);
    }

    #[test]
    fn paths_that_are_not_below_are_left_out() {
        let root = Path::new(if cfg!(windows) { "C:\\a\\b" } else { "/a/b" });
        let file = root.join("c").join("d");
        assert_eq!(below(root, &file), Some(("c".to_owned(), "d".to_owned())));
        assert_eq!(below(root, root), None);
        assert_eq!(below(root, root.parent().expect("one")), None);
        assert_eq!(below(root, &root.join("..").join("x")), None);
    }
}
