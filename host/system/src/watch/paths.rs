//! Watching folders of the owner's by their paths.

use std::io;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// How much of a folder is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What lies in it.
    Folder,
    /// All that lies below it.
    Tree,
}

/// Something happened in a folder that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathChange {
    /// To these; nothing where the system does not say.
    pub paths: Vec<PathBuf>,
    /// What happened.
    pub what: PathChangeKind,
}

/// What happened in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathChangeKind {
    /// Something was read, by us perhaps.
    Read,
    /// A file was closed by who wrote to it. Only Linux says so.
    Closed,
    /// Rights or times were changed.
    Touched,
    /// Something was made, written, moved or removed.
    Changed,
    /// Changes were lost: anything may have happened.
    Lost,
}

/// Watches folders until it is dropped.
#[derive(Debug)]
pub struct PathWatch(RecommendedWatcher);

impl PathWatch {
    /// Begins to watch none. Whoever is told must not keep it waiting.
    ///
    /// # Errors
    /// The system watches no more.
    pub fn new(note: impl Fn(PathChange) + Send + 'static) -> io::Result<Self> {
        let note = move |event: notify::Result<notify::Event>| note(change(event));
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(note, config).map_err(in_io)?;
        Ok(Self(watcher))
    }

    /// Watches a folder, too. One that is watched already stays so.
    ///
    /// # Errors
    /// It is not there, or the system watches no more.
    pub fn add(&mut self, folder: &Path, depth: Depth) -> io::Result<()> {
        let mode = match depth {
            Depth::Folder => RecursiveMode::NonRecursive,
            Depth::Tree => RecursiveMode::Recursive,
        };
        self.0.watch(folder, mode).map_err(in_io)
    }
}

fn change(event: notify::Result<notify::Event>) -> PathChange {
    match event {
        Ok(event) => PathChange {
            what: what(event.kind),
            paths: event.paths,
        },
        Err(error) => PathChange {
            what: PathChangeKind::Lost,
            paths: error.paths,
        },
    }
}

fn what(kind: EventKind) -> PathChangeKind {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => PathChangeKind::Closed,
        EventKind::Access(_) => PathChangeKind::Read,
        EventKind::Modify(ModifyKind::Metadata(_)) => PathChangeKind::Touched,
        _ => PathChangeKind::Changed,
    }
}

fn in_io(error: notify::Error) -> io::Error {
    let kind = match &error.kind {
        ErrorKind::PathNotFound => io::ErrorKind::NotFound,
        ErrorKind::Io(error) => error.kind(),
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_happens_in_a_folder_is_told_and_what_is_not_there_is_refused() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = site.path().canonicalize().expect("a path");
        let (sender, told) = channel();
        let mut watch = PathWatch::new(move |change| drop(sender.send(change))).expect("a watch");
        watch.add(&folder, Depth::Folder).expect("it is there");
        let error = watch.add(&folder.join("none"), Depth::Folder).err();
        assert_eq!(
            error.map(|error| error.kind()),
            Some(io::ErrorKind::NotFound)
        );
        let path = folder.join("x");
        std::fs::write(&path, "text").expect("a file");
        loop {
            let change = told
                .recv_timeout(Duration::from_secs(60))
                .expect("a change");
            if change.what == PathChangeKind::Changed && change.paths.contains(&path) {
                return;
            }
        }
    }
}
