//! Why an encrypted request is refused.

use super::{DidError, IdentityKey, SealedBodyError};
use crate::excerpt::excerpt;
use crate::status::Status;

/// Why the body of a request is not given to a handler. Its text goes to the remote caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// It is no envelope, though it looks like one.
    #[error("it is not encrypted as syft-crypto 0.1 does it: {0}")]
    Damaged(#[from] SealedBodyError),
    /// It is for somebody else.
    #[error("it is encrypted for {}, and this is another datasite", excerpt(.0))]
    ForAnother(String),
    /// Who encrypted it and who sent it are two.
    #[error("it was encrypted by {}, and another sends it", excerpt(.0))]
    SenderDisagrees(String),
    /// The owner has no keys.
    #[error("this datasite has no keys for encryption: send it unencrypted, or ask its owner")]
    NoKeys,
    /// The sender has no DID document here.
    #[error(
        "there is no did.json of {} here yet: publish it, wait until it is synced, and send the \
         request again", excerpt(.0)
    )]
    NoDid(String),
    /// The sender's DID document is of no use.
    #[error("the did.json of {} is of no use: {why}", excerpt(.sender))]
    BadDid {
        /// Whose it is.
        sender: String,
        /// What is wrong with it.
        why: DidError,
    },
    /// The sender has another key than before.
    #[error(
        "the key of {} is {found} now, and {known} is known here: ask the owner of this datasite to \
         accept it", excerpt(.sender)
    )]
    KeyChanged {
        /// Whose key it is.
        sender: String,
        /// The one that is pinned.
        known: IdentityKey,
        /// The one that the sender has now.
        found: IdentityKey,
    },
    /// The sender's key is known as somebody else's.
    #[error("the key of {} is known here as that of somebody else", excerpt(.0))]
    KeyOfAnother(String),
    /// So many senders are known that no other is.
    #[error("too many senders have keys here: ask the owner of this datasite to forget some")]
    TooManySenders,
    /// It does not open.
    #[error(
        "it does not open: it was changed on its way, or encrypted with other keys than those in \
         the did.json of the two datasites"
    )]
    DoesNotOpen,
    /// The very same came with another request.
    #[error("it has been sent with another request before: encrypt it anew")]
    Replayed,
}

impl Unopened {
    /// Returns the status of the answer.
    pub fn status(&self) -> Status {
        match self {
            Self::Damaged(_)
            | Self::ForAnother(_)
            | Self::NoKeys
            | Self::NoDid(_)
            | Self::BadDid { .. }
            | Self::DoesNotOpen => Status::BAD_REQUEST,
            Self::SenderDisagrees(_) | Self::KeyChanged { .. } | Self::KeyOfAnother(_) => {
                Status::FORBIDDEN
            }
            Self::Replayed => Status::CONFLICT,
            Self::TooManySenders => Status::SERVICE_UNAVAILABLE,
        }
    }
}
