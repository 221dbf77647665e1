//! Whose keys are trusted, and what was seen of them: what a signature alone does not say.
//!
//! - [`Claim`]: who is said to have signed something, with which keys.
//! - [`AuthorTrust`]: an author, known by a key that has signed it; or one of whom nothing is
//!   known yet, so that the owner has to be asked. It exists only where that is so.
//! - [`Refused`]: why something does not count.
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
mod policy;
mod refused;
mod revoked;
mod store;
mod text;

use std::path::Path;

use syft_manifest::Digest;
use syft_manifest::clock::now;
use syft_protocol::address::Datasite;
use syft_protocol::timestamp::Timestamp;

pub use author::{Author, CatalogSeen, Pinned, PinnedBy, ReleaseSeen, Trusted};
pub use author_trust::{Alarm, AuthorTrust, Claim, TrustBasis};
pub use did::did_key;
pub use error::TrustError;
pub use fingerprint::Fingerprint;
pub use policy::{SignerPolicy, Unmet};
pub use refused::Refused;
pub use revoked::{Revoked, RevokedBy, RevokedSince};

use crate::package::{Link, PublicKey, Verified};
use author::MAX_REVOKED;
use policy::Rule;
use store::TrustFiles;

/// What is trusted, in a private folder.
#[derive(Debug, Clone)]
pub struct TrustStore {
    store: TrustFiles,
}

