//! What an author publishes: a signed list of apps in the author's own datasite.
//!
//! - `Catalog`: which release of which app is the newest, what was revoked, and by which keys
//!   the author went before. Each has one spelling.
//! - `SignedCatalog`: a catalog with who signed it, as it was read from the tree. Whether that is the
//!   author, and whether it is older than one that was seen before, is for others to say.
//! - `Publisher`: the author's own side, which changes the catalog.
//!
//! The catalog lies at `public/syft-apps/catalog.json`, and each release beside it, at the
//! path that the catalog names.

mod error;
mod json;
mod local_copy;
mod publish_dir;
mod publisher;
mod reader;
mod release_path;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syft_manifest::SEQUENCE;
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::timestamp::Timestamp;

use crate::package::{Link, PublicKey};

pub use error::{CatalogError, ChangeError};
pub use publisher::{CatalogBase, PublishError, Published, Publisher};
pub use reader::{CatalogReadError, Freshness, ReleaseFetchError, SignedCatalog, fetch, read};
pub use release_path::ReleasePath;

/// The kind of document that a catalog is.
pub const KIND: &str = "application/vnd.syftbox.apps-catalog.v1+json";

/// The name of the file.
pub const CATALOG_FILE: &str = "catalog.json";

/// The most digests that one app can have revoked.
const MAX_REVOKED: usize = 100;

/// What an author publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    author: Datasite,
    counter: u64,
    issued: Timestamp,
    expires: Timestamp,
    lineage: Vec<Link>,
    revoked_keys: Vec<PublicKey>,
    apps: BTreeMap<AppName, Entry>,
}

/// The newest release of an app, and what of earlier ones is not to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its version, for people.
    pub version: semver::Version,
    /// The epoch of the key that signed it. Numbers of releases are of one epoch.
    pub epoch: u64,
    /// Its number, which grows with each release.
    pub sequence: u64,
    /// The SHA-256 of the file.
    pub sha256: [u8; 32],
    /// The SHA-256 of what is signed: it stays when somebody else signs too.
    pub signed_sha256: [u8; 32],
    /// The bytes of the file.
    pub size: u64,
    /// Where the file is.
    pub path: ReleasePath,
    /// The least release that may still be used.
    pub least: Option<Least>,
    /// What must no longer be used, by the digest of what is signed or of the file.
    pub revoked: Vec<[u8; 32]>,
}

/// The least release of an app that may be used. Those by earlier keys are less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Least {
    /// The epoch of the key that signed it.
    pub epoch: u64,
    /// Its number.
    pub sequence: u64,
}

impl Catalog {
    /// Returns a catalog of an author in which there is nothing, to begin with.
    pub fn new(author: Datasite) -> Self {
        Self {
            author,
            counter: 0,
            issued: Timestamp::MIN,
            expires: Timestamp::MIN,
            lineage: Vec::new(),
            revoked_keys: Vec::new(),
            apps: BTreeMap::new(),
        }
    }

    /// Returns whose catalog it is.
    pub fn author(&self) -> &Datasite {
        &self.author
    }

    /// Returns the number of the catalog, which grows with each change.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Returns when it was written.
    pub fn issued(&self) -> Timestamp {
        self.issued
    }

    /// Returns when it is to be taken for held back, since a newer one should be there.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Returns how the author came to the key of today, as one chain, the oldest link first.
    pub fn lineage(&self) -> &[Link] {
        &self.lineage
    }

    /// Returns the epoch of the author's key of today: 0 for the first key.
    pub fn epoch(&self) -> u64 {
        self.lineage.last().map_or(0, Link::epoch)
    }

    /// Returns the keys that the author has revoked.
    pub fn revoked_keys(&self) -> &[PublicKey] {
        &self.revoked_keys
    }

    /// Returns the apps by name.
    pub fn apps(&self) -> &BTreeMap<AppName, Entry> {
        &self.apps
    }

    /// Returns an app.
    pub fn app(&self, name: &AppName) -> Option<&Entry> {
        self.apps.get(name)
    }

