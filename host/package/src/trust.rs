//! Whose keys are trusted, and what was seen of them: what a signature alone does not say.
//!
//! - [`SignerClaim`]: who is said to have signed something, with which keys.
//! - [`AuthorTrust`]: an author, known by a key that has signed it; or one of whom nothing is
//!   known yet, so that the owner has to be asked. It exists only where that is so.
//! - [`TrustRefusal`]: why something is not accepted.
//! - [`TrustStore`]: a private folder that says all of that. It is written after all checks of
//!   whoever asks have passed, by [`TrustStore::note_release`] and [`TrustStore::note_catalog`],
//!   which check everything again while nobody else writes.
//!
//! What is pinned holds, whatever comes: only a link that the pinned key has signed, or the
//! owner, puts another key in its place. What cannot be read is an error and never "nothing is
//! known".
//!
//! Releases and catalogs are ordered by the epoch of the key, and then by their own number:
//! who had a stolen key could count up to the end, and the next key begins anew. Epochs are
//! counted by this host and say nothing beyond it.

mod alike;
mod author;
mod author_trust;
mod did;
mod error;
mod fingerprint;
mod intake;
mod owner;
mod policy;
mod refused;
mod revoked;
mod store;
mod text;

use std::path::Path;

use syft_manifest::Digest;
use syft_protocol::address::Datasite;

pub use alike::look_alike;
pub use author::{Author, CatalogSeen, Pinned, PinnedBy, ReleaseSeen, Trusted};
pub use author_trust::{Alarm, AuthorTrust, SignerClaim, TrustBasis};
pub use did::did_key;
pub use error::TrustError;
pub use fingerprint::Fingerprint;
pub use intake::{CatalogFacts, digests};
pub use owner::{GivenKey, Revocation};
pub use policy::{SignerPolicy, Unmet};
pub use refused::TrustRefusal;
pub use revoked::{Revoked, RevokedBy, RevokedSince};

use crate::package::PublicKey;
use store::TrustFiles;

/// What is trusted, in a private folder.
#[derive(Debug, Clone)]
pub struct TrustStore {
    store: TrustFiles,
}

impl TrustStore {
    /// Opens what is trusted in a private folder, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made, or others can write to it.
    pub fn open(folder: &Path) -> Result<Self, TrustError> {
        Ok(Self {
            store: TrustFiles::open(folder)?,
        })
    }

    /// Finds out who has signed something. It changes nothing.
    ///
    /// # Errors
    /// It is not signed by the author's trusted key.
    pub fn author_trust(&self, claim: &SignerClaim) -> Result<AuthorTrust, TrustRefusal> {
        let author = self.author(&claim.author)?;
        let author_trust = author_trust::author_trust(&author, &self.store.revoked()?, claim)?;
        match author_trust.basis() {
            TrustBasis::FirstUse { .. } => {
                Ok(author_trust.resembling(self.resembled(&claim.author)?))
            }
            TrustBasis::Pinned | TrustBasis::Succeeded { .. } => Ok(author_trust),
        }
    }

    /// Returns an author who is trusted and whose name looks like another that is not.
    ///
    /// # Errors
    /// It cannot be read who is trusted.
    pub fn resembled(&self, email: &Datasite) -> Result<Option<Datasite>, TrustError> {
        let authors = self.store.authors()?.into_iter();
        let mut trusted = authors.filter(|author| author.trusted != Trusted::Nothing);
        let found = trusted.find(|author| alike::look_alike(author.email.as_str(), email.as_str()));
        Ok(found.map(|author| author.email))
    }

    /// Tells whether an app of an author was revoked, by the digests of what was signed and of
    /// the file, and by whom.
    ///
    /// # Errors
    /// The trust store cannot be read.
    pub fn is_revoked(
        &self,
        author: &Datasite,
        digests: &[Digest],
    ) -> Result<Option<(Digest, RevokedBy)>, TrustError> {
        let author = self.author(author)?;
        Ok(self.store.revoked()?.digest_by(&author, digests))
    }

    /// Returns numbers of which one is another once anything was changed.
    ///
    /// # Errors
    /// The folders cannot be listed.
    pub fn stamp(&self) -> Result<[u64; 2], TrustError> {
        self.store.stamp()
    }

    /// Returns what is known of an author, which may be nothing.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn author(&self, email: &Datasite) -> Result<Author, TrustError> {
        let known = self.store.author(email)?;
        Ok(known.unwrap_or_else(|| Author::unknown(email.clone())))
    }

    /// Returns all authors of whom something is known, by email.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn authors(&self) -> Result<Vec<Author>, TrustError> {
        self.store.authors()
    }

    /// Returns what the owner revoked.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn revoked(&self) -> Result<Revoked, TrustError> {
        self.store.revoked()
    }

    /// Returns who has to have signed an app, by the owner's policy.
    ///
    /// # Errors
    /// There is one, and it cannot be read.
    pub fn policy(&self) -> Result<SignerPolicy, TrustError> {
        self.store.policy()
    }
}

fn join(keys: &[PublicKey]) -> String {
    let shown: Vec<String> = keys.iter().map(PublicKey::to_string).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests;
