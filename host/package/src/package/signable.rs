//! A component that can be signed.

use syft_manifest::Manifest;
use syft_manifest::component::CUSTOM;

use super::release::Release;
use super::secret_key::SecretKey;
use super::signatures::{NAME, Signatures, push_counted};
use super::{HEADER, Package, PackageError, PublicKey, sha256};

/// A component that says all that a signature is to vouch for, with the signatures that it
/// has.
#[derive(Debug)]
pub struct Signable<'a> {
    header: &'a [u8],
    content: &'a [u8],
    signatures: Signatures,
    release: Release,
}

impl<'a> Signable<'a> {
    /// Takes a component, or one that others have signed as a whole.
    ///
    /// # Errors
    /// It is no component or a broken package, or says too little, or imports what it does not
    /// ask for.
    pub fn read(component: &'a [u8]) -> Result<Self, PackageError> {
        let (content, signatures) = match Package::read(component) {
            Ok(package) => {
                package.check(&[])?;
                (package.signed, package.signatures)
            }
            Err(PackageError::Unsigned) => (&component[HEADER..], none(&component[HEADER..])),
            Err(error) => return Err(error),
        };
        let manifest = Manifest::from_component(component)?;
        Ok(Self {
            header: &component[..HEADER],
            content,
            signatures,
            release: Release::of(component, manifest.as_ref())?,
        })
    }

    /// Returns which release it is.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Returns the component, signed by these keys too. The same keys give the same bytes.
    ///
    /// # Errors
    /// There are too many, or the component is divided for signatures of its parts. What is
    /// returned was checked as whoever gets it does.
    pub fn sign(self, keys: &[SecretKey]) -> Result<Vec<u8>, PackageError> {
        let mut signatures = self.signatures;
        let message = signatures.message();
        for key in keys {
            signatures.put(key.public().as_bytes(), key.sign(&message));
        }
        let mut body = Vec::new();
        push_counted(&mut body, NAME.as_bytes());
        body.extend_from_slice(&signatures.encode());
        let mut signed = self.header.to_vec();
        signed.push(CUSTOM);
        push_counted(&mut signed, &body);
        signed.extend_from_slice(self.content);
        let publics: Vec<PublicKey> = keys.iter().map(SecretKey::public).collect();
        Package::read(&signed)?.verify(&publics)?;
        Ok(signed)
    }
}

fn none(content: &[u8]) -> Signatures {
    Signatures {
        digest: sha256(content),
        all: Vec::new(),
    }
}