/// What a catalog says that concerns trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFacts {
    /// Its number, which grows with each.
    pub counter: u64,
    /// The digest by which it is known again.
    pub digest: Digest,
    /// When it ends.
    pub expires: Timestamp,
    /// The author's keys that do not count any more.
    pub revoked_keys: Vec<PublicKey>,
    /// Releases or files that do not count any more.
    pub revoked_digests: Vec<Digest>,
}

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
    /// A key, whoever's it is.
    Key(Fingerprint),
    /// A release or a file.
    Digest(Digest),
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
    /// It is not signed by the key that counts for the author.
    pub fn author_trust(&self, claim: &Claim) -> Result<AuthorTrust, Refused> {
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
        let mut trusted = authors.filter(|it| it.trusted != Trusted::Nothing);
        let found = trusted.find(|it| alike::look_alike(it.email.as_str(), email.as_str()));
        Ok(found.map(|it| it.email))
    }

    /// Checks that a release may be taken: that it is the author's, was not revoked, is not
    /// older than what was taken before, and has the signatures that the owner asks for. It
    /// changes nothing.
    ///
    /// # Errors
    /// Something of that is not so. An older one is taken with `allow_downgrade`, and nothing
    /// else.
    pub fn check_release(
        &self,
        verified: &Verified<'_>,
        author_trust: &AuthorTrust,
        allow_downgrade: bool,
    ) -> Result<(), Refused> {
        let author = self.author(author_trust.author())?;
        self.check_release_of(&author, verified, author_trust, allow_downgrade)
    }

    /// Checks that a catalog may be taken: that it is not older than another, nor another of
    /// the same number. It changes nothing.
    ///
    /// # Errors
    /// Something of that is not so.
    pub fn check_catalog(
        &self,
        author_trust: &AuthorTrust,
        facts: &CatalogFacts,
    ) -> Result<(), Refused> {
        check_catalog_of(&self.author(author_trust.author())?, author_trust, facts)
    }

    /// Takes note of a release after all else was checked and the owner agrees: pins the key
    /// of its author, and refuses older ones from now on.
    ///
    /// # Errors
    /// See [`Self::check_release`], which is done again; then nothing is written.
    pub fn note_release(
        &self,
        verified: &Verified<'_>,
        author_trust: &AuthorTrust,
        allow_downgrade: bool,
    ) -> Result<(), Refused> {
        self.change(author_trust, |author, author_trust| {
            self.check_release_of(author, verified, author_trust, allow_downgrade)?;
            let release = verified.release();
            let seen = ReleaseSeen {
                epoch: author_trust.epoch(),
                sequence: release.sequence,
                signed_digest: Digest::from(verified.signed_digest()),
            };
            let before = author.seen(&release.name);
            if before.is_none_or(|it| (it.epoch, it.sequence) < (seen.epoch, seen.sequence)) {
                let name = release.name.as_str().to_owned();
                author.apps.insert(name, seen);
            }
            Ok(())
        })
    }

    /// Takes note of a catalog after all else was checked and the owner agrees: pins the key
    /// of its author, keeps what it revokes, and refuses older ones from now on.
    ///
    /// # Errors
    /// See [`Self::check_catalog`], which is done again; then nothing is written.
    pub fn note_catalog(
        &self,
        author_trust: &AuthorTrust,
        facts: &CatalogFacts,
    ) -> Result<(), Refused> {
        self.change(author_trust, |author, author_trust| {
            check_catalog_of(author, author_trust, facts)?;
            author.catalog = Some(CatalogSeen {
                epoch: author_trust.epoch(),
                counter: facts.counter,
                digest: facts.digest.clone(),
                expires: facts.expires,
            });
            let keys = facts.revoked_keys.iter().map(Fingerprint::from);
            author.revoked_keys.extend(keys);
            let digests = facts.revoked_digests.iter().cloned();
            author.revoked_digests.extend(digests);
            let count = author.revoked_keys.len().max(author.revoked_digests.len());
            match count > MAX_REVOKED {
                true => Err(Refused::TooManyRevoked {
                    author: author.email.clone(),
                    limit: MAX_REVOKED,
                }),
                false => Ok(()),
            }
        })
    }

    /// Tells whether an app of an author was revoked, by the digests of what was signed and of
    /// the file, and by whom.
    ///
    /// # Errors
    /// It cannot be said.
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
    ) -> Result<Author, Refused> {
        let _lock = self.store.lock()?;
        let mut author = self.author(email)?;
        let fingerprint = given.fingerprint();
        if let Some(by) = self.store.revoked()?.key_by(&author, &fingerprint) {
            return Err(Refused::RevokedKey {
                author: email.clone(),
                key: fingerprint,
                by,
            });
        }
        match author.fingerprint() {
            Some(known) if known != fingerprint && instead_of != Some(&known) => {
                return Err(Refused::Replaces {
                    author: email.clone(),
                    known,
                    given: fingerprint,
                });
            }
            _ => {}
        }
        let known = author.keys.last().map(|it| it.key);
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
    ) -> Result<Author, Refused> {
        let claim = Claim {
            author: email.clone(),
            signers: lineage.last().map(|it| *it.new_key()).into_iter().collect(),
            lineage,
            did_key,
        };
        let author_trust = self.author_trust(&claim)?;
        match author_trust.basis() {
            TrustBasis::FirstUse { .. } => Err(Refused::NobodyKnown {
                author: email.clone(),
            }),
            TrustBasis::Pinned | TrustBasis::Succeeded { .. } => {
                self.change(&author_trust, |_, _| Ok(()))?;
                Ok(self.author(email)?)
            }
        }
    }

    /// Trusts no key of an author any more, and returns what was trusted. What was seen stays
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

    /// Revokes a key or a digest, whoever's it is; or takes that back. Tells whether that
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

    /// Changes what is known of an author, after checking again who it is, while nobody else
    /// changes anything.
    fn change(
        &self,
        author_trust: &AuthorTrust,
        change: impl FnOnce(&mut Author, &AuthorTrust) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let _lock = self.store.lock()?;
        let before = self.author(author_trust.author())?;
        let again =
            author_trust::author_trust(&before, &self.store.revoked()?, &author_trust.claim)?;
        if (again.key(), again.epoch()) != (author_trust.key(), author_trust.epoch()) {
            return Err(Refused::Meanwhile {
                author: before.email,
            });
        }
        let mut author = before.clone();
        for (key, how) in &again.added {
            author.pin(*key, *how, now());
        }
        if !again.added.is_empty() {
            author.did_key = again.claim.did_key;
        }
        change(&mut author, &again)?;
        if author != before {
            self.store.put(&author)?;
        }
        Ok(())
    }

    fn check_release_of(
        &self,
        author: &Author,
        verified: &Verified<'_>,
        author_trust: &AuthorTrust,
        allow_downgrade: bool,
    ) -> Result<(), Refused> {
        let release = verified.release();
        if release.author != *author_trust.author() {
            return Err(Refused::NotTheAuthor {
                author: author_trust.author().clone(),
                says: release.author.clone(),
            });
        }
        if !verified.signers().contains(author_trust.key()) {
            return Err(Refused::UnknownKey {
                author: release.author.clone(),
                known: Fingerprint::from(author_trust.key()),
                signers: join(verified.signers()),
                is_in_did: false,
            });
        }
        let revoked = self.store.revoked()?;
        if let Some((digest, by)) = revoked.digest_by(author, &digests(verified)) {
            return Err(Refused::RevokedDigest { digest, by });
        }
        check_sequence(author, verified, author_trust, allow_downgrade)?;
        let policy = self.store.policy()?;
        policy.check(|rule| self.signer_by(rule, verified, author_trust, &revoked))
    }

    /// Returns the key by which a release meets a rule of the owner's policy.
    fn signer_by(
        &self,
        rule: &Rule,
        verified: &Verified<'_>,
        author_trust: &AuthorTrust,
        revoked: &Revoked,
    ) -> Result<Option<PublicKey>, TrustError> {
        let signers = verified.signers().iter();
        let mut signers = signers.map(|key| (*key, Fingerprint::from(key)));
        let found = match rule {
            Rule::PinnedAuthor {} => Some(*author_trust.key()),
            Rule::SyftIdentity { email } if email == author_trust.author() => {
                Some(*author_trust.key())
            }
            Rule::SyftIdentity { email } => {
                let author = self.author(email)?;
                let counts = |fingerprint: &Fingerprint| {
                    author.fingerprint().as_ref() == Some(fingerprint)
                        && revoked.key_by(&author, fingerprint).is_none()
                };
                signers.find(|(_, it)| counts(it)).map(|(key, _)| key)
            }
            Rule::PubKey { key, .. } => signers
                .find(|(it, fingerprint)| it == key && !revoked.keys.contains_key(fingerprint))
                .map(|(key, _)| key),
        };
        Ok(found)
    }
}

