//! Who is it that has signed something. Decided from what is known, without a disk.
//!
//! Why: docs/decisions/37-a-pinned-key-stays.md

use std::fmt;

use syft_protocol::address::Datasite;

use super::author::{Author, PinnedBy, Trusted};
use super::refused::TrustRefusal;
use super::revoked::Revoked;
use super::{Fingerprint, join};
use crate::package::{Link, PublicKey};

/// Who is said to have signed something, and what came with it. The signatures were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerClaim {
    /// Whose it is said to be.
    pub author: Datasite,
    /// The keys that have signed it.
    pub signers: Vec<PublicKey>,
    /// How the author went over from key to key, the oldest first.
    pub lineage: Vec<Link>,
    /// The key in the `did.json` of the author's datasite. It proves nothing.
    pub did_key: Option<PublicKey>,
}

/// The author of something, known by a key that has signed it. It exists only where that is
/// so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorTrust {
    pub(super) claim: SignerClaim,
    pub(super) key: PublicKey,
    pub(super) epoch: u64,
    basis: TrustBasis,
    pub(super) added: Vec<(PublicKey, PinnedBy)>,
    alarm: Option<Alarm>,
}

/// How it is known that a key is the author's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustBasis {
    /// It was pinned, or the owner gave its fingerprint.
    Pinned,
    /// The pinned key says that it follows, or that one follows which says so.
    Succeeded {
        /// The way there.
        links: Vec<Link>,
    },
    /// It is not known: nothing of the author is. The owner has to be asked.
    FirstUse {
        /// The `did.json` of the author's datasite shows the same key.
        is_in_did: bool,
    },
}

/// What decides nothing by itself, and the owner should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// The `did.json` of an author shows another key than when theirs was pinned, and not the
    /// one that has signed.
    DidChanged {
        /// Whose it is.
        author: Datasite,
        /// What it showed.
        then: Box<PublicKey>,
        /// What it shows.
        now: Box<PublicKey>,
    },
    /// Nothing is known of an author, and their name looks like one that is trusted.
    Resembles {
        /// The author.
        author: Datasite,
        /// Who is trusted.
        known: Datasite,
    },
}

impl AuthorTrust {
    /// Returns whose it is.
    pub fn author(&self) -> &Datasite {
        &self.claim.author
    }

    /// Returns the key of the author that has signed it.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Returns the number of the key among those of the author that this host has pinned.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns how it is known that the key is the author's.
    pub fn basis(&self) -> &TrustBasis {
        &self.basis
    }

    /// Returns what the owner should be told although it changes nothing.
    pub fn alarm(&self) -> Option<&Alarm> {
        self.alarm.as_ref()
    }

    /// Returns who is trusted and has a name that looks like that of the author, who is not.
    pub fn resembles(&self) -> Option<&Datasite> {
        match &self.alarm {
            Some(Alarm::Resembles { known, .. }) => Some(known),
            Some(Alarm::DidChanged { .. }) | None => None,
        }
    }

    pub(super) fn resembling(mut self, known: Option<Datasite>) -> Self {
        let author = self.claim.author.clone();
        let alarm = known.map(|known| Alarm::Resembles { author, known });
        self.alarm = alarm.or(self.alarm);
        self
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (author, then, now) = match self {
            Self::DidChanged { author, then, now } => (author, then, now),
            Self::Resembles { author, known } => {
                return write!(
                    f,
                    "{author} is not {known}, whom you trust, but looks alike. Whoever calls \
                     themselves so may want to be taken for {known}"
                );
            }
        };
        write!(
            f,
            "the did.json of {author} has changed: it showed the key {then} when you came to \
             trust {author}, and shows {now} now. That changes nothing here, since whoever can \
             write into the datasite, as the sync server can, can change that file. If {author} \
             did not do this, something is wrong there"
        )
    }
}

/// Finds out who has signed something, by what is known of the author and what the owner
/// revoked.
pub(super) fn author_trust(
    author: &Author,
    revoked: &Revoked,
    claim: &SignerClaim,
) -> Result<AuthorTrust, TrustRefusal> {
    let about = || claim.author.clone();
    Link::check_chain(&claim.author, &claim.lineage).map_err(|error| TrustRefusal::Lineage {
        author: about(),
        error,
    })?;
    let query = TrustQuery {
        author,
        revoked,
        claim,
    };
    match &author.trusted {
        Trusted::Nothing => query.first_use(),
        Trusted::Fingerprint(fingerprint) => {
            let key = query.of_fingerprint(fingerprint)?;
            query.follow(key, vec![(key, PinnedBy::Fingerprint)])
        }
        Trusted::LastKey => match author.keys.last() {
            Some(last) => query.follow(last.key, Vec::new()),
            None => query.first_use(),
        },
    }
}

struct TrustQuery<'a> {
    author: &'a Author,
    revoked: &'a Revoked,
    claim: &'a SignerClaim,
}

