//! A catalog and the releases that it names, as they are found in the tree.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use syft_protocol::address::Datasite;
use syft_protocol::timestamp::Timestamp;
use thiserror::Error;

use super::publish_dir::{DirItem, PublishDir};
use super::{CATALOG_FILE, Catalog, CatalogError, Entry, KIND, ReleasePath};
use crate::package::{Envelope, EnvelopeError, Link, MAX_ENVELOPE_BYTES, PublicKey};

/// A catalog whose signatures hold. Whose keys these are is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCatalog {
    catalog: Catalog,
    signers: Vec<PublicKey>,
    digest: [u8; 32],
    envelope: Vec<u8>,
}

/// Whether a catalog is still the one to go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is.
    Fresh,
    /// Since this moment a newer one should be there, and somebody may hold it back.
    Expired(Timestamp),
}

/// Why there is no catalog.
#[derive(Debug, Error)]
pub enum CatalogReadError {
    /// Nothing is there.
    #[error("{0} has published no apps, or sync has not brought them yet")]
    NotThere(Datasite),
    /// Something else lies there.
    #[error("{0} is not a regular file; links are not followed")]
    Foreign(PathBuf),
    /// The system does not let us.
    #[error("open {0} without following links: {1}")]
    Io(PathBuf, io::Error),
    /// The catalog is invalid.
    #[error("{0} cannot be used: {1}")]
    Catalog(PathBuf, CatalogError),
}

/// Why there is no release as the catalog names it.
#[derive(Debug, Error)]
pub enum ReleaseFetchError {
    /// It has not come yet.
    #[error("the catalog names {0}, which is not there yet")]
    NotThere(PathBuf),
    /// It has come in part.
    #[error("{0} is incomplete: it has {1} of {2} bytes")]
    NotWhole(PathBuf, u64, u64),
    /// It is another file than the catalog says.
    #[error("{0} is not the file that the catalog names")]
    Other(PathBuf),
    /// It is larger than any app that is taken.
    #[error("the app has {0} bytes, and at most {1} are taken")]
    TooLarge(u64, u64),
    /// Something else lies there.
    #[error("{0} is not a regular file; links are not followed")]
    Foreign(PathBuf),
    /// The system does not let us.
    #[error("open {0} without following links: {1}")]
    Io(PathBuf, io::Error),
}

/// Reads the catalog of an author, once.
///
/// # Errors
/// There is no usable catalog.
pub fn read(datasites: &Path, author: &Datasite) -> Result<SignedCatalog, CatalogReadError> {
    let wrong = |error| CatalogReadError::Io(datasites.join(author.as_str()), error);
    match PublishDir::find(datasites, author).map_err(wrong)? {
        Some(dir) => read_from(&dir, author),
        None => Err(CatalogReadError::NotThere(author.clone())),
    }
}

pub(super) fn read_from(
    dir: &PublishDir,
    author: &Datasite,
) -> Result<SignedCatalog, CatalogReadError> {
    let path = dir.path().join(CATALOG_FILE);
    match dir.read([CATALOG_FILE].into_iter(), MAX_ENVELOPE_BYTES as u64) {
        Err(error) => Err(CatalogReadError::Io(path, error)),
        Ok(DirItem::Absent) => Err(CatalogReadError::NotThere(author.clone())),
        Ok(DirItem::Foreign) => Err(CatalogReadError::Foreign(path)),
        Ok(DirItem::Larger(_)) => Err(CatalogReadError::Catalog(
            path,
            EnvelopeError::TooLarge.into(),
        )),
        Ok(DirItem::Bytes(bytes)) => SignedCatalog::open(bytes, author)
            .map_err(|error| CatalogReadError::Catalog(path, error)),
    }
}

