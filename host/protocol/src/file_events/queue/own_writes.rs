//! What calls of the app do to files, until it is clear what that means for events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::file_events::FileStamp;

/// What calls did to one file.
#[derive(Clone, Copy, Debug)]
pub struct OwnWrite {
    /// The file before the first of them.
    pub before: Option<FileStamp>,
    /// The file as they left it.
    pub after: Option<FileStamp>,
    /// Somebody else changed it meanwhile.
    pub had_other_writer: bool,
}

impl OwnWrite {
    /// Returns both in one.
    fn then(self, next: Self) -> Self {
        let is_gap = self.after != next.before;
        Self {
            before: self.before,
            after: next.after,
            had_other_writer: self.had_other_writer || next.had_other_writer || is_gap,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct OwnWrites {
    /// Files that calls are changing.
    open: HashSet<Arc<str>>,
    /// Files that they have changed.
    ended: HashMap<Arc<str>, OwnWrite>,
}

impl OwnWrites {
    /// Tells whether it is not clear yet what the app did to a file.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.open.contains(path) || self.ended.contains_key(path)
    }

    pub(super) fn began(&mut self, path: Arc<str>) {
        self.open.insert(path);
    }

    pub(super) fn ended(&mut self, path: Arc<str>, write: OwnWrite) {
        self.open.remove(&path);
        let all = match self.ended.get(&path) {
            Some(earlier) => earlier.then(write),
            None => write,
        };
        self.ended.insert(path, all);
    }

    /// Forgets a file of which no event is ever delivered.
    pub(super) fn forget(&mut self, path: &str) {
        self.open.remove(path);
    }

    /// Returns what was done to a file. While calls are changing it again, that is not known.
    pub(super) fn get(&self, path: &str) -> Option<&OwnWrite> {
        self.ended.get(path).filter(|_| !self.open.contains(path))
    }

    pub(super) fn take(&mut self, path: &str) -> Option<OwnWrite> {
        self.get(path)?;
        self.ended.remove(path)
    }
}