impl TrustQuery<'_> {
    /// Goes on from a key that is trusted to the last one that follows it. That one has to
    /// have signed.
    fn follow(
        &self,
        start: PublicKey,
        mut added: Vec<(PublicKey, PinnedBy)>,
    ) -> Result<AuthorTrust, TrustRefusal> {
        let mut epoch = self.author.epoch_of(&start);
        let mut key = start;
        let mut links = Vec::new();
        self.check_revoked(&key)?;
        // They are one chain, so that what is found goes on to the end.
        for link in &self.claim.lineage {
            if *link.old_key() == key {
                key = *link.new_key();
                self.check_revoked(&key)?;
                self.check_superseded(&key)?;
                epoch += 1;
                added.push((key, PinnedBy::Lineage));
                links.push(link.clone());
            }
        }
        if !self.claim.signers.contains(&key) {
            return Err(self.not_by(&key, &links));
        }
        let basis = if links.is_empty() {
            TrustBasis::Pinned
        } else {
            TrustBasis::Succeeded { links }
        };
        Ok(self.author_trust(key, epoch, basis, added))
    }

    /// Nothing is trusted, so the owner may take the key that says to be the author's.
    fn first_use(&self) -> Result<AuthorTrust, TrustRefusal> {
        let key = self.candidate()?;
        self.check_revoked(&key)?;
        self.check_superseded(&key)?;
        let is_in_did = self.claim.did_key == Some(key);
        let added = vec![(key, PinnedBy::FirstUse)];
        let epoch = self.author.epoch_of(&key);
        Ok(self.author_trust(key, epoch, TrustBasis::FirstUse { is_in_did }, added))
    }

    /// Returns the one signer that could be the author.
    fn candidate(&self) -> Result<PublicKey, TrustRefusal> {
        let SignerClaim {
            author,
            signers,
            lineage,
            did_key,
        } = self.claim;
        if let Some(last) = lineage.last() {
            let key = last.new_key();
            return if signers.contains(key) {
                Ok(*key)
            } else {
                Err(self.not_by(key, lineage))
            };
        }
        match (did_key, signers.as_slice()) {
            (Some(key), signers) if signers.contains(key) => Ok(*key),
            (_, [only]) => Ok(*only),
            (_, several) => Err(TrustRefusal::Ambiguous {
                author: author.clone(),
                signers: join(several),
            }),
        }
    }

    /// Finds the key that the owner gave the fingerprint of.
    fn of_fingerprint(&self, fingerprint: &Fingerprint) -> Result<PublicKey, TrustRefusal> {
        let of_lineage = self.claim.lineage.iter();
        let of_lineage = of_lineage.flat_map(|link| [link.old_key(), link.new_key()]);
        let mut all = self.claim.signers.iter().chain(of_lineage);
        match all.find(|key| Fingerprint::from(*key) == *fingerprint) {
            Some(key) => Ok(*key),
            None => Err(self.unknown(fingerprint.clone())),
        }
    }

    /// Returns why something does not count that the key which has to has not signed.
    fn not_by(&self, key: &PublicKey, followed: &[Link]) -> TrustRefusal {
        let is_earlier = |signer: &&PublicKey| {
            let was_followed = followed.iter().any(|link| link.old_key() == *signer);
            was_followed || self.author.is_superseded(signer)
        };
        match self.claim.signers.iter().find(is_earlier) {
            Some(old) => self.superseded(old, key),
            None => self.unknown(Fingerprint::from(key)),
        }
    }

    fn unknown(&self, known: Fingerprint) -> TrustRefusal {
        let SignerClaim {
            author,
            signers,
            did_key,
            ..
        } = self.claim;
        TrustRefusal::UnknownKey {
            author: author.clone(),
            known,
            signers: join(signers),
            is_in_did: did_key.is_some_and(|key| signers.contains(&key)),
        }
    }

    fn superseded(&self, old: &PublicKey, new: &PublicKey) -> TrustRefusal {
        TrustRefusal::Superseded {
            author: self.claim.author.clone(),
            old: Fingerprint::from(old),
            new: Fingerprint::from(new),
        }
    }

    fn check_superseded(&self, key: &PublicKey) -> Result<(), TrustRefusal> {
        match (self.author.is_superseded(key), self.author.keys.last()) {
            (true, Some(last)) => Err(self.superseded(key, &last.key)),
            _ => Ok(()),
        }
    }

    fn check_revoked(&self, key: &PublicKey) -> Result<(), TrustRefusal> {
        let fingerprint = Fingerprint::from(key);
        match self.revoked.key_by(self.author, &fingerprint) {
            None => Ok(()),
            Some(by) => Err(TrustRefusal::RevokedKey {
                author: self.claim.author.clone(),
                key: fingerprint,
                by,
            }),
        }
    }

    fn author_trust(
        &self,
        key: PublicKey,
        epoch: u64,
        basis: TrustBasis,
        added: Vec<(PublicKey, PinnedBy)>,
    ) -> AuthorTrust {
        AuthorTrust {
            claim: self.claim.clone(),
            key,
            epoch,
            basis,
            added,
            alarm: self.alarm(&key),
        }
    }

    fn alarm(&self, key: &PublicKey) -> Option<Alarm> {
        let (then, now) = (self.author.did_key?, self.claim.did_key?);
        (then != now && now != *key).then(|| Alarm::DidChanged {
            author: self.claim.author.clone(),
            then: Box::new(then),
            now: Box::new(now),
        })
    }
}