/// Reads the file of a release, once. It is what the catalog says, to the byte.
///
/// # Errors
/// It is not there, not whole, another one or of more than so many bytes.
pub fn fetch(
    datasites: &Path,
    author: &Datasite,
    entry: &Entry,
    limit: u64,
) -> Result<Vec<u8>, ReleaseFetchError> {
    if entry.size > limit {
        return Err(ReleaseFetchError::TooLarge(entry.size, limit));
    }
    let wrong = |error| ReleaseFetchError::Io(datasites.join(author.as_str()), error);
    let Some(dir) = PublishDir::find(datasites, author).map_err(wrong)? else {
        return Err(ReleaseFetchError::NotThere(datasites.join(author.as_str())));
    };
    let path = place(&dir, &entry.path);
    match dir.read(entry.path.names(), entry.size) {
        Err(error) => Err(ReleaseFetchError::Io(path, error)),
        Ok(DirItem::Absent) => Err(ReleaseFetchError::NotThere(path)),
        Ok(DirItem::Foreign) => Err(ReleaseFetchError::Foreign(path)),
        Ok(DirItem::Larger(_)) => Err(ReleaseFetchError::Other(path)),
        Ok(DirItem::Bytes(bytes)) => check(bytes, entry, path),
    }
}

fn check(bytes: Vec<u8>, entry: &Entry, path: PathBuf) -> Result<Vec<u8>, ReleaseFetchError> {
    let size = bytes.len() as u64;
    if size < entry.size {
        return Err(ReleaseFetchError::NotWhole(path, size, entry.size));
    }
    if sha256(&bytes) == entry.sha256 {
        Ok(bytes)
    } else {
        Err(ReleaseFetchError::Other(path))
    }
}

pub(super) fn place(dir: &PublishDir, path: &ReleasePath) -> PathBuf {
    path.names()
        .fold(dir.path().to_owned(), |place, name| place.join(name))
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

impl SignedCatalog {
    /// Opens a catalog that lay in the folder of an author.
    ///
    /// # Errors
    /// It is invalid, somebody else's, or signed with a key that it revokes.
    pub fn open(envelope: Vec<u8>, author: &Datasite) -> Result<Self, CatalogError> {
        let opened = Envelope::read(&envelope, KIND)?.open()?;
        let catalog = Catalog::parse(opened.payload())?;
        if catalog.author() != author {
            return Err(CatalogError::OfAnother(catalog.author().clone()));
        }
        let signers = opened.signers().to_vec();
        if let Some(last) = catalog.lineage().last().map(Link::new_key)
            && !signers.contains(last)
        {
            return Err(CatalogError::NotByLast(last.to_string()));
        }
        let revoked = catalog.revoked_keys();
        if signers.iter().any(|key| revoked.contains(key)) {
            return Err(CatalogError::OwnKey);
        }
        Ok(Self {
            digest: sha256(opened.payload()),
            catalog,
            signers,
            envelope,
        })
    }

    /// Returns the catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Returns the keys that have signed it, at least one.
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }

    /// Returns the SHA-256 of what is signed. It stays the same when somebody else signs too.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns the file as it was read.
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// Tells whether it is by this key, and by none that follows it.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        let last = self.catalog.lineage().last().map(Link::new_key);
        self.signers.contains(key) && last.is_none_or(|last| last == key)
    }

    /// Returns the fingerprints of the keys that have signed it.
    pub(super) fn signers_in_words(&self) -> String {
        let signers: Vec<String> = self.signers.iter().map(PublicKey::to_string).collect();
        signers.join(", ")
    }

    /// Tells whether it has expired.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        match self.catalog.expires() {
            expires if expires <= now => Freshness::Expired(expires),
            _ => Freshness::Fresh,
        }
    }
}

impl CatalogReadError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotThere(author) => format!(
                "check the email, wait for sync, and ask {author} whether you may read \
                 public/syft-apps"
            ),
            Self::Foreign(_) | Self::Catalog(..) => {
                "if sync is at work, try again; else tell its author to publish it again".to_owned()
            }
            Self::Io(..) => return None,
        })
    }
}

impl ReleaseFetchError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotThere(_) | Self::NotWhole(..) => "sync is at work: try again in a while",
            Self::Other(_) | Self::Foreign(_) => {
                "if sync is at work, try again; else tell its author to publish it again"
            }
            Self::TooLarge(..) | Self::Io(..) => return None,
        })
    }
}
