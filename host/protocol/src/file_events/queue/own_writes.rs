//! What calls of the app do to files, until it is clear what that means for events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::file_events::FileStamp;

/// States of one file that are held, while the result of an event of it is awaited.
const MOST_STATES: usize = 16;

/// What calls that ran together did to one file.
#[derive(Clone, Copy, Debug)]
pub struct OwnWrite {
    /// The file before the first of them.
    pub before: Option<FileStamp>,
    /// The file as they left it.
    pub after: Option<FileStamp>,
    /// Somebody else changed it meanwhile.
    pub had_other_writer: bool,
}

/// What calls did to one file, one after the other, since somebody else last changed it.
#[derive(Debug)]
pub(super) struct OwnChange {
    /// The file before each of them: an app that knew it so knows how it is now.
    pub(super) befores: Vec<Option<FileStamp>>,
    /// The file after all of them.
    pub(super) after: Option<FileStamp>,
    /// Somebody else changed it during the last.
    pub(super) had_other_writer: bool,
}

impl OwnChange {
    fn new(write: OwnWrite) -> Self {
        Self {
            befores: vec![write.before],
            after: write.after,
            had_other_writer: write.had_other_writer,
        }
    }

    fn add(&mut self, next: OwnWrite) {
        if self.had_other_writer || self.after != next.before {
            *self = Self::new(next);
            return;
        }
        self.had_other_writer = next.had_other_writer;
        self.after = next.after;
        if self.befores.len() < MOST_STATES {
            self.befores.push(next.before);
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct OwnWrites {
    /// Files that calls are changing.
    open: HashSet<Arc<str>>,
    /// Files that they have changed.
    ended: HashMap<Arc<str>, OwnChange>,
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
        match self.ended.get_mut(&path) {
            Some(earlier) => earlier.add(write),
            None => drop(self.ended.insert(path, OwnChange::new(write))),
        }
    }

    /// Forgets a file of which no event is ever delivered.
    pub(super) fn forget(&mut self, path: &str) {
        self.open.remove(path);
    }

    /// Returns what was done to a file. While calls are changing it again, that is not known.
    pub(super) fn get(&self, path: &str) -> Option<&OwnChange> {
        self.ended.get(path).filter(|_| !self.open.contains(path))
    }

    pub(super) fn take(&mut self, path: &str) -> Option<OwnChange> {
        self.get(path)?;
        self.ended.remove(path)
    }
}
