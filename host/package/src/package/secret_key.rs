//! Keys that sign. None of them is ever shown, logged or part of an error.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey};
use serde::Deserialize;
use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData};
use ssh_key::public::Ed25519PublicKey;
use ssh_key::{Cipher, Kdf, LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::key_error::KeyError;
use super::public_key::PublicKey;

/// As OpenSSH has it: some tenths of a second for each guess of a passphrase.
const ROUNDS: u32 = 24;

/// A secret key of Ed25519. It is overwritten when it is dropped.
pub struct SecretKey(SigningKey);

/// A secret key as a file holds it.
#[derive(Debug)]
pub enum KeyFile {
    /// It can be used as it is.
    Open(SecretKey),
    /// It wants a passphrase.
    Locked(LockedKey),
}

/// A secret key that is encrypted.
pub struct LockedKey(PrivateKey);

/// What is needed of SyftBox's `pvt.jwks.json`.
#[derive(Deserialize)]
struct Jwks {
    identity_key: Jwk,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    d: String,
}

impl KeyFile {
    /// Reads what OpenSSH writes, as `syft-host keygen` does, or SyftBox's `pvt.jwks.json`.
    ///
    /// # Errors
    /// It is neither, or not of Ed25519.
    pub fn read(text: &[u8]) -> Result<Self, KeyError> {
        let text = str::from_utf8(text).map_err(|_| KeyError::NoSecretKey)?;
        let text = text.trim();
        if text.starts_with("ssh-") || text.contains("\"verificationMethod\"") {
            return Err(KeyError::IsPublic);
        }
        if text.starts_with('{') {
            return of_jwks(text).map(Self::Open);
        }
        let key = PrivateKey::from_openssh(text).map_err(|_| KeyError::NoSecretKey)?;
        match key.is_encrypted() {
            true if key.algorithm().is_ed25519() => Ok(Self::Locked(LockedKey(key))),
            true => Err(KeyError::OtherKind(key.algorithm().to_string())),
            false => of_openssh(&key).map(Self::Open),
        }
    }
}

fn of_jwks(json: &str) -> Result<SecretKey, KeyError> {
    // Errors of serde quote what they are about.
    let jwks: Jwks = serde_json::from_str(json).map_err(|_| KeyError::NoSecretKey)?;
    let Jwk { kty, crv, x, d } = jwks.identity_key;
    let d = Zeroizing::new(d);
    if (kty.as_str(), crv.as_str()) != ("OKP", "Ed25519") {
        return Err(KeyError::NoSecretKey);
    }
    let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let seed = Zeroizing::new(decode(&d).ok_or(KeyError::NoSecretKey)?);
    let seed = seed.as_slice().try_into();
    let key = SigningKey::from_bytes(seed.map_err(|_| KeyError::NoSecretKey)?);
    match decode(&x) {
        Some(public) if public == key.verifying_key().as_bytes() => Ok(SecretKey(key)),
        _ => Err(KeyError::Unequal),
    }
}

fn of_openssh(key: &PrivateKey) -> Result<SecretKey, KeyError> {
    let KeypairData::Ed25519(pair) = key.key_data() else {
        return Err(KeyError::OtherKind(key.algorithm().to_string()));
    };
    let key = SigningKey::from_bytes(pair.private.as_ref());
    if pair.public.0 == *key.verifying_key().as_bytes() {
        Ok(SecretKey(key))
    } else {
        Err(KeyError::Unequal)
    }
}

impl LockedKey {
    /// Returns the fingerprint of the key, which is not encrypted.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    }

    /// Decrypts the key.
    ///
    /// # Errors
    /// That is not its passphrase, or it is encrypted in an unknown way.
    pub fn unlock(&self, passphrase: &str) -> Result<SecretKey, KeyError> {
        let key = self.0.decrypt(passphrase).map_err(|error| match error {
            // What a wrong passphrase gives is no key.
            ssh_key::Error::Crypto | ssh_key::Error::Encoding(_) => KeyError::Passphrase,
            other => KeyError::Encryption(other.to_string()),
        })?;
        of_openssh(&key)
    }
}

impl SecretKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let seed: Zeroizing<[u8; 32]> = random()?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Returns the public key of it.
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key())
    }

    /// Returns the key as OpenSSH keeps it, encrypted if there is a passphrase.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn to_openssh(&self, passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyError> {
        let pair = Ed25519Keypair {
            public: Ed25519PublicKey(*self.public().as_bytes()),
            private: Ed25519PrivateKey::from_bytes(self.0.as_bytes()),
        };
        let wrong = |error: ssh_key::Error| KeyError::Encryption(error.to_string());
        let mut key = PrivateKey::new(KeypairData::Ed25519(pair), "").map_err(wrong)?;
        if let Some(passphrase) = passphrase {
            let salt: Zeroizing<[u8; 16]> = random()?;
            let kdf = Kdf::Bcrypt {
                salt: salt.to_vec(),
                rounds: ROUNDS,
            };
            let check = random()?;
            key = key
                .encrypt_with(
                    Cipher::Aes256Ctr,
                    kdf,
                    u32::from_ne_bytes(*check),
                    passphrase,
                )
                .map_err(wrong)?;
        }
        key.to_openssh(LineEnding::LF).map_err(wrong)
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| KeyError::Random(error.to_string()))?;
    Ok(bytes)
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public())
    }
}

impl fmt::Debug for LockedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockedKey({})", self.fingerprint())
    }
}
