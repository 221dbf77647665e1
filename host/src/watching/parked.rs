//! Events that an app would not take, and were given up. They are listed in a file of
//! the app's private folder, and what is to become of them is asked for by files beside
//! it: so nobody needs the database, which the host holds while it runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use syft_protocol::watching::{Change, Event, Stamp};
use uuid::Uuid;

/// The most events that are parked. Beyond it the oldest are dropped.
pub(super) const MAX_PARKED: usize = 10_000;

const LIST: &str = "parked.json";
const ASKED: &str = "asked";

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The event.
    pub id: String,
    /// The patterns of the watch that it was for.
    pub watch: Vec<String>,
    /// What happened.
    pub kind: String,
    /// Where the file is, or was.
    pub path: String,
    /// Where it was, if it was moved.
    pub moved_from: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub error: String,
    /// When, as microseconds since the epoch.
    pub at: i64,
    /// What the app knew before, by which it can be told again.
    undone: Vec<(String, Option<String>)>,
}

/// What is to become of an event that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The app is told again, as far as it is still so.
    Retry,
    /// It is forgotten.
    Drop,
}

impl Parked {
    pub(super) fn new(id: Uuid, watch: &[String], event: &Event, error: String, at: i64) -> Self {
        let undone = event.undone().into_iter().map(|change| {
            let stamp = change.stamp.map(|it| BASE64.encode(&it.to_bytes()));
            (change.path.to_string(), stamp)
        });
        Self {
            id: id.to_string(),
            watch: watch.to_vec(),
            kind: event.kind.as_str().to_owned(),
            path: event.path.to_string(),
            moved_from: event.moved_from.as_deref().map(str::to_owned),
            attempts: event.attempt,
            error,
            at,
            undone: undone.collect(),
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }

    /// Returns what the app is to know, so that the event comes up again.
    pub(super) fn undone(&self) -> Vec<Change> {
        let decode = |text: &String| Stamp::from_bytes(&BASE64.decode(text.as_bytes()).ok()?);
        self.undone
            .iter()
            .map(|(path, stamp)| Change {
                path: Arc::from(path.as_str()),
                stamp: stamp.as_ref().and_then(decode),
            })
            .collect()
    }
}

/// Returns the parked events of an app, the oldest first.
///
/// # Errors
/// They cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<Parked>> {
    match fs::read(folder.join(LIST)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Asks the host, when it serves the app next or now, to see to a parked event.
///
/// # Errors
/// It cannot be asked.
pub fn ask(folder: &Path, id: Uuid, asked: Asked) -> io::Result<()> {
    fs::create_dir_all(folder.join(ASKED))?;
    fs::write(asked_path(folder, id, asked), [])
}

/// Writes the list for everybody to read.
pub(super) fn write_list(folder: &Path, mut parked: Vec<Parked>) -> io::Result<()> {
    parked.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let path = folder.join(LIST);
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, serde_json::to_vec(&parked)?)?;
    fs::rename(temporary, path)
}

/// Returns what was asked for.
pub(super) fn asked(folder: &Path) -> Vec<(Uuid, Asked)> {
    let Ok(entries) = fs::read_dir(folder.join(ASKED)) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| parse_asked(entry.file_name().to_str()?))
        .take(MAX_PARKED)
        .collect()
}

/// Takes note that something was done that was asked for.
pub(super) fn done(folder: &Path, id: Uuid, asked: Asked) {
    if let Err(error) = fs::remove_file(asked_path(folder, id, asked)) {
        tracing::warn!(%id, "cannot remove what was asked for: {error}");
    }
}

fn asked_path(folder: &Path, id: Uuid, asked: Asked) -> PathBuf {
    let verb = match asked {
        Asked::Retry => "retry",
        Asked::Drop => "drop",
    };
    folder.join(ASKED).join(format!("{id}.{verb}"))
}

fn parse_asked(name: &str) -> Option<(Uuid, Asked)> {
    let (id, verb) = name.split_once('.')?;
    let asked = match verb {
        "retry" => Asked::Retry,
        "drop" => Asked::Drop,
        _ => return None,
    };
    Some((Uuid::parse_str(id).ok()?, asked))
}
