//! What is wrong with a key. Nothing of a secret is in the texts.

use thiserror::Error;

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// An envelope of the SyftBox SDK.
    #[error("this is encrypted for the SyftBox SDK ({0})")]
    Encrypted(&'static str),
    /// No public key in any format.
    #[error("this is not an Ed25519 public key")]
    NoPublicKey,
    /// A secret one where the public one belongs.
    #[error("this is a secret key; give its public key")]
    IsSecret,
    /// A key of another algorithm.
    #[error("this is a key of the kind {0}; apps are signed with ssh-ed25519")]
    OtherKind(String),
    /// Bytes that are no key, or that anybody can sign with.
    #[error("unsupported key: no signature can be checked with it")]
    NoPoint,
    /// No secret key in any format.
    #[error("this is not an Ed25519 secret key")]
    NoSecretKey,
    /// A public one where the secret one belongs.
    #[error("this is a public key; give the secret one to sign with")]
    IsPublic,
    /// The secret and the public part do not belong together.
    #[error("the secret and the public part of this key do not match")]
    Unequal,
    /// The passphrase does not open it.
    #[error("wrong passphrase for this key")]
    Passphrase,
    /// It is encrypted in a way that is not known here.
    #[error("the key cannot be decrypted: {0}")]
    Encryption(String),
    /// The system gives no random numbers.
    #[error("the system provides no random numbers: {0}")]
    Random(String),
}

impl KeyError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoPublicKey | Self::IsSecret | Self::Encrypted(_) => {
                "give a `.pub` file, a line `ssh-ed25519 AAAA…`, or the did.json of a datasite"
            }
            Self::NoSecretKey | Self::IsPublic => {
                "give a key of `syft-host keygen` or `ssh-keygen -t ed25519`, or SyftBox's \
                 pvt.jwks.json"
            }
            _ => return None,
        })
    }
}
