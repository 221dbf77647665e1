//! Why something that is signed is not taken.

use syft_manifest::Digest;
use syft_protocol::address::{AppName, Datasite};
use thiserror::Error;

use super::Fingerprint;
use super::error::TrustError;
use super::policy::Unmet;
use super::revoked::RevokedBy;
use crate::package::LinkError;

/// Why something that is signed is not taken.
#[derive(Debug, Error)]
pub enum TrustRefusal {
    /// The trust store cannot be read.
    #[error(transparent)]
    Store(#[from] TrustError),
    /// The lineage that came with it is invalid.
    #[error("the key lineage of {author} is invalid: {error}")]
    Lineage {
        /// The author.
        author: Datasite,
        /// What is wrong with it.
        error: LinkError,
    },
    /// The author is known by another key.
    #[error("the trusted key of {author} is {known}, but this is signed by {signers}{}", did_words(.author, *.is_in_did))]
    UnknownKey {
        /// The author.
        author: Datasite,
        /// The key that has to sign.
        known: Fingerprint,
        /// Those that have.
        signers: String,
        /// The `did.json` of the author shows the key of a signer.
        is_in_did: bool,
    },
    /// Another key has taken its place.
    #[error("this is signed by an earlier key of {author}, {old}; {new} has followed it")]
    Superseded {
        /// The author.
        author: Datasite,
        /// The key that has signed.
        old: Fingerprint,
        /// The key that has to.
        new: Fingerprint,
    },
    /// The key was revoked.
    #[error("{author}'s key {key} was revoked by {by}")]
    RevokedKey {
        /// The author.
        author: Datasite,
        /// The key.
        key: Fingerprint,
        /// Who says so.
        by: RevokedBy,
    },
    /// Several have signed, and none is known.
    #[error("cannot tell which of the signers is {author}: {signers}")]
    Ambiguous {
        /// The author.
        author: Datasite,
        /// The keys that have signed.
        signers: String,
    },
    /// It is somebody else's app.
    #[error("this is an app of {says}, not of {author}")]
    NotTheAuthor {
        /// Whose it was said to be.
        author: Datasite,
        /// Whose it says to be.
        says: Datasite,
    },
    /// These very bytes are not to be run.
    #[error("this release was revoked by {by} ({digest})")]
    RevokedDigest {
        /// The digest.
        digest: Digest,
        /// Who says so.
        by: RevokedBy,
    },
    /// There was a newer one.
    #[error(
        "this is release {sequence} of {app}, older than release {seen}, which was here before"
    )]
    LowerSequence {
        /// The app.
        app: AppName,
        /// Its number.
        sequence: u64,
        /// The highest number so far.
        seen: u64,
    },
    /// There were other bytes of the same number.
    #[error(
        "there has been another release {sequence} of {app}, with other bytes; its author has \
         signed two different ones, or somebody else has the author's key"
    )]
    OtherBytes {
        /// The app.
        app: AppName,
        /// Its number.
        sequence: u64,
    },
    /// Others have to have signed too.
    #[error(transparent)]
    Policy(#[from] Unmet),
    /// There was a newer one.
    #[error(
        "this is catalog {counter} of {author}, older than catalog {seen}, which was here before"
    )]
    OldCatalog {
        /// The author.
        author: Datasite,
        /// Its number.
        counter: u64,
        /// The highest number so far.
        seen: u64,
    },
    /// There was another of the same number.
    #[error(
        "there has been another catalog {counter} of {author}; the author has signed two \
         different ones, or somebody else has the author's key"
    )]
    OtherCatalog {
        /// The author.
        author: Datasite,
        /// Its number.
        counter: u64,
    },
    /// More than anybody needs.
    #[error("{author} has revoked more than {limit} keys or releases")]
    TooManyRevoked {
        /// The author.
        author: Datasite,
        /// The most that are kept.
        limit: usize,
    },
    /// Somebody else changed what is trusted in between.
    #[error("the trust record of {author} changed in the meantime; nothing was written")]
    Meanwhile {
        /// The author.
        author: Datasite,
    },
    /// The owner wants to trust another key than the one that is trusted.
    #[error("the trusted key of {author} is {known}; {given} would replace it")]
    Replaces {
        /// The author.
        author: Datasite,
        /// The key that is trusted.
        known: Fingerprint,
        /// The key that is given.
        given: Fingerprint,
    },
    /// There is nothing that a lineage could go on from.
    #[error("this lineage does not start from a trusted key of {author}")]
    NobodyKnown {
        /// The author.
        author: Datasite,
    },
}

fn did_words(author: &Datasite, is_in_did: bool) -> String {
    if is_in_did {
        format!(
            ". The did.json of {author} shows that key now, which proves nothing: whoever can \
             write into the datasite, as the sync server can, can change that file"
        )
    } else {
        String::new()
    }
}

impl TrustRefusal {
    /// Returns what to do about it.
    pub fn hints(&self) -> Vec<String> {
        let ask = |author: &Datasite, new: &str| {
            vec![
                format!(
                    "ask {author} over another channel whether they changed their key; if so, \
                     they can give you a lineage: `syft-host trust add {author} --lineage FILE`"
                ),
                format!(
                    "if you have their new fingerprint from them: `syft-host trust add {author} \
                     --fingerprint {new} --replace`"
                ),
            ]
        };
        match self {
            Self::Store(error) => error.hints(),
            Self::Policy(error) => error.hints(),
            Self::UnknownKey { author, .. } | Self::Lineage { author, .. } => {
                ask(author, "SHA256:…")
            }
            Self::RevokedKey { author, key, by } => {
                let mut hints = match by {
                    RevokedBy::Owner => vec![format!(
                        "if it was revoked by mistake: `syft-host trust revoke --undo {key}`"
                    )],
                    RevokedBy::Author => Vec::new(),
                };
                hints.extend(ask(author, "SHA256:…").pop());
                hints
            }
            Self::Superseded { author, .. } => vec![format!(
                "get it again from {author}, signed by the newer key"
            )],
            Self::Ambiguous { author, .. } => vec![format!(
                "ask {author} for their fingerprint, and then: `syft-host trust add {author} \
                 --fingerprint SHA256:…`"
            )],
            Self::RevokedDigest {
                digest,
                by: RevokedBy::Owner,
            } => vec![format!(
                "if it was revoked by mistake: `syft-host trust revoke --undo {digest}`"
            )],
            Self::RevokedDigest { .. } => vec!["get a newer release of its author".to_owned()],
            Self::LowerSequence { .. } => vec![
                "an older release may have bugs that were fixed since; to install it anyway: --allow-downgrade"
                    .to_owned(),
            ],
            Self::OtherBytes { .. } | Self::OtherCatalog { .. } => {
                vec!["ask the author which one is right before you take either".to_owned()]
            }
            Self::OldCatalog { .. } => vec![
                "sync may still be running, or somebody withholds newer catalogs; try again later"
                    .to_owned(),
            ],
            Self::TooManyRevoked { author, .. } => vec![format!(
                "nothing new of {author} can be taken until they revoke less"
            )],
            Self::Meanwhile { .. } => vec!["try again".to_owned()],
            Self::Replaces { .. } => vec![
                "compare the new fingerprint with what the author told you, and then pass --replace"
                    .to_owned(),
            ],
            Self::NobodyKnown { author } => vec![format!(
                "begin with a fingerprint that you have from {author}: `syft-host trust add \
                 {author} --fingerprint SHA256:…`"
            )],
            Self::NotTheAuthor { .. } => Vec::new(),
        }
    }
}
