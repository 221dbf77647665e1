//! The owner's keys, where and as the release keeps them.

use std::io;
use std::path::PathBuf;

use syft_protocol::encryption::{KeysError, MAX_KEYS_BYTES, OwnKeys};
use syft_system::private;
use thiserror::Error;
use zeroize::Zeroizing;

use super::documents::{self, Document, read_document};
use super::{DID_FILE, KeyPlaces};

/// What was made of the owner's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Nothing: all is there, and fits together.
    Nothing,
    /// The DID document, of the keys that were there.
    Document,
    /// Keys and the document.
    Keys,
}

/// Why the owner's keys are of no use.
#[derive(Debug, Error)]
pub enum OwnKeysError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// The file of secret keys is none.
    #[error("{} cannot be used: {error}", path.display())]
    Keys {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        error: KeysError,
    },
    /// There is a document, and the keys that belong to it are not there.
    #[error(
        "{} is there, and the secret keys that belong to it are not, at {}",
        did.display(), keys.display()
    )]
    KeysMissing {
        /// The document.
        did: PathBuf,
        /// Where the keys should be.
        keys: PathBuf,
    },
    /// The document is of other keys.
    #[error("{} is not of the keys at {}", did.display(), keys.display())]
    Disagree {
        /// The document.
        did: PathBuf,
        /// The keys.
        keys: PathBuf,
    },
    /// Sync found two documents.
    #[error("there are two documents, since sync left a did.conflict.json beside {}", .0.display())]
    Conflict(PathBuf),
    /// There are no random numbers.
    #[error("no random numbers to make a key of: {0}")]
    Random(getrandom::Error),
}

/// Reads the owner's keys; `None` if there are none.
pub(super) fn read(places: &KeyPlaces) -> Result<Option<OwnKeys>, OwnKeysError> {
    let path = &places.own_keys;
    let io = |error| OwnKeysError::Io {
        path: path.clone(),
        error,
    };
    let Some(json) = private::read(path, MAX_KEYS_BYTES).map_err(io)? else {
        return Ok(None);
    };
    let json = Zeroizing::new(json);
    let keys = OwnKeys::read(&json).map_err(|error| OwnKeysError::Keys {
        path: path.clone(),
        error,
    })?;
    Ok(Some(keys))
}

/// Makes what is missing, as `ensure_bootstrap` of the release does without its question to the
/// server. Nothing that is there is changed.
pub(super) fn make(places: &KeyPlaces) -> Result<Made, OwnKeysError> {
    let (did, keys) = (places.did(), places.own_keys.clone());
    let io = |error| OwnKeysError::Io {
        path: did.clone(),
        error,
    };
    let taken = documents::taken_names(&places.datasites, &places.owner).map_err(io)?;
    if taken.conflict {
        return Err(OwnKeysError::Conflict(did));
    }
    match (read(places)?, taken.document) {
        (None, true) => Err(OwnKeysError::KeysMissing { did, keys }),
        (Some(own), true) => match read_document(&places.datasites, &places.owner) {
            Document::Keys(public) if public == own.public() => Ok(Made::Nothing),
            _ => Err(OwnKeysError::Disagree { did, keys }),
        },
        (Some(own), false) => {
            write_document(places, &own)?;
            Ok(Made::Document)
        }
        (None, false) => {
            let own = new_keys(places)?;
            write_document(places, &own)?;
            Ok(Made::Keys)
        }
    }
}

fn new_keys(places: &KeyPlaces) -> Result<OwnKeys, OwnKeysError> {
    let mut seeds = Zeroizing::new([[0; 32]; 2]);
    for seed in &mut *seeds {
        getrandom::fill(seed).map_err(OwnKeysError::Random)?;
    }
    let own = OwnKeys::of_random(&seeds[0], &seeds[1]);
    let path = &places.own_keys;
    let folder = path.parent().unwrap_or(path);
    let written =
        private::make_folder(folder).and_then(|()| private::write(path, own.to_json().as_bytes()));
    written.map_err(|error| OwnKeysError::Io {
        path: path.clone(),
        error,
    })?;
    Ok(own)
}

fn write_document(places: &KeyPlaces, own: &OwnKeys) -> Result<(), OwnKeysError> {
    let document = own.to_did(&places.owner, &places.server_host);
    let written = documents::write(&places.datasites, &places.owner, &document);
    written.map_err(|error| OwnKeysError::Io {
        path: places.did().with_file_name(DID_FILE),
        error,
    })
}