impl CatalogFacts {
    /// Checks a release by what the catalog itself says, of which no note was taken yet.
    ///
    /// # Errors
    /// The catalog revokes it, or the key of its author.
    pub fn check_release(
        &self,
        verified: &Verified<'_>,
        author_trust: &AuthorTrust,
    ) -> Result<(), Refused> {
        if self.revoked_keys.contains(author_trust.key()) {
            return Err(Refused::RevokedKey {
                author: author_trust.author().clone(),
                key: Fingerprint::from(author_trust.key()),
                by: RevokedBy::Author,
            });
        }
        let digests = digests(verified);
        match digests
            .into_iter()
            .find(|it| self.revoked_digests.contains(it))
        {
            Some(digest) => Err(Refused::RevokedDigest {
                digest,
                by: RevokedBy::Author,
            }),
            None => Ok(()),
        }
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

/// Returns the digests by which a release may have been revoked.
pub fn digests(verified: &Verified<'_>) -> [Digest; 2] {
    [
        Digest::from(verified.signed_digest()),
        Digest::of(verified.component()),
    ]
}

fn check_sequence(
    author: &Author,
    verified: &Verified<'_>,
    author_trust: &AuthorTrust,
    allow_downgrade: bool,
) -> Result<(), Refused> {
    let release = verified.release();
    let Some(seen) = author.seen(&release.name) else {
        return Ok(());
    };
    let (app, sequence) = (release.name.clone(), release.sequence);
    let number = (author_trust.epoch(), sequence);
    let before = (seen.epoch, seen.sequence);
    if number == before && seen.signed_digest != Digest::from(verified.signed_digest()) {
        return Err(Refused::OtherBytes { app, sequence });
    }
    match number < before && !allow_downgrade {
        true => Err(Refused::LowerSequence {
            app,
            sequence,
            seen: seen.sequence,
        }),
        false => Ok(()),
    }
}

fn check_catalog_of(
    author: &Author,
    author_trust: &AuthorTrust,
    facts: &CatalogFacts,
) -> Result<(), Refused> {
    let Some(seen) = &author.catalog else {
        return Ok(());
    };
    let (author, counter) = (author_trust.author().clone(), facts.counter);
    let number = (author_trust.epoch(), counter);
    let before = (seen.epoch, seen.counter);
    if number == before && seen.digest != facts.digest {
        return Err(Refused::OtherCatalog { author, counter });
    }
    match number < before {
        true => Err(Refused::OldCatalog {
            author,
            counter,
            seen: seen.counter,
        }),
        false => Ok(()),
    }
}

fn join(keys: &[PublicKey]) -> String {
    let shown: Vec<String> = keys.iter().map(PublicKey::to_string).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests;
