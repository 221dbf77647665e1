//! What happened to a file, as a watcher sees it.

use std::path::PathBuf;
use std::{fs, io};

use serde::de::DeserializeOwned;

use crate::bindings::exports::syft::app::watch;
use crate::{Error, files};

/// Something happened to a file: a watcher takes it as its parameter.
///
/// Only files that the app may read are reported, and a file is whole by then.
/// It may be changed again, or be gone, before the watcher reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileEvent {
    /// A UUID, the same each time that this event is delivered again.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// Where the file is, or was if it is deleted, below the folder of all
    /// datasites: `ada@example.com/public/a.json`. [`FileEvent::path`] is where
    /// it is opened.
    pub relative: String,
    /// Where it was, if it was moved, below the folder of all datasites.
    pub moved_from: Option<String>,
    /// 1, or more where earlier deliveries failed.
    pub attempt: u32,
}

impl FileEvent {
    /// Returns an event of a file below the folder of all datasites, for tests:
    /// the first delivery.
    pub fn new(kind: EventKind, relative: impl Into<String>) -> FileEvent {
        FileEvent {
            id: "00000000-0000-4000-8000-000000000000".to_owned(),
            kind,
            relative: relative.into(),
            moved_from: None,
            attempt: 1,
        }
    }

    /// Returns where the file is, or was: `/datasites/ada@example.com/public/a.json`.
    pub fn path(&self) -> PathBuf {
        files::path(&self.relative)
    }

    /// Returns the email of the owner of the datasite in which the file is.
    pub fn datasite(&self) -> &str {
        let first = self.relative.split('/').next();
        first.unwrap_or_default()
    }

    /// Returns the name of the file, without its folders.
    pub fn file_name(&self) -> &str {
        let last = self.relative.rsplit('/').next();
        last.unwrap_or_default()
    }

    /// Reads the file. Its size is bounded by nothing but the memory of the call:
    /// for what may be large open [`FileEvent::path`].
    pub fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(self.path())
    }

    /// Reads the file as UTF-8.
    pub fn read_to_string(&self) -> io::Result<String> {
        fs::read_to_string(self.path())
    }

    /// Reads the file as JSON.
    ///
    /// What strangers write may be no JSON, and is none the next time either: a
    /// watcher that returns this error is called again in vain.
    pub fn read_json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.read()?)?)
    }
}

/// What can happen to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// It was not there before.
    Created,
    /// Its content changed.
    Modified,
    /// It was renamed, and is whole at its new place.
    Moved,
    /// It is gone.
    Deleted,
}

impl From<watch::Event> for FileEvent {
    fn from(event: watch::Event) -> FileEvent {
        FileEvent {
            id: event.id,
            kind: event.kind.into(),
            relative: event.path,
            moved_from: event.moved_from,
            attempt: event.attempt,
        }
    }
}

impl From<watch::EventKind> for EventKind {
    fn from(kind: watch::EventKind) -> EventKind {
        match kind {
            watch::EventKind::Created => EventKind::Created,
            watch::EventKind::Modified => EventKind::Modified,
            watch::EventKind::Moved => EventKind::Moved,
            watch::EventKind::Deleted => EventKind::Deleted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_whose_file_it_is_and_how_it_is_called() {
        let event = FileEvent::new(EventKind::Moved, "ada@example.com/public/a.json");
        assert_eq!(event.datasite(), "ada@example.com");
        assert_eq!(event.file_name(), "a.json");
        assert!(event.path().ends_with("ada@example.com/public/a.json"));
    }
}
