//! Keys that signatures are checked with.
//!
//! Why: docs/decisions/33-signatures-name-the-key-itself.md

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ssh_key::HashAlg;
use ssh_key::public::{Ed25519PublicKey, KeyData};
use syft_protocol::message::envelope;

use super::key_error::KeyError;

/// A public key of Ed25519, of which each has one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// What is needed of a `did.json`.
#[derive(Deserialize)]
struct Did {
    #[serde(rename = "verificationMethod")]
    methods: Vec<Method>,
}

#[derive(Deserialize)]
struct Method {
    id: String,
    #[serde(rename = "publicKeyJwk")]
    jwk: Jwk,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
}

impl PublicKey {
    /// Reads a line as OpenSSH writes it, or the identity key in the `did.json` of a
    /// datasite.
    ///
    /// # Errors
    /// It is neither, or a key that anybody could sign with.
    pub fn read(text: &[u8]) -> Result<Self, KeyError> {
        if let Some(kind) = envelope(text) {
            return Err(KeyError::Encrypted(kind));
        }
        let text = str::from_utf8(text).map_err(|_| KeyError::NoPublicKey)?;
        let text = text.trim();
        if text.contains("PRIVATE KEY") || text.contains("\"identity_key\"") {
            return Err(KeyError::IsSecret);
        }
        if text.starts_with('{') {
            Self::of_did(text)
        } else {
            Self::of_openssh(text)
        }
    }

    fn of_openssh(line: &str) -> Result<Self, KeyError> {
        let key = ssh_key::PublicKey::from_openssh(line).map_err(|_| KeyError::NoPublicKey)?;
        match key.key_data() {
            KeyData::Ed25519(key) => Self::from_bytes(&key.0),
            other => Err(KeyError::OtherKind(other.algorithm().to_string())),
        }
    }

    fn of_did(json: &str) -> Result<Self, KeyError> {
        let did: Did = serde_json::from_str(json).map_err(|_| KeyError::NoPublicKey)?;
        let mut methods = did.methods.into_iter();
        let method = methods.find(|method| method.id.ends_with("#identity-key"));
        let Jwk { kty, crv, x } = method.ok_or(KeyError::NoPublicKey)?.jwk;
        if (kty.as_str(), crv.as_str()) != ("OKP", "Ed25519") {
            return Err(KeyError::NoPublicKey);
        }
        let bytes = BASE64URL_NOPAD.decode(x.as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        Self::from_bytes(&bytes.ok_or(KeyError::NoPublicKey)?)
    }

    /// Returns the key of these bytes. Refused are those with which anybody can sign, and
    /// second spellings of others.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NoPoint)?;
        let canonical = key.to_edwards().compress().to_bytes();
        if key.is_weak() || canonical != *bytes {
            Err(KeyError::NoPoint)
        } else {
            Ok(Self(key))
        }
    }

    pub(super) fn new(key: VerifyingKey) -> Self {
        Self(key)
    }

    /// Returns the key itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns the line of the key, as OpenSSH keeps it in a `.pub` file.
    pub fn to_openssh(&self) -> String {
        ssh_key::PublicKey::from(self.key_data()).to_string()
    }

    fn key_data(&self) -> KeyData {
        KeyData::Ed25519(Ed25519PublicKey(*self.as_bytes()))
    }

    /// Tells whether the key has signed a message, strictly: nobody can make another
    /// signature of one, and there is none that fits every message.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

/// Writes the fingerprint, as OpenSSH shows it.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key_data().fingerprint(HashAlg::Sha256).fmt(f)
    }
}

/// Writes the line of the key.
impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_openssh())
    }
}

/// Reads the line of a key as it is written here, without a comment.
impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = String::deserialize(deserializer)?;
        let key = Self::of_openssh(&line).map_err(D::Error::custom)?;
        if key.to_openssh() == line {
            Ok(key)
        } else {
            Err(D::Error::custom(
                "the line of a public key has no comment and one spelling",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from the order of the field on are smaller ones written once more.
    #[test]
    fn a_key_has_one_spelling() {
        let second_spellings = (0..19).filter_map(|above| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (0xed + above, 0x7f);
            let key = VerifyingKey::from_bytes(&bytes).ok()?;
            assert_eq!(
                PublicKey::from_bytes(&bytes),
                Err(KeyError::NoPoint),
                "{above}"
            );
            Some(key)
        });
        let of_large_order = second_spellings.filter(|key| !key.is_weak());
        assert!(of_large_order.count() > 0);
    }

    #[test]
    fn shows_the_fingerprint_of_openssh() {
        let line = include_str!("../../../../tests/cases/signing_keys/plain.pub");
        let fingerprint = include_str!("../../../../tests/cases/signing_keys/plain.fingerprint");
        let key = PublicKey::read(line.as_bytes()).expect("a key");
        assert_eq!(key.to_string(), fingerprint.trim());
        assert!(line.starts_with(&key.to_openssh()));
    }

    #[test]
    fn refuses_what_is_no_key() {
        for (text, expected) in [
            ("", KeyError::NoPublicKey),
            ("SBC1-PREJ", KeyError::Encrypted("SBC1")),
            ("ssh-ed25519 AAAA", KeyError::NoPublicKey),
            ("{}", KeyError::NoPublicKey),
            (r#"{"verificationMethod": []}"#, KeyError::NoPublicKey),
            ("-----BEGIN OPENSSH PRIVATE KEY-----", KeyError::IsSecret),
            (r#"{"identity_key": {}}"#, KeyError::IsSecret),
        ] {
            assert_eq!(PublicKey::read(text.as_bytes()), Err(expected), "{text}");
        }
        let did = |id: &str, curve: &str, x: &str| {
            let key = format!(r#"{{"kty":"OKP","crv":"{curve}","x":"{x}"}}"#);
            let method = format!(r##"{{"id":"did:web:x{id}","publicKeyJwk":{key}}}"##);
            PublicKey::read(format!(r#"{{"verificationMethod":[{method}]}}"#).as_bytes())
        };
        let x = "DLqadAwzW2QX8yayGlQd7w3e7xhLWr8IncCjrApRkuk";
        assert!(did("#identity-key", "Ed25519", x).is_ok());
        for (id, curve, x) in [
            ("#other-key", "Ed25519", x),
            ("#identity-key", "X25519", x),
            ("#identity-key", "Ed25519", &x[1..]),
            ("#identity-key", "Ed25519", ""),
        ] {
            assert_eq!(
                did(id, curve, x),
                Err(KeyError::NoPublicKey),
                "{id} {curve} {x}"
            );
        }
    }
}
