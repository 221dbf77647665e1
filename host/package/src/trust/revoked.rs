//! Revoked keys and digests.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use syft_manifest::Digest;
use syft_protocol::timestamp::Timestamp;

use super::author::Author;
use super::{Fingerprint, text};

/// What the owner revoked. It applies to every author.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Keys, and since when.
    pub keys: BTreeMap<Fingerprint, RevokedSince>,
    /// Digests, of releases or of files, and since when.
    pub digests: BTreeMap<Digest, RevokedSince>,
}

/// When something was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RevokedSince(#[serde(with = "text")] pub Timestamp);

/// Who has revoked something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedBy {
    /// The owner of this host.
    Owner,
    /// The author whose it is.
    Author,
}

impl fmt::Display for RevokedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "you",
            Self::Author => "its author",
        })
    }
}

impl Revoked {
    /// Returns who revoked a key of an author.
    pub(super) fn key_by(&self, author: &Author, key: &Fingerprint) -> Option<RevokedBy> {
        if self.keys.contains_key(key) {
            return Some(RevokedBy::Owner);
        }
        author
            .revoked_keys
            .contains(key)
            .then_some(RevokedBy::Author)
    }

    /// Returns which of the digests of something of an author is revoked, and by whom.
    pub(super) fn digest_by(
        &self,
        author: &Author,
        digests: &[Digest],
    ) -> Option<(Digest, RevokedBy)> {
        digests.iter().find_map(|digest| {
            let by = match self.digests.contains_key(digest) {
                true => RevokedBy::Owner,
                false if author.revoked_digests.contains(digest) => RevokedBy::Author,
                false => return None,
            };
            Some((digest.clone(), by))
        })
    }
}
