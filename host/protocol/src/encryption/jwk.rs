//! Keys in JSON (RFC 8037), and the short names by which people compare them.

use std::fmt;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const ED25519: &str = "ssh-ed25519";

/// A public key that signs, by which somebody is known. Never one for which signatures can be
/// made without its secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    /// Reads the key as JSON Web Keys hold it: 32 bytes in URL-safe base64.
    ///
    /// # Errors
    /// It is no such key, or a weak one.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes: [u8; 32] = decode(text).ok_or("it is not 32 bytes in URL-safe base64")?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "it is no point of the curve")?;
        if key.is_weak() {
            return Err("anybody can sign with it");
        }
        Ok(Self(bytes))
    }

    /// Returns the key as JSON Web Keys hold it.
    pub fn to_text(self) -> String {
        encode(&self.0)
    }

    pub(super) fn new(key: &VerifyingKey) -> Self {
        Self(key.to_bytes())
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns what checks signatures, which takes six times the memory.
    pub(super) fn verifying(&self) -> VerifyingKey {
        VerifyingKey::from_bytes(&self.0).expect("it was a key when this was made")
    }
}

/// Writes the fingerprint, as OpenSSH shows it for this key.
impl fmt::Display for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hash = Sha256::new();
        for part in [ED25519.as_bytes(), &self.0] {
            hash.update(u32::try_from(part.len()).expect("short").to_be_bytes());
            hash.update(part);
        }
        write!(f, "SHA256:{}", BASE64_NOPAD.encode(&hash.finalize()))
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a JSON Web Key says of itself. Other members are passed over.
#[derive(Deserialize)]
pub(super) struct Jwk<'a> {
    pub(super) kty: String,
    pub(super) crv: String,
    pub(super) x: String,
    /// The secret key, which is copied nowhere.
    #[serde(default)]
    pub(super) d: Option<&'a str>,
    /// The signature of a prekey.
    #[serde(default)]
    pub(super) signature: Option<String>,
}

impl Jwk<'_> {
    /// Tells whether it is a key of this curve.
    pub(super) fn is_of(&self, curve: &str) -> bool {
        self.kty == "OKP" && self.crv == curve
    }
}

/// Returns the thumbprint of a public key (RFC 7638).
pub(super) fn thumbprint(curve: &str, x: &str) -> String {
    let members = format!(r#"{{"crv":"{curve}","kty":"OKP","x":"{x}"}}"#);
    BASE64URL_NOPAD.encode(&Sha256::digest(members))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// Returns so many bytes from URL-safe base64, padded or not.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes());
    let bytes = Zeroizing::new(bytes.ok()?);
    bytes.as_slice().try_into().ok()
}
