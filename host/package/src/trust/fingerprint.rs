//! The short names of keys, by which people compare them.

use std::fmt;

use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Serialize};

use crate::package::PublicKey;

/// The fingerprint of a key, as OpenSSH shows it: `SHA256:` and 43 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Reads a fingerprint.
    ///
    /// # Errors
    /// The text is not a fingerprint.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("SHA256:").unwrap_or_default();
        let digest = BASE64_NOPAD.decode(digits.as_bytes());
        if digest.is_ok_and(|digest| digest.len() == 32) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a fingerprint is `SHA256:` and 43 letters, digits, + and /".to_owned())
        }
    }

    /// Returns it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&PublicKey> for Fingerprint {
    fn from(key: &PublicKey) -> Self {
        Self(key.to_string())
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::SecretKey;

    #[test]
    fn reads_what_keys_show_and_nothing_else() {
        let key = SecretKey::generate().expect("random numbers").public();
        let shown = key.to_string();
        assert_eq!(
            Fingerprint::parse(&shown),
            Ok(Fingerprint::from(&key)),
            "{shown}"
        );
        let short = &shown[..shown.len() - 1];
        let long = format!("{shown}A");
        let padded = format!("{shown}=");
        let other = shown.replace("SHA256:", "MD5:");
        for text in ["", "SHA256:", short, &long, &padded, &other, &shown[7..]] {
            assert!(Fingerprint::parse(text).is_err(), "{text}");
        }
    }
}
