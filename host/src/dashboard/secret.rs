//! Secrets that requests are authenticated by.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A secret that nobody can guess, made anew at each start.
pub(super) struct Secret(String);

impl Secret {
    /// Returns a new one of 122 random bits, which is short enough for a link on one line.
    pub(super) fn new() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    /// Returns another secret that only who has this one can tell.
    pub(super) fn derived(&self, purpose: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(purpose)
            .chain_update([0])
            .chain_update(&self.0);
        Self(data_encoding::HEXLOWER.encode(&digest.finalize()))
    }

    /// Tells whether a text is this secret. How long that takes says nothing about it, since
    /// digests are compared.
    pub(super) fn is(&self, text: &str) -> bool {
        Sha256::digest(text) == Sha256::digest(&self.0)
    }

    /// Returns the secret, for the one who may have it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_know_themselves() {
        let (one, other) = (Secret::new(), Secret::new());
        assert!(one.is(one.reveal()) && !one.is(other.reveal()) && !one.is(""));
        let derived = one.derived("form");
        assert!(derived.is(one.derived("form").reveal()));
        assert!(!derived.is(one.derived("cookie").reveal()) && !derived.is(one.reveal()));
        assert_eq!(one.reveal().len(), 32);
    }
}
