//! What is known of an author.
//!
//! Why: docs/decisions/35-releases-are-ordered-by-epoch.md

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use syft_manifest::Digest;
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::timestamp::Timestamp;

use super::Fingerprint;
use super::text;
use crate::package::PublicKey;

/// The most revocations of a kind that are kept of an author.
pub(super) const MAX_REVOKED: usize = 4_096;

/// What is known of an author. Little of it is ever forgotten, since what was seen once keeps
/// older things from coming back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Author {
    /// Who it is.
    #[serde(with = "text")]
    pub email: Datasite,
    /// What is trusted now.
    pub trusted: Trusted,
    /// The keys that are or were trusted, the oldest first.
    pub keys: Vec<Pinned>,
    /// The key in the `did.json` of the author's datasite when the last key was pinned.
    pub did_key: Option<PublicKey>,
    /// The newest release of each app that was taken.
    pub apps: BTreeMap<String, ReleaseSeen>,
    /// The newest catalog.
    pub catalog: Option<CatalogSeen>,
    /// The keys that the author revoked. They count for this author alone.
    pub revoked_keys: BTreeSet<Fingerprint>,
    /// The digests that the author revoked, of releases or of files. They count for this
    /// author's apps alone.
    pub revoked_digests: BTreeSet<Digest>,
}

/// What is trusted of an author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trusted {
    /// No key is trusted, or trust was withdrawn.
    Nothing,
    /// The last of the keys.
    LastKey,
    /// The key of this fingerprint, which nobody has seen yet.
    Fingerprint(Fingerprint),
}

/// A key that was pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// The key.
    pub key: PublicKey,
    /// Its number among the keys of the author that this host has pinned. Releases and
    /// catalogs are counted anew with each.
    pub epoch: u64,
    /// When it was pinned.
    #[serde(with = "text")]
    pub since: Timestamp,
    /// Why it is trusted.
    pub how: PinnedBy,
}

/// Why a key is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinnedBy {
    /// It was the first that was seen, and the owner took it.
    FirstUse,
    /// The owner gave it or its fingerprint.
    Fingerprint,
    /// The key before it says that it follows.
    Lineage,
}

/// The newest release of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSeen {
    /// The epoch of the key that signed it.
    pub epoch: u64,
    /// Its number.
    pub sequence: u64,
    /// The digest of what was signed.
    pub signed_digest: Digest,
}

/// The newest catalog of an author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogSeen {
    /// The epoch of the key that signed it.
    pub epoch: u64,
    /// Its number.
    pub counter: u64,
    /// The digest by which it is known again.
    pub digest: Digest,
    /// When it ends.
    #[serde(with = "text")]
    pub expires: Timestamp,
}

impl Author {
    /// Returns an author of whom nothing is known.
    pub(super) fn unknown(email: Datasite) -> Self {
        Self {
            email,
            trusted: Trusted::Nothing,
            keys: Vec::new(),
            did_key: None,
            apps: BTreeMap::new(),
            catalog: None,
            revoked_keys: BTreeSet::new(),
            revoked_digests: BTreeSet::new(),
        }
    }

    /// Returns the key that is trusted, where it was seen.
    pub fn current(&self) -> Option<&Pinned> {
        match self.trusted {
            Trusted::LastKey => self.keys.last(),
            Trusted::Nothing | Trusted::Fingerprint(_) => None,
        }
    }

    /// Returns the fingerprint of what is trusted.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match &self.trusted {
            Trusted::Nothing => None,
            Trusted::LastKey => self.keys.last().map(|last| Fingerprint::from(&last.key)),
            Trusted::Fingerprint(fingerprint) => Some(fingerprint.clone()),
        }
    }

    /// Returns the newest release of an app that was taken.
    pub fn seen(&self, app: &AppName) -> Option<&ReleaseSeen> {
        self.apps.get(app.as_str())
    }

    /// Tells whether a key was followed by another.
    pub(super) fn is_superseded(&self, key: &PublicKey) -> bool {
        let is_last = self.keys.last().is_some_and(|last| last.key == *key);
        !is_last && self.keys.iter().any(|pinned| pinned.key == *key)
    }

    /// Returns the epoch of a key if it were pinned now. The last key has its own again, so
    /// that nothing is counted anew by removing and adding it.
    pub(super) fn epoch_of(&self, key: &PublicKey) -> u64 {
        match self.keys.last() {
            None => 0,
            Some(last) if last.key == *key => last.epoch,
            Some(last) => last.epoch + 1,
        }
    }

    /// Pins a key.
    pub(super) fn pin(&mut self, key: PublicKey, how: PinnedBy, now: Timestamp) {
        let pinned = Pinned {
            key,
            epoch: self.epoch_of(&key),
            since: now,
            how,
        };
        if self.keys.last().is_some_and(|last| last.key == key) {
            self.keys.pop();
        }
        self.keys.push(pinned);
        self.trusted = Trusted::LastKey;
    }

    /// Checks what was read.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.trusted == Trusted::LastKey && self.keys.is_empty() {
            return Err("it trusts a key and has none");
        }
        let is_counted =
            (self.keys.iter().enumerate()).all(|(at, pinned)| pinned.epoch == at as u64);
        if is_counted {
            Ok(())
        } else {
            Err("its keys are not counted from 0 on")
        }
    }
}

impl fmt::Display for PinnedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstUse => "first use",
            Self::Fingerprint => "fingerprint",
            Self::Lineage => "lineage",
        })
    }
}
