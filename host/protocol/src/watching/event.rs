//! One thing that an app is told.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Stamp;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It is there, and was not.
    Created,
    /// It is another, or holds something else.
    Modified,
    /// It has another name, and is unchanged.
    Moved,
    /// It is gone.
    Deleted,
}

impl Kind {
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
pub struct Kinds {
    /// [`Kind::Created`].
    pub created: bool,
    /// [`Kind::Modified`].
    pub modified: bool,
    /// [`Kind::Moved`].
    pub moved: bool,
    /// [`Kind::Deleted`].
    pub deleted: bool,
}

impl Kinds {
    /// Tells whether a kind is among them.
    pub fn contains(self, kind: Kind) -> bool {
        match kind {
            Kind::Created => self.created,
            Kind::Modified => self.modified,
            Kind::Moved => self.moved,
            Kind::Deleted => self.deleted,
        }
    }

    /// Returns the kinds as words, in the order of [`Kind`].
    pub fn names(self) -> Vec<&'static str> {
        [Kind::Created, Kind::Modified, Kind::Moved, Kind::Deleted]
            .into_iter()
            .filter(|kind| self.contains(*kind))
            .map(Kind::as_str)
            .collect()
    }
}

/// What an app knows of a path from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path, below the folder of all datasites.
    pub path: Arc<str>,
    /// The file there; `None` if there is none.
    pub stamp: Option<Stamp>,
}

/// An event of one watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// Where the file is, or was.
    pub path: Arc<str>,
    /// Where it was, if it was moved.
    pub moved_from: Option<Arc<str>>,
    /// 1, or more where earlier deliveries failed.
    pub attempt: u32,
    /// What the app knew of the file, at `moved_from` if it was moved.
    pub(super) before: Option<Stamp>,
    pub(super) after: Option<Stamp>,
    /// What was there when it was first told. The app itself may have changed it in an
    /// attempt that failed.
    pub(super) first_after: Option<Stamp>,
}

impl Event {
    /// Returns what the app knows once it took the event.
    pub fn changes(&self) -> Vec<Change> {
        let left = self.moved_from.iter().map(|path| (Arc::clone(path), None));
        left.chain([(Arc::clone(&self.path), self.after)])
            .map(|(path, stamp)| Change { path, stamp })
            .collect()
    }

    /// Returns what the app knew before.
    pub fn undone(&self) -> Vec<Change> {
        let (from, here) = match &self.moved_from {
            Some(from) => (Some((Arc::clone(from), self.before)), None),
            None => (None, self.before),
        };
        from.into_iter()
            .chain([(Arc::clone(&self.path), here)])
            .map(|(path, stamp)| Change { path, stamp })
            .collect()
    }

    /// Takes note that the app itself changed the file in an attempt that failed. It is
    /// the same event still, or an app that writes and fails would never be done.
    pub fn rebase(&mut self, before: Option<Stamp>, after: Option<Stamp>) {
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
            add(stamp.map(|it| it.to_bytes()).as_ref().map_or(&[], |it| it));
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Tells whether it is the same event, at whichever attempt.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let what = |it: &Self| {
            let paths = (Arc::clone(&it.path), it.moved_from.clone());
            (it.kind, paths, it.before, it.after)
        };
        what(self) == what(other)
    }
}
