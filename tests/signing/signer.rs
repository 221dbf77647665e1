//! A key that signs anything, in any form, as other tools and attackers do.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::write;
use crate::support::sections::{counted, custom};
use crate::support::site::Site;

/// A key that is the same in each run.
pub struct Signer(SigningKey);

impl Signer {
    pub fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    pub fn alice() -> Self {
        Self::new(1)
    }

    pub fn bob() -> Self {
        Self::new(2)
    }

    /// Writes the key as SyftBox keeps it, and returns the path.
    pub fn jwks(&self, site: &Site) -> String {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let jwks = json!({"identity_key": {
            "kty": "OKP", "crv": "Ed25519", "x": encode(&self.public()), "d": encode(&self.seed()),
        }});
        let name = format!("{:02x}.jwks.json", self.seed()[0]);
        write(site, &name, jwks.to_string())
    }

    /// Returns the did.json of a datasite with this key.
    pub fn did(&self) -> String {
        let x = BASE64URL_NOPAD.encode(&self.public());
        let id = "did:web:syftbox.net:alice%40example.org";
        json!({"id": id, "verificationMethod": [{
            "id": format!("{id}#identity-key"),
            "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": x},
        }]})
        .to_string()
    }

    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Returns the line that OpenSSH has for the key.
    pub fn line(&self) -> String {
        public_line(&self.public())
    }

    /// Returns a signature over hashes.
    pub fn sign(&self, hashes: &[[u8; 32]]) -> [u8; 64] {
        let message = [&b"wasmsig\x01\x01\x01"[..], &hashes.concat()].concat();
        self.0.sign(&message).to_bytes()
    }

    /// Tells whether a check that is not strict takes a signature over a hash.
    pub fn is_taken_by_a_lax_check(&self, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        let message = [&b"wasmsig\x01\x01\x01"[..], hash].concat();
        let signature = Signature::from_bytes(signature);
        self.0.verifying_key().verify(&message, &signature).is_ok()
    }

    /// Returns the signature section for some sections, as `syft-host sign` makes it.
    pub fn section(&self, content: &[u8]) -> Vec<u8> {
        let hash = sha256(content);
        let signature = self.sign(&[hash]);
        let named = entry(&self.public(), &signature);
        custom(
            "signature",
            &signatures(&[hash], &[named, entry(b"", &signature)]),
        )
    }
}

pub fn public_line(key: &[u8; 32]) -> String {
    let field = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let blob = [field(b"ssh-ed25519"), field(key)].concat();
    format!("ssh-ed25519 {}", data_encoding::BASE64.encode(&blob))
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Returns one signature as a section holds it.
pub fn entry(key_id: &[u8], signature: &[u8]) -> Vec<u8> {
    counted(&[counted(key_id), vec![1], counted(signature)].concat())
}

/// Returns a set of signatures of the same hashes.
pub fn set(hashes: &[[u8; 32]], entries: &[Vec<u8>]) -> Vec<u8> {
    let (n_hashes, n_entries) = ([hashes.len() as u8], [entries.len() as u8]);
    counted(&[&n_hashes, &*hashes.concat(), &n_entries, &*entries.concat()].concat())
}

/// Returns what a signature section holds.
pub fn signatures(hashes: &[[u8; 32]], entries: &[Vec<u8>]) -> Vec<u8> {
    [&b"\x01\x01\x01\x01"[..], &set(hashes, entries)].concat()
}
