//! Signed SyftBox apps: who vouches for which bytes, whose keys are trusted, and where
//! releases come from.
//!
//! - [`Package`], [`Verified`]: a component that is signed, and one whose signatures hold
//! - [`trust`]: whose keys are trusted, and what was seen of their owners
//! - [`catalog`]: what an author publishes in their datasite
//! - [`oci`]: registries that pass on apps
//! - [`source`]: where an app comes from, as users write it
//!
//! Nothing here runs an app or needs a runtime for it.

pub mod catalog;
pub mod oci;
mod package;
pub mod source;
pub mod trust;

pub use package::{
    Envelope, EnvelopeError, KeyError, KeyFile, Link, LinkError, LockedKey, MAX_ENVELOPE_BYTES,
    MAX_LINKS, MalformedSignatures, OpenedEnvelope, Package, PackageError, PublicKey, Release,
    ReleaseError, SecretKey, Signable, Verified,
};
