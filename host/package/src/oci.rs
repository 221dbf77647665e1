//! Registries for containers as a way to pass on apps.
//!
//! A registry is a transport and nothing more: that what comes from it is the app of its author
//! is for `package` and `trust` to say, from the bytes alone. So nothing of a manifest but the
//! name of the component is believed, and an app that is served under another repository's name
//! is refused by whoever compares its signed name, not here.
//!
//! A tag is looked up once. From then on everything is asked for by its digest, and each digest
//! is checked here.
//!
//! Why: docs/decisions/42-a-registry-is-a-transport.md

mod auth;
mod digest;
mod error;
mod manifest;
mod reference;
mod registry;

use std::collections::BTreeMap;
use std::time::Duration;

use syft_manifest::Limits;

pub use auth::Auth;
pub use digest::OciDigest;
pub use error::OciError;
pub use manifest::{BlobDescriptor, ImageManifest};
pub use reference::{Reference, ReferenceError, ReferenceVersion, SCHEME};

use crate::package::Release;
use manifest::Artifact;
use registry::{Registry, RegistryAccess};

/// The annotation for the keys that an author had before, as JSON.
pub const LINEAGE: &str = "org.syftbox.lineage";

/// The most bytes that a manifest may have.
const MAX_MANIFEST_BYTES: u64 = 256 << 10;

/// What a registry may cost at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferBounds {
    /// The size of a component.
    pub component_bytes: u64,
    /// The time for anything but a component, from connecting to the last byte.
    pub answer: Duration,
    /// The time for a component.
    pub transfer: Duration,
}

impl Default for TransferBounds {
    fn default() -> Self {
        Self {
            component_bytes: Limits::default().component_bytes,
            answer: Duration::from_secs(30),
            transfer: Duration::from_secs(10 * 60),
        }
    }
}

/// An app from a registry. Whose it is has not been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The component.
    pub component: Vec<u8>,
    /// What the reference was resolved to.
    pub manifest_digest: OciDigest,
    /// The digest of the component.
    pub layer_digest: OciDigest,
    /// What is written on the manifest. Nobody vouches for it.
    pub annotations: BTreeMap<String, String>,
}

/// Gets an app from a registry. It blocks, for as long as the bounds allow.
///
/// # Errors
/// See [`OciError`].
pub fn pull(
    reference: &Reference,
    auth: &Auth,
    bounds: &TransferBounds,
) -> Result<Pulled, OciError> {
    let mut registry = Registry::new(reference, auth, RegistryAccess::Pull, bounds);
    let manifest_digest = registry.resolve()?;
    let manifest = ImageManifest::read(&registry.manifest(&manifest_digest)?)?;
    let named = manifest.component();
    let layer_digest = named.digest.clone();
    Ok(Pulled {
        component: registry.component(named)?,
        manifest_digest,
        layer_digest,
        annotations: manifest.into_annotations(),
    })
}

/// Gives an app to a registry, under a tag. The same component with the same annotations has
/// the same digest everywhere. It blocks, for as long as the bounds allow.
///
/// # Errors
/// See [`OciError`].
pub fn push(
    component: &[u8],
    reference: &Reference,
    annotations: &BTreeMap<String, String>,
    auth: &Auth,
    bounds: &TransferBounds,
) -> Result<OciDigest, OciError> {
    let ReferenceVersion::Tag(tag) = reference.version() else {
        return Err(OciError::NeedsTag);
    };
    let Artifact { config, manifest } = Artifact::of(component, annotations)?;
    if manifest.len() as u64 > MAX_MANIFEST_BYTES {
        return Err(OciError::TooLarge {
            what: "manifest",
            limit: MAX_MANIFEST_BYTES,
        });
    }
    let mut registry = Registry::new(reference, auth, RegistryAccess::Push, bounds);
    registry.upload(component)?;
    registry.upload(&config)?;
    registry.tag(tag, &manifest)?;
    Ok(OciDigest::of(&manifest))
}

/// Returns the annotations that are usual for a release.
pub fn annotations(release: &Release) -> BTreeMap<String, String> {
    let usual = [
        ("title", release.name.to_string()),
        ("version", release.version.to_string()),
        ("authors", release.author.to_string()),
    ];
    let full = |(key, value)| (format!("org.opencontainers.image.{key}"), value);
    usual.into_iter().map(full).collect()
}
