//! One event of a file, as it is delivered to an app.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::FileStamp;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It is there, and was not.
    Created,
    /// It is another, or holds something else.
    Modified,
    /// It has another name, and is unchanged.
    Moved,
    /// It is gone.
    Deleted,
}

impl EventKind {
    /// Returns the kind as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Modified => "modified",
            Self::Moved => "moved",
            Self::Deleted => "deleted",
        }
    }
}

/// The kinds of events that an app asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKinds {
    /// [`EventKind::Created`].
    pub created: bool,
    /// [`EventKind::Modified`].
    pub modified: bool,
    /// [`EventKind::Moved`].
    pub moved: bool,
    /// [`EventKind::Deleted`].
    pub deleted: bool,
}

impl EventKinds {
    /// Tells whether a kind is among them.
    pub fn contains(self, kind: EventKind) -> bool {
        match kind {
            EventKind::Created => self.created,
            EventKind::Modified => self.modified,
            EventKind::Moved => self.moved,
            EventKind::Deleted => self.deleted,
        }
    }

    /// Returns the kinds as words, in the order of [`EventKind`].
    pub fn names(self) -> Vec<&'static str> {
        [
            EventKind::Created,
            EventKind::Modified,
            EventKind::Moved,
            EventKind::Deleted,
        ]
        .into_iter()
        .filter(|kind| self.contains(*kind))
        .map(EventKind::as_str)
        .collect()
    }
}

/// What an app knows of a path from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The path, below the folder of all datasites.
    pub path: Arc<str>,
    /// The file there; `None` if there is none.
    pub stamp: Option<FileStamp>,
}

/// An event of one watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEvent {
    /// What happened.
    pub kind: EventKind,
    /// Where the file is, or was.
    pub path: Arc<str>,
    /// Where it was, if it was moved.
    pub moved_from: Option<Arc<str>>,
    /// 1, or more where earlier deliveries failed.
    pub attempt: u32,
    /// What the app knew of the file, at `moved_from` if it was moved.
    pub(super) before: Option<FileStamp>,
    pub(super) after: Option<FileStamp>,
    /// What was there when it was first delivered. The app itself may have changed it in an
    /// attempt that failed.
    pub(super) first_after: Option<FileStamp>,
}

impl FileEvent {
    /// Returns what the app knows once it took the event.
    pub fn changes(&self) -> Vec<FileChange> {
        let left = self.moved_from.iter().map(|path| (Arc::clone(path), None));
        left.chain([(Arc::clone(&self.path), self.after)])
            .map(|(path, stamp)| FileChange { path, stamp })
            .collect()
    }

    /// Returns what the app knew before.
    pub fn undone(&self) -> Vec<FileChange> {
        let (from, here) = match &self.moved_from {
            Some(from) => (Some((Arc::clone(from), self.before)), None),
            None => (None, self.before),
        };
        from.into_iter()
            .chain([(Arc::clone(&self.path), here)])
            .map(|(path, stamp)| FileChange { path, stamp })
            .collect()
    }

    /// Takes note that the app itself changed the file in an attempt that failed. It is
    /// the same event still, or an app that writes and fails would never be done.
    pub fn rebase(&mut self, before: Option<FileStamp>, after: Option<FileStamp>) {
        if self.after == before && after.is_some() {
            self.after = after;
        }
    }

    /// Returns the name of the event, the same each time that it comes up, also
    /// after a restart. The scope tells apart watches and apps.
    pub fn id(&self, scope: &[u8]) -> Uuid {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        add(scope);
        add(self.kind.as_str().as_bytes());
        add(self.path.as_bytes());
        add(self.moved_from.as_deref().unwrap_or_default().as_bytes());
        for stamp in [self.before, self.first_after] {
            add(stamp
                .map(|stamp| stamp.to_bytes())
                .as_ref()
                .map_or(&[], |bytes| bytes));
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Tells whether it is the same event, at whichever attempt.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let what = |event: &Self| {
            let paths = (Arc::clone(&event.path), event.moved_from.clone());
            (event.kind, paths, event.before, event.after)
        };
        what(self) == what(other)
    }
}
