//! The owner's secret keys, and the files in which the release keeps them.

use std::fmt::Write as _;

use ed25519_dalek::{Signer, SigningKey};
use serde::Deserialize;
use serde_json::json;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::did::{IDENTITY, PREKEY, PublicKeys};
use super::jwk::{IdentityKey, Jwk, decode, encode, thumbprint};
use crate::address::Datasite;

/// The most bytes of the file of secret keys that are read; it takes half a KiB.
pub const MAX_KEYS_BYTES: u64 = 64 << 10;

/// The secret keys of a datasite. They are cleared from memory when they are dropped.
pub struct OwnKeys {
    identity: SigningKey,
    pub(super) prekey: StaticSecret,
}

/// Why a file of secret keys is of no use. It tells nothing of what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is no JSON, or has not the shape of one.
    #[error("it does not hold `identity_key` and `signed_prekey` as syft-crypto writes them")]
    Shape,
    /// A secret key is none, or not that of the public key beside it.
    #[error("its `{0}` is no key, or its public key is another one's")]
    Key(&'static str),
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    identity_key: Jwk<'a>,
    #[serde(borrow)]
    signed_prekey: Jwk<'a>,
}

impl OwnKeys {
    /// Returns the keys that are made of so many random numbers.
    pub fn of_random(identity: &[u8; 32], prekey: &[u8; 32]) -> Self {
        Self {
            identity: SigningKey::from_bytes(identity),
            prekey: StaticSecret::from(*prekey),
        }
    }

    /// Reads `pvt.jwks.json`.
    ///
    /// # Errors
    /// It is none.
    pub fn read(json: &[u8]) -> Result<Self, KeysError> {
        let file: File<'_> = serde_json::from_slice(json).map_err(|_| KeysError::Shape)?;
        let identity = secret(&file.identity_key, "Ed25519");
        let prekey = secret(&file.signed_prekey, "X25519");
        let identity = identity.ok_or(KeysError::Key("identity_key"))?;
        let prekey = prekey.ok_or(KeysError::Key("signed_prekey"))?;
        let keys = Self::of_random(&identity, &prekey);
        if encode(keys.identity.verifying_key().as_bytes()) != file.identity_key.x {
            return Err(KeysError::Key("identity_key"));
        }
        if encode(PublicKey::from(&keys.prekey).as_bytes()) != file.signed_prekey.x {
            return Err(KeysError::Key("signed_prekey"));
        }
        Ok(keys)
    }

    /// Returns what the release writes into `pvt.jwks.json`.
    pub fn to_json(&self) -> Zeroizing<String> {
        // All of it at once: no copy of a key is left behind by a growing buffer.
        let mut json = Zeroizing::new(String::with_capacity(1024));
        json.push_str("{\n");
        let identity = Zeroizing::new(self.identity.to_bytes());
        let prekey = Zeroizing::new(self.prekey.to_bytes());
        let public = self.public();
        for (name, curve, public, secret, end) in [
            (
                "identity_key",
                "Ed25519",
                public.identity.as_bytes(),
                &identity,
                ",",
            ),
            (
                "signed_prekey",
                "X25519",
                public.prekey.as_bytes(),
                &prekey,
                "",
            ),
        ] {
            let (x, d) = (encode(public), Zeroizing::new(encode(&secret[..])));
            let kid = thumbprint(curve, &x);
            writeln!(
                json,
                "  \"{name}\": {{\n    \"kty\": \"OKP\",\n    \"crv\": \"{curve}\",\n    \
                 \"x\": \"{x}\",\n    \"d\": \"{}\",\n    \"kid\": \"{kid}\"\n  }}{end}",
                *d
            )
            .expect("a string takes everything");
        }
        json.push('}');
        json
    }

    /// Returns what belongs to them in public.
    pub fn public(&self) -> PublicKeys {
        PublicKeys {
            identity: IdentityKey::new(&self.identity.verifying_key()),
            prekey: PublicKey::from(&self.prekey),
        }
    }

    /// Returns what the release writes into `did.json`: for the owner, and the host of the
    /// SyftBox server.
    pub fn to_did(&self, owner: &Datasite, server_host: &str) -> String {
        let public = self.public();
        let signature = self.identity.sign(public.prekey.as_bytes());
        let id = format!("did:web:{server_host}:{}", quoted(owner.as_str()));
        let document = json!({
            "@context": [
                "https://www.w3.org/ns/did/v1",
                "https://w3id.org/security/suites/ed25519-2020/v1",
                "https://w3id.org/security/suites/x25519-2020/v1",
            ],
            "id": id,
            "verificationMethod": [{
                "id": format!("{id}#{IDENTITY}"),
                "type": "Ed25519VerificationKey2020",
                "controller": id,
                "publicKeyJwk": {
                    "kty": "OKP",
                    "kid": IDENTITY,
                    "crv": "Ed25519",
                    "x": public.identity.to_text(),
                    "use": "sig",
                },
            }],
            "keyAgreement": [{
                "id": format!("{id}#{PREKEY}"),
                "type": "X25519KeyAgreementKey2020",
                "controller": id,
                "publicKeyJwk": {
                    "kty": "OKP",
                    "kid": PREKEY,
                    "crv": "X25519",
                    "x": encode(public.prekey.as_bytes()),
                    "use": "enc",
                    "signature": encode(&signature.to_bytes()),
                },
            }],
        });
        format!("{document:#}")
    }
}

fn secret(jwk: &Jwk<'_>, curve: &str) -> Option<Zeroizing<[u8; 32]>> {
    let d = jwk.d.filter(|_| jwk.is_of(curve))?;
    decode(d).map(Zeroizing::new)
}

/// Returns a text as Python's `quote(text, safe="")` does.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                quoted.push(char::from(byte));
            }
            _ => write!(quoted, "%{byte:02X}").expect("a string takes everything"),
        }
    }
    quoted
}
