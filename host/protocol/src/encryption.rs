//! Bodies that `syft-crypto` 0.1.2 encrypts: whose keys they are for, and how they are opened.
//!
//! - [`OwnKeys`]: the two secret keys of the owner, as the release keeps them.
//! - [`PublicKeys`]: the two keys in somebody's DID document, the second signed by the first.
//! - [`SealedBody`]: an encrypted body.
//! - [`Unopened`]: why a request is refused whose body is an envelope.
//!
//! Random numbers are arguments, so that everything can be replayed. The release calls its
//! agreement X3DH; it is two Diffie-Hellman products, both with the receiver's prekey: of the
//! sender's prekey, which shows who the sender is, and of a key made for this message alone.
//!
//! Why: docs/decisions/81-encrypted-requests-are-opened-by-the-host.md

mod agreement;
mod did;
mod jwk;
mod own_keys;
mod sealed_body;
mod unopened;

use crate::message::Headers;
pub use did::{DidError, MAX_DID_BYTES, PublicKeys};
pub use jwk::IdentityKey;
pub use own_keys::{KeysError, MAX_KEYS_BYTES, OwnKeys};
pub use sealed_body::{Fresh, SealedBody, SealedBodyError, is_envelope};
pub use unopened::Unopened;

/// The header of a request that was opened, as the release gives it to handlers.
pub const DECRYPTED: &str = "X-Syft-Decrypted";

/// The header that says who encrypted it.
pub const ORIGINAL_SENDER: &str = "X-Syft-Original-Sender";

/// The header by which a caller or an app asks for an encrypted answer: its value is `true`.
pub const ENCRYPT_REPLY: &str = "X-Syft-Encrypt-Reply";

/// Tells whether a header, however it is spelled, says of a request that it was opened.
/// Senders may not say that.
pub fn says_opened(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    matches!(&*letters, "xsyftdecrypted" | "xsyftoriginalsender")
}

/// Tells whether a header asks for an encrypted answer.
pub fn is_encrypt_reply(name: &str) -> bool {
    name.eq_ignore_ascii_case(ENCRYPT_REPLY)
}

/// Tells whether headers ask for an encrypted answer.
pub fn asks_for_encryption(headers: &Headers) -> bool {
    let mut headers = headers.iter();
    headers.any(|(name, value)| is_encrypt_reply(name) && value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests;
