//! What a DID document says: the keys of a datasite.

use ed25519_dalek::Signature;
use serde::Deserialize;
use x25519_dalek::PublicKey;

use super::jwk::{IdentityKey, Jwk, decode};

/// The most bytes of a DID document that are read; it takes one or two KiB.
pub const MAX_DID_BYTES: u64 = 64 << 10;

/// The keys of a datasite. Whoever has them knows only that they belong together: the
/// document says whose they are, and nobody has signed that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys {
    pub(super) identity: IdentityKey,
    pub(super) prekey: PublicKey,
}

/// Why a DID document is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// It is no JSON, or has not the shape of one.
    #[error("it is no DID document: {0}")]
    Shape(String),
    /// A key is missing.
    #[error("it has no key whose id ends with `#{0}`")]
    Missing(&'static str),
    /// A key is none.
    #[error("the key `#{0}` cannot be used: {1}")]
    Key(&'static str, &'static str),
    /// The prekey is not the identity's.
    #[error("the key `#signed-prekey` is not signed by the key `#identity-key`")]
    Signature,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, rename = "verificationMethod", default)]
    verification_method: Vec<Method<'a>>,
    #[serde(borrow, rename = "keyAgreement", default)]
    key_agreement: Vec<Method<'a>>,
}

#[derive(Deserialize)]
struct Method<'a> {
    id: String,
    #[serde(borrow, rename = "publicKeyJwk")]
    public_key_jwk: Jwk<'a>,
}

pub(super) const IDENTITY: &str = "identity-key";
pub(super) const PREKEY: &str = "signed-prekey";

impl PublicKeys {
    /// Returns the keys in a DID document.
    ///
    /// # Errors
    /// It has none that can be used, or the prekey is not signed by the identity.
    pub fn read(document: &[u8]) -> Result<Self, DidError> {
        let Document {
            verification_method,
            key_agreement,
        } = serde_json::from_slice(document)
            .map_err(|error| DidError::Shape(crate::excerpt::excerpt(&error.to_string())))?;
        let identity = find(&verification_method, IDENTITY, "Ed25519")?;
        let identity =
            IdentityKey::parse(&identity.x).map_err(|why| DidError::Key(IDENTITY, why))?;
        let jwk = find(&key_agreement, PREKEY, "X25519")?;
        let prekey: [u8; 32] = decode(&jwk.x).ok_or(DidError::Key(
            PREKEY,
            "it is not 32 bytes in URL-safe base64",
        ))?;
        let signature = jwk.signature.as_deref().and_then(decode);
        let signature = Signature::from_bytes(&signature.ok_or(DidError::Signature)?);
        let verified = identity.verifying().verify_strict(&prekey, &signature);
        verified.map_err(|_| DidError::Signature)?;
        Ok(Self {
            identity,
            prekey: PublicKey::from(prekey),
        })
    }

    /// Returns the key by which the datasite is known.
    pub fn identity(&self) -> IdentityKey {
        self.identity
    }
}

/// Returns the first key of that name, as the release finds it.
fn find<'a, 'b>(
    methods: &'a [Method<'b>],
    name: &'static str,
    curve: &str,
) -> Result<&'a Jwk<'b>, DidError> {
    let is_named = |method: &&Method<'_>| {
        let fragment = method.id.strip_suffix(name);
        fragment.is_some_and(|before| before.ends_with('#'))
    };
    let method = methods.iter().find(is_named);
    let jwk = &method.ok_or(DidError::Missing(name))?.public_key_jwk;
    if jwk.is_of(curve) {
        Ok(jwk)
    } else {
        Err(DidError::Key(name, "it is of another kind"))
    }
}
