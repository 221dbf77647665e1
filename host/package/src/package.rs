//! A signed app: who vouches for which bytes.
//!
//! - `Package`: a component with a signature as its first section, of the right shape. Nothing
//!   of it can be used but to check it.
//! - `Verified`: one whose signatures hold. It alone gives out the component, its manifest and
//!   its signers, so that a check that is left out does not compile.
//! - `Signable`: a component that has all that a signature is to vouch for.
//! - `Link`: a key that follows another, as both have signed.
//!
//! All of it works on bytes that were read once, and before anything is compiled.

mod envelope;
mod error;
mod key_error;
mod lineage;
mod public_key;
mod release;
mod secret_key;
mod signable;
mod signatures;

use sha2::{Digest, Sha256};
use syft_manifest::Manifest;
use syft_manifest::component::{CUSTOM, ComponentSection, custom_name, sections};

pub use envelope::{Envelope, EnvelopeError, MAX_ENVELOPE_BYTES, OpenedEnvelope};
pub use error::PackageError;
pub use key_error::KeyError;
pub use lineage::{Link, LinkError, MAX_LINKS};
pub use public_key::PublicKey;
pub use release::{Release, ReleaseError};
pub use secret_key::{KeyFile, LockedKey, SecretKey};
pub use signable::Signable;
pub use signatures::MalformedSignatures;

use signatures::{DELIMITER, MAX_BYTES, NAME, Reader, Signatures};

/// The bytes before the first section, which are the same for all components.
const HEADER: usize = 8;

/// A component with signatures that nobody has looked at yet.
#[derive(Debug)]
pub struct Package<'a> {
    component: &'a [u8],
    signed: &'a [u8],
    signatures: Signatures,
}

/// A component whose signatures hold: it is as its signers had it.
#[derive(Debug)]
pub struct Verified<'a> {
    component: &'a [u8],
    signed: &'a [u8],
    signatures: Signatures,
    manifest: Manifest,
    release: Release,
    signers: Vec<PublicKey>,
    n_unnamed: usize,
}

impl<'a> Package<'a> {
    /// Reads a component that is signed as a whole.
    ///
    /// # Errors
    /// It is no component, not signed, or signed in a way that leaves something open.
    pub fn read(component: &'a [u8]) -> Result<Self, PackageError> {
        let first = find_signature(component)?;
        if first.whole.len() > MAX_BYTES {
            return Err(PackageError::TooLarge(first.whole.len()));
        }
        let mut section = Reader(&component[first.whole.start + 1..first.whole.end]);
        let mut body = Reader(section.counted()?);
        body.counted()?;
        Ok(Self {
            component,
            signed: &component[first.whole.end..],
            signatures: Signatures::parse(body.0)?,
        })
    }

    /// Checks that the component is as it was signed, that each key that it names has signed
    /// it, and each of these.
    ///
    /// # Errors
    /// Something of that is not so, or the manifest lacks what a signature vouches for.
    pub fn verify(self, required: &[PublicKey]) -> Result<Verified<'a>, PackageError> {
        let (signers, n_unnamed) = self.check(required)?;
        if signers.is_empty() {
            return Err(PackageError::Nameless);
        }
        let Self {
            component,
            signed,
            signatures,
        } = self;
        let manifest = Manifest::from_component(component)?;
        let release = Release::of(component, manifest.as_ref())?;
        Ok(Verified {
            component,
            signed,
            signatures,
            manifest: manifest.unwrap_or_default(),
            release,
            signers,
            n_unnamed,
        })
    }

    /// Checks the hash, each signature that names its key, and finds one of each key that is
    /// required. Returns whose signatures there are, and how many others.
    fn check(&self, required: &[PublicKey]) -> Result<(Vec<PublicKey>, usize), PackageError> {
        if sha256(self.signed) != self.signatures.digest {
            return Err(PackageError::Changed);
        }
        let message = self.signatures.message();
        let all = &self.signatures.all;
        let mut signers = Vec::new();
        let mut known = Vec::new();
        for signature in all {
            let Ok(key) = <&[u8; 32]>::try_from(&*signature.key_id) else {
                continue;
            };
            let key = PublicKey::from_bytes(key).map_err(PackageError::NamedKey)?;
            if !key.has_signed(&message, &signature.bytes) {
                return Err(PackageError::False(key.to_string()));
            }
            if signers.contains(&key) {
                return Err(PackageError::Twice(key.to_string()));
            }
            signers.push(key);
            known.push(signature.bytes);
        }
        for key in required {
            let Some(own) = all
                .iter()
                .find(|signature| key.has_signed(&message, &signature.bytes))
            else {
                return Err(PackageError::NotBy(key.to_string()));
            };
            known.push(own.bytes);
            if !signers.contains(key) {
                signers.push(*key);
            }
        }
        let unnamed = all
            .iter()
            .filter(|signature| !known.contains(&signature.bytes));
        Ok((signers, unnamed.count()))
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Returns the one signature section of a component, which comes first.
fn find_signature(component: &[u8]) -> Result<ComponentSection, PackageError> {
    let (mut first, mut n_found) = (None, 0);
    for section in sections(component)? {
        let section = section?;
        if section.id != CUSTOM {
            continue;
        }
        match custom_name(component, &section)? {
            NAME => {
                n_found += 1;
                first = first.or(Some(section));
            }
            DELIMITER => return Err(PackageError::Partial),
            _ => {}
        }
    }
    match (first, n_found) {
        (None, _) => Err(PackageError::Unsigned),
        (Some(only), 1) if only.whole.start == HEADER => Ok(only),
        (Some(_), 1) => Err(PackageError::NotFirst),
        (Some(_), several) => Err(PackageError::Several(several)),
    }
}

impl<'a> Verified<'a> {
    /// Returns the component, its signatures included.
    pub fn component(&self) -> &'a [u8] {
        self.component
    }

    /// Returns the SHA-256 of what is signed. It stays the same when somebody else signs too.
    pub fn signed_digest(&self) -> &[u8; 32] {
        &self.signatures.digest
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns what the signature vouches for.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Returns the keys that have signed, at least one. Whose they are is not known here.
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }

    /// Returns how many signatures there are beside theirs, which say nothing.
    pub fn n_unnamed(&self) -> usize {
        self.n_unnamed
    }

    /// Returns the component as it was before anybody signed it.
    pub fn without_signatures(&self) -> Vec<u8> {
        [&self.component[..HEADER], self.signed].concat()
    }
}
