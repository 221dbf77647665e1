//! Why a signed app is not taken.

use syft_manifest::ManifestError;
use syft_manifest::component::ComponentError;
use thiserror::Error;

use super::key_error::KeyError;
use super::release::ReleaseError;
use super::signatures::{MAX_BYTES, MalformedSignatures};

/// Why a signed app is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PackageError {
    /// It is no component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// There is no signature.
    #[error("the app is not signed")]
    Unsigned,
    /// What stands before a signature is not signed.
    #[error("the signature does not come first, so it is not for all of the app")]
    NotFirst,
    /// Each reader could believe another.
    #[error("the app has {0} sections `signature`; one is allowed")]
    Several(usize),
    /// It is made for signatures that hold for a part of it.
    #[error(
        "the app is divided by sections `signature_delimiter`, so that a signature could be for a \
         part of it; only apps that are signed as a whole are taken"
    )]
    Partial,
    /// It is too large.
    #[error("the section `signature` has {0} bytes; at most {MAX_BYTES} are allowed")]
    TooLarge(usize),
    /// It is not in the one form that counts.
    #[error("the section `signature` cannot be used: {0}")]
    Malformed(MalformedSignatures),
    /// Other bytes than those that were signed.
    #[error("the app is not what was signed: it was changed, cut off or put together afterwards")]
    Changed,
    /// A signature names an invalid key.
    #[error("the app names an invalid signing key: {0}")]
    NamedKey(KeyError),
    /// A signature is not of the key that it names.
    #[error("the signature of {0} does not verify")]
    False(String),
    /// A key is named twice, as if there were two signers.
    #[error("the app holds two signatures of {0}; one is allowed")]
    Twice(String),
    /// A key that has to has not signed.
    #[error("the app is not signed by {0}")]
    NotBy(String),
    /// No signature says by which key it is.
    #[error("the signatures of the app do not say whose they are")]
    Nameless,
    /// Its manifest is invalid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Its manifest does not say what a signature vouches for.
    #[error(transparent)]
    Release(#[from] ReleaseError),
}

impl From<MalformedSignatures> for PackageError {
    fn from(error: MalformedSignatures) -> Self {
        Self::Malformed(error)
    }
}

impl PackageError {
    /// Returns what to do about it.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Component(ComponentError::CoreModule) => {
                "build it for the target wasm32-wasip2, which makes components"
            }
            Self::Component(ComponentError::Broken(_)) => {
                "it is damaged or cut off: get it again, or build it again"
            }
            Self::Component(ComponentError::Compiled | ComponentError::Foreign) => {
                "give a .wasm file; `syft-host build` makes one of an app's folder"
            }
            Self::Unsigned => "its author signs it with `syft-host sign`",
            Self::Changed | Self::False(_) => "get it again from its author",
            Self::Partial | Self::NotFirst | Self::Several(_) => {
                "build it again with `syft-host build`, and sign that with `syft-host sign`"
            }
            Self::Nameless => "give the public key of the signer with --key",
            Self::NotBy(_) => {
                "compare the fingerprints: `syft-host verify` without --key says who has signed"
            }
            Self::Manifest(ManifestError::Value { problem, .. }) => problem.help.as_str(),
            Self::Release(error) => return error.hints(),
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
