//! Bodies that `syft-crypto` 0.1.2 encrypts: whose keys they are for, and how they are opened.
//!
//! - [`OwnKeys`]: the two secret keys of the owner, as the release keeps them.
//! - [`PublicKeys`]: the two keys in somebody's DID document, the second signed by the first.
//! - [`Envelope`]: an encrypted body.
//! - [`Unopened`]: why a request is refused whose body is an envelope.
//!
//! Random numbers are arguments, so that everything can be replayed. The release calls its
//! agreement X3DH; it is two Diffie-Hellman products, both with the receiver's prekey: of the
//! sender's prekey, which shows who the sender is, and of a key made for this message alone.
//!
//! Why: docs/decisions/81-encrypted-requests-are-opened-by-the-host.md

mod agreement;
mod did;
mod envelope;
mod jwk;
mod own_keys;
mod unopened;

pub use did::{DidError, MAX_DID_BYTES, PublicKeys};
pub use envelope::{Envelope, EnvelopeError, Fresh, is_envelope};
pub use jwk::IdentityKey;
pub use own_keys::{KeysError, MAX_KEYS_BYTES, OwnKeys};
pub use unopened::Unopened;

#[cfg(test)]
mod tests;