    /// Puts in a release, in the place of an earlier one of the same app, and returns which
    /// that was. What is revoked of the app stays so.
    ///
    /// # Errors
    /// It does not follow the one that is there, or was revoked.
    pub fn put(&mut self, name: &AppName, mut entry: Entry) -> Result<Option<Entry>, ChangeError> {
        entry.epoch = self.epoch();
        let Some(earlier) = self.apps.get(name) else {
            self.apps.insert(name.clone(), entry);
            return Ok(None);
        };
        if earlier.epoch == entry.epoch {
            entry.check_follows(earlier)?;
        }
        if earlier.has_revoked(&entry.signed_sha256) || earlier.has_revoked(&entry.sha256) {
            return Err(ChangeError::Revoked);
        }
        entry.least = earlier.least;
        entry.revoked.clone_from(&earlier.revoked);
        Ok(self.apps.insert(name.clone(), entry))
    }

    /// Revokes a release of an app, by the digest of what is signed or of the file. Once is
    /// enough.
    ///
    /// # Errors
    /// There is no such app, or too many of it are revoked already.
    pub fn revoke(&mut self, name: &AppName, digest: [u8; 32]) -> Result<(), ChangeError> {
        let entry = self.entry(name)?;
        if entry.has_revoked(&digest) {
            return Ok(());
        }
        if entry.revoked.len() == MAX_REVOKED {
            return Err(ChangeError::ManyRevoked);
        }
        entry.revoked.push(digest);
        Ok(())
    }

    /// Says which is the least release of an app that may still be used.
    ///
    /// # Errors
    /// There is no such app, or its newest release would be too low, or more would be allowed
    /// than before.
    pub fn set_min_sequence(&mut self, name: &AppName, least: u64) -> Result<(), ChangeError> {
        let entry = self.entry(name)?;
        if least > entry.sequence {
            return Err(ChangeError::AboveNewest(entry.sequence));
        }
        let least = Least {
            epoch: entry.epoch,
            sequence: least,
        };
        if let Some(earlier) = entry.least.filter(|earlier| *earlier > least) {
            return Err(ChangeError::LowerLeast(earlier.sequence));
        }
        entry.least = Some(least);
        Ok(())
    }

    /// Revokes a key that the author no longer uses. Repeating it changes nothing.
    ///
    /// # Errors
    /// It is the key that signs this catalog.
    pub fn revoke_key(&mut self, key: PublicKey, signer: &PublicKey) -> Result<(), ChangeError> {
        if key == *signer {
            return Err(ChangeError::OwnKey);
        }
        if !self.revoked_keys.contains(&key) {
            self.revoked_keys.push(key);
        }
        Ok(())
    }

    /// Appends the link to the author's next key.
    ///
    /// # Errors
    /// It does not go on from the last one.
    pub fn follow(&mut self, link: Link) -> Result<(), ChangeError> {
        let mut lineage = self.lineage.clone();
        lineage.push(link);
        Link::check_chain(&self.author, &lineage)?;
        self.lineage = lineage;
        Ok(())
    }

    /// Gives it the next number and its times.
    fn issue(&mut self, now: Timestamp, lifetime: Duration) -> Result<(), ChangeError> {
        if self.counter >= *SEQUENCE.end() {
            return Err(ChangeError::Counter);
        }
        self.counter += 1;
        self.issued = now;
        self.expires = now.saturating_add(lifetime);
        Ok(())
    }

    /// Lets the next number follow this one.
    fn counted_from(mut self, counter: u64) -> Self {
        self.counter = counter;
        self
    }

    fn entry(&mut self, name: &AppName) -> Result<&mut Entry, ChangeError> {
        let unknown = || ChangeError::UnknownApp(name.clone());
        self.apps.get_mut(name).ok_or_else(unknown)
    }
}

impl Entry {
    /// Tells whether something of the app was revoked, by either of its digests.
    pub fn has_revoked(&self, digest: &[u8; 32]) -> bool {
        self.revoked.contains(digest)
    }

    /// The same release may come again: signed by others too, or only to be written anew.
    fn check_follows(&self, earlier: &Self) -> Result<(), ChangeError> {
        if self.sequence < earlier.sequence {
            return Err(ChangeError::Lower(earlier.sequence));
        }
        if self.sequence == earlier.sequence && self.signed_sha256 != earlier.signed_sha256 {
            return Err(ChangeError::OtherBytes(self.sequence));
        }
        Ok(())
    }
}
