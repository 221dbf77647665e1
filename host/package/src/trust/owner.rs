//! What the owner decides: whom to trust by which key, and what is revoked.

use syft_manifest::Digest;
use syft_manifest::clock::now;
use syft_protocol::address::Datasite;

use super::TrustStore;
use super::author::{Author, PinnedBy, Trusted};
use super::author_trust::{SignerClaim, TrustBasis};
use super::error::TrustError;
use super::fingerprint::Fingerprint;
use super::refused::TrustRefusal;
use super::revoked::RevokedSince;
use crate::package::{Link, PublicKey};

/// What the owner gives as the key of an author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenKey {
    /// The key.
    Key(PublicKey),
    /// What the key will be known by when it is seen.
    Fingerprint(Fingerprint),
}

/// What the owner revokes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// A key, of any author.
    Key(Fingerprint),
    /// A release or a file.
    Digest(Digest),
}

impl TrustStore {
    /// Trusts what the owner gives as the key of an author. Where another is trusted, it takes
    /// the place of that one only if the owner was told of it, as `instead_of`.
    ///
    /// # Errors
    /// Another is trusted, or the owner has revoked this one.
    pub fn add(
        &self,
        email: &Datasite,
        given: &GivenKey,
        did_key: Option<PublicKey>,
        instead_of: Option<&Fingerprint>,
    ) -> Result<Author, TrustRefusal> {
        let _lock = self.store.lock()?;
        let mut author = self.author(email)?;
        let fingerprint = given.fingerprint();
        if let Some(by) = self.store.revoked()?.key_by(&author, &fingerprint) {
            return Err(TrustRefusal::RevokedKey {
                author: email.clone(),
                key: fingerprint,
                by,
            });
        }
        match author.fingerprint() {
            Some(known) if known != fingerprint && instead_of != Some(&known) => {
                return Err(TrustRefusal::Replaces {
                    author: email.clone(),
                    known,
                    given: fingerprint,
                });
            }
            _ => {}
        }
        let known = author.keys.last().map(|last| last.key);
        let key = match given {
            GivenKey::Key(key) => Some(*key),
            GivenKey::Fingerprint(it) => known.filter(|key| Fingerprint::from(key) == *it),
        };
        match key {
            Some(key) => author.pin(key, PinnedBy::Fingerprint, now()),
            None => author.trusted = Trusted::Fingerprint(fingerprint),
        }
        author.did_key = did_key;
        self.store.put(&author)?;
        Ok(author)
    }

    /// Goes over to the key that a lineage leads to from the one that is trusted.
    ///
    /// # Errors
    /// It does not begin with the key that is trusted, or the owner has revoked one of it.
    pub fn follow(
        &self,
        email: &Datasite,
        lineage: Vec<Link>,
        did_key: Option<PublicKey>,
    ) -> Result<Author, TrustRefusal> {
        let claim = SignerClaim {
            author: email.clone(),
            signers: lineage
                .last()
                .map(|link| *link.new_key())
                .into_iter()
                .collect(),
            lineage,
            did_key,
        };
        let author_trust = self.author_trust(&claim)?;
        match author_trust.basis() {
            TrustBasis::FirstUse { .. } => Err(TrustRefusal::NobodyKnown {
                author: email.clone(),
            }),
            TrustBasis::Pinned | TrustBasis::Succeeded { .. } => {
                self.change(&author_trust, |_, _| Ok(()))?;
                Ok(self.author(email)?)
            }
        }
    }

    /// Stops trusting an author's key, and returns what was trusted. What was seen stays
    /// known, so that nothing older comes back with the same key.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn remove(&self, email: &Datasite) -> Result<Option<Fingerprint>, TrustError> {
        let _lock = self.store.lock()?;
        let mut author = self.author(email)?;
        let Some(was) = author.fingerprint() else {
            return Ok(None);
        };
        author.trusted = Trusted::Nothing;
        self.store.put(&author)?;
        Ok(Some(was))
    }

    /// Revokes a key or a digest of any author, or undoes that. Tells whether that
    /// changed anything.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn revoke(&self, what: &Revocation, undo: bool) -> Result<bool, TrustError> {
        let _lock = self.store.lock()?;
        let mut revoked = self.store.revoked()?;
        let since = RevokedSince(now());
        let changes = match (what, undo) {
            (Revocation::Key(key), false) => revoked.keys.insert(key.clone(), since).is_none(),
            (Revocation::Key(key), true) => revoked.keys.remove(key).is_some(),
            (Revocation::Digest(it), false) => revoked.digests.insert(it.clone(), since).is_none(),
            (Revocation::Digest(it), true) => revoked.digests.remove(it).is_some(),
        };
        if changes {
            self.store.put_revoked(&revoked)?;
        }
        Ok(changes)
    }
}

impl GivenKey {
    /// Returns the fingerprint of the key.
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Key(key) => Fingerprint::from(key),
            Self::Fingerprint(fingerprint) => fingerprint.clone(),
        }
    }
}
