//! Hints at what changes in folders: on Linux by inotify, elsewhere by what `notify` has.
//!
//! A hint may be lost or wrong, also where somebody has put another folder in the place of the
//! watched one: whoever is told looks for themselves, and looks at everything from time to time.

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod linux;
mod paths;
#[cfg(any(test, feature = "portable", not(target_os = "linux")))]
#[cfg_attr(
    all(target_os = "linux", not(feature = "portable")),
    allow(
        dead_code,
        unreachable_pub,
        reason = "tests try both, and programs have one"
    )
)]
mod portable;
#[cfg(test)]
mod tests;

use std::sync::Arc;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub use linux::FolderWatcher;
pub use paths::{Depth, PathChange, PathChangeKind, PathWatch};
#[cfg(any(feature = "portable", not(target_os = "linux")))]
pub use portable::FolderWatcher;

/// Learns what happens in a folder. Whoever tells of it must not be kept waiting: the system's queue
/// overflows where nobody reads it.
pub trait ChangeObserver: Send + Sync {
    /// Takes note of a change.
    fn note(&self, change: &FolderChange<'_>);
    /// Takes note that something in a folder changed, where the system does not say what.
    fn changed(&self, folder: &Arc<str>);
    /// Takes note that changes were lost: everything may have changed.
    fn lost(&self);
}

/// Something happened to a file or folder.
#[derive(Debug)]
pub struct FolderChange<'a> {
    /// The path of the folder that it is in, as it was given.
    pub folder: &'a Arc<str>,
    /// Its name.
    pub name: &'a str,
    /// It is a folder.
    pub is_folder: bool,
    /// What happened.
    pub what: ChangeKind,
}

impl FolderChange<'_> {
    /// Returns the path of what it happened to.
    pub fn path(&self) -> Arc<str> {
        if self.folder.is_empty() {
            Arc::from(self.name)
        } else {
            Arc::from(format!("{}/{}", self.folder, self.name))
        }
    }
}

/// What happened to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was written, and is no longer open for that. Linux alone says so.
    Written,
    /// It has come here, from another place.
    MovedIn,
    /// It was made.
    Made,
    /// It is being written.
    Changing,
    /// It was deleted or moved away.
    Gone,
    /// Something about it was changed, or another name of it.
    Touched,
}

impl ChangeKind {
    /// Tells whether a file is worth a look that somebody waits for: once it is whole, where the
    /// system says when it is, and else whenever something was written.
    pub fn brings_a_file(self) -> bool {
        match self {
            Self::Written | Self::MovedIn => true,
            Self::Made | Self::Changing => !SAYS_WHEN_CLOSED,
            Self::Gone | Self::Touched => false,
        }
    }
}

/// Whether the system says when a file that was written is closed.
const SAYS_WHEN_CLOSED: bool = cfg!(all(target_os = "linux", not(feature = "portable")));

/// What somebody wants to know of a folder. Systems may tell more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchMask {
    /// Files that are written or moved in.
    Arrivals,
    /// These, and folders that come and go.
    ArrivalsAndFolders,
    /// Whatever changes.
    Everything,
}
