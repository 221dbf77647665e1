//! What comes in: checks of releases and catalogs, and notes of those that were taken.

use syft_manifest::Digest;
use syft_manifest::clock::now;
use syft_protocol::timestamp::Timestamp;

use super::author::{Author, CatalogSeen, MAX_REVOKED, ReleaseSeen};
use super::author_trust::{self, AuthorTrust};
use super::error::TrustError;
use super::fingerprint::Fingerprint;
use super::policy::PolicyRule;
use super::refused::TrustRefusal;
use super::revoked::{Revoked, RevokedBy};
use super::{TrustStore, join};
use crate::package::{PublicKey, Verified};

/// What a catalog says that concerns trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFacts {
    /// Its number, which grows with each.
    pub counter: u64,
    /// The digest by which it is known again.
    pub digest: Digest,
    /// When it ends.
    pub expires: Timestamp,
    /// The author's keys that were revoked.
    pub revoked_keys: Vec<PublicKey>,
    /// Releases or files that were revoked.
    pub revoked_digests: Vec<Digest>,
}

impl TrustStore {
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
    ) -> Result<(), TrustRefusal> {
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
    ) -> Result<(), TrustRefusal> {
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
    ) -> Result<(), TrustRefusal> {
        self.change(author_trust, |author, author_trust| {
            self.check_release_of(author, verified, author_trust, allow_downgrade)?;
            let release = verified.release();
            let seen = ReleaseSeen {
                epoch: author_trust.epoch(),
                sequence: release.sequence,
                signed_digest: Digest::from(verified.signed_digest()),
            };
            let before = author.seen(&release.name);
            if before
                .is_none_or(|before| (before.epoch, before.sequence) < (seen.epoch, seen.sequence))
            {
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
    ) -> Result<(), TrustRefusal> {
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
            if count > MAX_REVOKED {
                Err(TrustRefusal::TooManyRevoked {
                    author: author.email.clone(),
                    limit: MAX_REVOKED,
                })
            } else {
                Ok(())
            }
        })
    }

    /// Changes what is known of an author, after checking again who it is, while nobody else
    /// changes anything.
    pub(super) fn change(
        &self,
        author_trust: &AuthorTrust,
        change: impl FnOnce(&mut Author, &AuthorTrust) -> Result<(), TrustRefusal>,
    ) -> Result<(), TrustRefusal> {
        let _lock = self.store.lock()?;
        let before = self.author(author_trust.author())?;
        let again =
            author_trust::author_trust(&before, &self.store.revoked()?, &author_trust.claim)?;
        if (again.key(), again.epoch()) != (author_trust.key(), author_trust.epoch()) {
            return Err(TrustRefusal::Meanwhile {
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
    ) -> Result<(), TrustRefusal> {
        let release = verified.release();
        if release.author != *author_trust.author() {
            return Err(TrustRefusal::NotTheAuthor {
                author: author_trust.author().clone(),
                says: release.author.clone(),
            });
        }
        if !verified.signers().contains(author_trust.key()) {
            return Err(TrustRefusal::UnknownKey {
                author: release.author.clone(),
                known: Fingerprint::from(author_trust.key()),
                signers: join(verified.signers()),
                is_in_did: false,
            });
        }
        let revoked = self.store.revoked()?;
        if let Some((digest, by)) = revoked.digest_by(author, &digests(verified)) {
            return Err(TrustRefusal::RevokedDigest { digest, by });
        }
        check_sequence(author, verified, author_trust, allow_downgrade)?;
        let policy = self.store.policy()?;
        policy.check(|rule| self.signer_by(rule, verified, author_trust, &revoked))
    }

    /// Returns the key by which a release meets a rule of the owner's policy.
    fn signer_by(
        &self,
        rule: &PolicyRule,
        verified: &Verified<'_>,
        author_trust: &AuthorTrust,
        revoked: &Revoked,
    ) -> Result<Option<PublicKey>, TrustError> {
        let signers = verified.signers().iter();
        let mut signers = signers.map(|key| (*key, Fingerprint::from(key)));
        let found = match rule {
            PolicyRule::PinnedAuthor {} => Some(*author_trust.key()),
            PolicyRule::SyftIdentity { email } if email == author_trust.author() => {
                Some(*author_trust.key())
            }
            PolicyRule::SyftIdentity { email } => {
                let author = self.author(email)?;
                let counts = |fingerprint: &Fingerprint| {
                    author.fingerprint().as_ref() == Some(fingerprint)
                        && revoked.key_by(&author, fingerprint).is_none()
                };
                signers
                    .find(|(_, fingerprint)| counts(fingerprint))
                    .map(|(key, _)| key)
            }
            PolicyRule::PubKey { key, .. } => signers
                .find(|(signer, fingerprint)| {
                    signer == key && !revoked.keys.contains_key(fingerprint)
                })
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
    ) -> Result<(), TrustRefusal> {
        if self.revoked_keys.contains(author_trust.key()) {
            return Err(TrustRefusal::RevokedKey {
                author: author_trust.author().clone(),
                key: Fingerprint::from(author_trust.key()),
                by: RevokedBy::Author,
            });
        }
        let digests = digests(verified);
        match digests
            .into_iter()
            .find(|digest| self.revoked_digests.contains(digest))
        {
            Some(digest) => Err(TrustRefusal::RevokedDigest {
                digest,
                by: RevokedBy::Author,
            }),
            None => Ok(()),
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
) -> Result<(), TrustRefusal> {
    let release = verified.release();
    let Some(seen) = author.seen(&release.name) else {
        return Ok(());
    };
    let (app, sequence) = (release.name.clone(), release.sequence);
    let number = (author_trust.epoch(), sequence);
    let before = (seen.epoch, seen.sequence);
    if number == before && seen.signed_digest != Digest::from(verified.signed_digest()) {
        return Err(TrustRefusal::OtherBytes { app, sequence });
    }
    if number < before && !allow_downgrade {
        Err(TrustRefusal::LowerSequence {
            app,
            sequence,
            seen: seen.sequence,
        })
    } else {
        Ok(())
    }
}

fn check_catalog_of(
    author: &Author,
    author_trust: &AuthorTrust,
    facts: &CatalogFacts,
) -> Result<(), TrustRefusal> {
    let Some(seen) = &author.catalog else {
        return Ok(());
    };
    let (author, counter) = (author_trust.author().clone(), facts.counter);
    let number = (author_trust.epoch(), counter);
    let before = (seen.epoch, seen.counter);
    if number == before && seen.digest != facts.digest {
        return Err(TrustRefusal::OtherCatalog { author, counter });
    }
    if number < before {
        Err(TrustRefusal::OldCatalog {
            author,
            counter,
            seen: seen.counter,
        })
    } else {
        Ok(())
    }
}
