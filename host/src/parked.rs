//! What was given up: events that an app would not take, and requests during which the
//! host crashed. They are listed in files of the app's private folder, and what is to
//! become of them is asked for by files beside these: so nobody needs the database,
//! which the host holds while it runs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use syft_protocol::address::Address;
use uuid::{Builder, Uuid};

/// The most things of a kind that are parked. Beyond it the oldest are dropped.
pub const MAX_PARKED: usize = 10_000;

/// A request that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedRequest {
    /// By which the owner names it. Ids of requests are given by callers, and need not
    /// differ.
    pub id: String,
    /// Where it lies below the app's `rpc/` folder, without the extension.
    pub address: String,
    /// How often the host crashed; a panic within it counts twice.
    pub crashes: u32,
    /// When it was given up, as microseconds since the epoch.
    pub at: i64,
}

impl ParkedRequest {
    /// Returns the request at an address, which was given up.
    pub fn new(address: &Address, crashes: u32, at: i64) -> Self {
        let address = address.to_string();
        let digest = Sha256::digest(&address);
        let bytes = digest.first_chunk().expect("a digest has more bytes");
        Self {
            id: Builder::from_random_bytes(*bytes).into_uuid().to_string(),
            address,
            crashes,
            at,
        }
    }
}

/// What is to become of something that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is tried again.
    Retry,
    /// It is forgotten.
    Drop,
}

/// Where things of one kind are parked.
#[derive(Debug, Clone)]
pub struct Shelf {
    list: PathBuf,
    asked: PathBuf,
    /// What is in the list is nowhere else.
    is_only_copy: bool,
}

impl Shelf {
    /// Returns the events of an app, given its private folder.
    pub fn events(folder: &Path) -> Self {
        Self {
            list: folder.join("parked.json"),
            asked: folder.join("asked"),
            is_only_copy: false,
        }
    }

    /// Returns its requests.
    pub fn requests(folder: &Path) -> Self {
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

    /// Writes the list for everybody to read.
    pub(crate) fn write<T: Serialize>(&self, parked: &[T]) -> io::Result<()> {
        let temporary = self.list.with_extension("tmp");
        fs::write(&temporary, serde_json::to_vec(parked)?)?;
        if self.is_only_copy {
            File::open(&temporary)?.sync_data()?;
        }
        fs::rename(temporary, &self.list)
    }

    /// Asks the host, when it serves the app next or now, to see to something.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn ask(&self, id: Uuid, asked: Asked) -> io::Result<()> {
        fs::create_dir_all(&self.asked)?;
        fs::write(self.asked_path(id, asked), [])
    }

    /// Returns what was asked for.
    pub(crate) fn asked(&self) -> Vec<(Uuid, Asked)> {
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
    pub(crate) fn done(&self, id: Uuid, asked: Asked) {
        if let Err(error) = fs::remove_file(self.asked_path(id, asked)) {
            tracing::warn!(%id, "cannot remove what was asked for: {error}");
        }
    }

    fn asked_path(&self, id: Uuid, asked: Asked) -> PathBuf {
        let verb = match asked {
            Asked::Retry => "retry",
            Asked::Drop => "drop",
        };
        self.asked.join(format!("{id}.{verb}"))
    }
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
