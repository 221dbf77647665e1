//! Errors of reading and changing a catalog.

use syft_protocol::address::{AppName, Datasite};
use thiserror::Error;

use super::MAX_REVOKED;
use crate::package::{EnvelopeError, LinkError};

/// Why bytes are not a catalog of an author.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// The envelope is invalid, or its signatures do not verify.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// It is not JSON of the right shape.
    #[error("it is not a valid catalog: {0}")]
    Json(String),
    /// It is of another format than ours.
    #[error("unsupported catalog version {0}; this host reads version 1")]
    Version(u64),
    /// A value is invalid.
    #[error("its `{0}` is invalid")]
    Value(&'static str),
    /// It is not in canonical form.
    #[error("it is not in canonical form")]
    Spelling,
    /// It is in somebody else's folder.
    #[error("it is the catalog of {0}")]
    OfAnother(Datasite),
    /// Its keys do not form a chain.
    #[error("its key lineage is invalid: {0}")]
    Lineage(#[from] LinkError),
    /// The key that its lineage ends with has not signed it.
    #[error("it is not signed by {0}, the last key of its lineage")]
    NotByLast(String),
    /// It revokes the key that vouches for it.
    #[error("it revokes the key with which it is signed")]
    OwnKey,
}

/// Why a catalog cannot be changed in this way.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChangeError {
    /// A release that is lower than the one that is published.
    #[error("release {0} of the app is published already, which is higher")]
    Lower(u64),
    /// Two releases of one number.
    #[error("release {0} of the app is published already, with other bytes")]
    OtherBytes(u64),
    /// The release was revoked.
    #[error("this release was revoked, which cannot be undone")]
    Revoked,
    /// There is nothing to revoke of it.
    #[error("the catalog has no app `{0}`")]
    UnknownApp(AppName),
    /// Nobody needs that many.
    #[error("{MAX_REVOKED} digests of the app are revoked already; use --min-sequence")]
    ManyRevoked,
    /// The newest release could not be used.
    #[error("the newest release of the app is {0}, which has to stay allowed")]
    AboveNewest(u64),
    /// What was ruled out stays so.
    #[error("releases below {0} are ruled out already")]
    LowerLeast(u64),
    /// A catalog cannot revoke its own key.
    #[error("the catalog is signed with this key, so it cannot revoke it")]
    OwnKey,
    /// The next key does not follow the last.
    #[error("the new key cannot follow the old one: {0}")]
    Lineage(#[from] LinkError),
    /// There is no higher number.
    #[error("the counter of the catalog cannot grow further")]
    Counter,
}

impl ChangeError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Lower(_) | Self::OtherBytes(_) | Self::Revoked => {
                "raise `sequence` in syft-app.toml, then build it and sign it again"
            }
            Self::OwnKey => "first switch to another key: `syft-host rotate`",
            _ => return None,
        })
    }
}
