//! What was given up: events that an app did not take, calls that were due and failed, and
//! requests during which the host crashed. Each kind is listed in a file of the app's private folder. The owner asks for a
//! retry by putting a file beside the list, so nobody needs the database, which the host
//! holds while it runs.

mod request;

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub use request::ParkedRequest;

use crate::private_folder::PrivateFolder;

/// The most things of a kind that are parked. Beyond that the oldest are dropped.
pub const MAX_PARKED: usize = 10_000;

/// What the owner wants to happen with something that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedAction {
    /// It is tried again.
    Retry,
    /// It is forgotten.
    Drop,
}

/// Where things of one kind are parked.
#[derive(Debug, Clone)]
pub struct ParkedStore {
    list: PathBuf,
    asked: PathBuf,
    /// What is in the list is nowhere else.
    is_only_copy: bool,
}

impl ParkedStore {
    /// Returns the events of an app, given its private folder.
    pub fn events(folder: &PrivateFolder) -> Self {
        Self {
            list: folder.join("parked.json"),
            asked: folder.join("asked"),
            is_only_copy: false,
        }
    }

    /// Returns its calls that were due.
    pub fn calls(folder: &PrivateFolder) -> Self {
        Self {
            list: folder.join("parked-calls.json"),
            asked: folder.join("asked-calls"),
            is_only_copy: false,
        }
    }

    /// Returns its requests.
    pub fn requests(folder: &PrivateFolder) -> Self {
        Self {
            list: folder.join("parked-requests.json"),
            asked: folder.join("asked-requests"),
            is_only_copy: true,
        }
    }

    /// Returns what is parked, in the order in which it was written.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn list<T: DeserializeOwned>(&self) -> io::Result<Vec<T>> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.list.display()))
        };
        match fs::read(&self.list) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| named(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(named(error)),
        }
    }

    /// Tells whether there is a list.
    pub(crate) fn is_listed(&self) -> bool {
        self.list.exists()
    }

    /// Writes the list for everybody to read.
    pub(crate) fn write<T: Serialize>(&self, parked: &[T]) -> io::Result<()> {
        let temporary = self.list.with_extension("tmp");
        fs::write(&temporary, serde_json::to_vec(parked)?)?;
        if self.is_only_copy {
            File::open(&temporary)?.sync_data()?;
        }
        fs::rename(temporary, &self.list)
    }

    /// Asks the host that serves the app, now or next, to do something.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn ask(&self, id: Uuid, asked: ParkedAction) -> io::Result<()> {
        fs::create_dir_all(&self.asked)?;
        fs::write(self.asked_path(id, asked), [])
    }

    /// Returns what was asked for.
    pub(crate) fn asked(&self) -> Vec<(Uuid, ParkedAction)> {
        let Ok(entries) = fs::read_dir(&self.asked) else {
            return Vec::new();
        };
        entries
            .filter_map(Result::ok)
            .filter_map(|entry| parse_asked(entry.file_name().to_str()?))
            .take(MAX_PARKED)
            .collect()
    }

    /// Takes note that something was done that was asked for.
    pub(crate) fn done(&self, id: Uuid, asked: ParkedAction) {
        if let Err(error) = fs::remove_file(self.asked_path(id, asked)) {
            tracing::warn!(%id, "cannot remove what was asked for: {error}");
        }
    }

    fn asked_path(&self, id: Uuid, asked: ParkedAction) -> PathBuf {
        let verb = match asked {
            ParkedAction::Retry => "retry",
            ParkedAction::Drop => "drop",
        };
        self.asked.join(format!("{id}.{verb}"))
    }
}

fn parse_asked(name: &str) -> Option<(Uuid, ParkedAction)> {
    let (id, verb) = name.split_once('.')?;
    let asked = match verb {
        "retry" => ParkedAction::Retry,
        "drop" => ParkedAction::Drop,
        _ => return None,
    };
    Some((Uuid::parse_str(id).ok()?, asked))
}
