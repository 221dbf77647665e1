//! Encrypted bodies, and the documents with the keys of their senders.

use syft_protocol::encryption::{IdentityKey, PublicKeys, SealedBody, is_envelope};

use crate::assert_is_short_line;

/// An encrypted body: what can be read is known as one, and no handler gets it.
pub fn envelope(bytes: &[u8]) {
    let envelope = match SealedBody::read(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return assert_is_short_line(&error.to_string(), 400),
    };
    // serde reads a struct from an array too, which no sender writes.
    let is_array = bytes.trim_ascii_start().starts_with(b"[");
    assert!(is_array || is_envelope(bytes), "{envelope:?}");
    let written = envelope.to_json();
    assert!(is_envelope(&written));
    assert_eq!(SealedBody::read(&written).as_ref(), Ok(&envelope));
}

/// A DID document.
pub fn did_document(bytes: &[u8]) {
    match PublicKeys::read(bytes) {
        Ok(keys) => {
            let identity = keys.identity();
            assert_eq!(IdentityKey::parse(&identity.to_text()), Ok(identity));
        }
        Err(error) => assert_is_short_line(&error.to_string(), 400),
    }
}
