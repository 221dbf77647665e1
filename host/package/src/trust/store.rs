//! The files of what is trusted.
//!
//! Why: docs/decisions/38-trust-is-checked-under-its-lock.md

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use syft_manifest::Digest;
use syft_protocol::address::Datasite;
use syft_system::lock::{self, Lock};
use syft_system::private;

use super::author::Author;
use super::error::TrustError;
use super::policy::{self, SignerPolicy};
use super::revoked::Revoked;

/// The most bytes of a file, far above what anything takes.
const MAX_BYTES: u64 = 2 << 20;

const EXTENSION: &str = "json";

/// The folder of what is trusted.
#[derive(Debug, Clone)]
pub(super) struct TrustFiles {
    folder: PathBuf,
}

impl TrustFiles {
    pub(super) fn open(folder: &Path) -> Result<Self, TrustError> {
        let store = Self {
            folder: folder.to_owned(),
        };
        for folder in [folder, &store.authors_folder()] {
            private::make_folder(folder).map_err(|error| TrustError::io(folder, error))?;
        }
        Ok(store)
    }

    /// Returns numbers of which one is another once anything was changed.
    pub(super) fn stamp(&self) -> Result<[u64; 2], TrustError> {
        let stamp =
            |folder: &Path| private::stamp(folder).map_err(|error| TrustError::io(folder, error));
        Ok([stamp(&self.folder)?, stamp(&self.authors_folder())?])
    }

    /// Keeps others from changing anything.
    pub(super) fn lock(&self) -> Result<Lock, TrustError> {
        let path = self.folder.join("lock");
        lock::wait_for(&path).map_err(|error| TrustError::io(&path, error))
    }

    /// Returns what is known of an author.
    pub(super) fn author(&self, email: &Datasite) -> Result<Option<Author>, TrustError> {
        read_author(&self.author_path(email), |author| author.email == *email)
    }

    pub(super) fn authors(&self) -> Result<Vec<Author>, TrustError> {
        let folder = self.authors_folder();
        let wrong = |error| TrustError::io(&folder, error);
        let mut authors = Vec::new();
        for entry in fs::read_dir(&folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == EXTENSION)
            {
                let is_its = |author: &Author| self.author_path(&author.email) == path;
                authors.extend(read_author(&path, is_its)?);
            }
        }
        authors.sort_by(|a, b| a.email.cmp(&b.email));
        Ok(authors)
    }

    pub(super) fn put(&self, author: &Author) -> Result<(), TrustError> {
        write(&self.author_path(&author.email), author)
    }

    /// Returns what the owner revoked.
    pub(super) fn revoked(&self) -> Result<Revoked, TrustError> {
        Ok(read(&self.revoked_path())?.unwrap_or_default())
    }

    pub(super) fn put_revoked(&self, revoked: &Revoked) -> Result<(), TrustError> {
        write(&self.revoked_path(), revoked)
    }

    /// Returns the owner's policy, or the default one where there is no file of that name.
    pub(super) fn policy(&self) -> Result<SignerPolicy, TrustError> {
        let path = self.folder.join("policy.yaml");
        let text = private::read(&path, policy::MAX_BYTES);
        let Some(text) = text.map_err(|error| TrustError::io(&path, error))? else {
            return Ok(SignerPolicy::default());
        };
        SignerPolicy::parse(&text).map_err(|(line, why)| TrustError::Policy { path, line, why })
    }

    fn authors_folder(&self) -> PathBuf {
        self.folder.join("authors")
    }

    /// Emails differ by case, may be as long as a file name, and hold what shells and file
    /// systems take for something else. So the name of a file is a digest.
    fn author_path(&self, email: &Datasite) -> PathBuf {
        let name = Digest::of(email.as_str().as_bytes());
        self.authors_folder().join(format!("{name}.{EXTENSION}"))
    }

    fn revoked_path(&self) -> PathBuf {
        self.folder.join("revoked.json")
    }
}

fn read_author(
    path: &Path,
    is_its: impl Fn(&Author) -> bool,
) -> Result<Option<Author>, TrustError> {
    let Some(author) = read::<Author>(path)? else {
        return Ok(None);
    };
    let wrong = |why: &str| TrustError::Broken {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    author.check().map_err(wrong)?;
    if is_its(&author) {
        Ok(Some(author))
    } else {
        Err(wrong("it is about somebody else"))
    }
}

/// Reads a file; `None` where there is none.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, TrustError> {
    let json = private::read(path, MAX_BYTES).map_err(|error| TrustError::io(path, error))?;
    let parse = |json: Vec<u8>| {
        serde_json::from_slice(&json).map_err(|error| TrustError::Broken {
            path: path.to_owned(),
            why: error.to_string(),
        })
    };
    json.map(parse).transpose()
}

/// Writes a file that can be read again.
fn write(path: &Path, value: &impl Serialize) -> Result<(), TrustError> {
    let write = || {
        let mut json = serde_json::to_vec_pretty(value)?;
        json.push(b'\n');
        if json.len() as u64 > MAX_BYTES {
            Err(std::io::Error::other("there is too much to write"))
        } else {
            private::write(path, &json)
        }
    };
    write().map_err(|error| TrustError::io(path, error))
}
