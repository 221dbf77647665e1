//! What a secret is: text that nothing shows.

use std::fmt;

use zeroize::Zeroizing;

/// The value of a secret. What shows values for people who look for faults does not show it,
/// and the memory that it had is cleared.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// The most bytes of a value.
    pub const MAX_BYTES: usize = 8 << 10;

    /// Returns a value that a text is.
    ///
    /// # Errors
    /// Why it can be none.
    pub fn new(text: Zeroizing<String>) -> Result<Self, &'static str> {
        if text.is_empty() {
            Err("it is empty")
        } else if text.len() > Self::MAX_BYTES {
            Err("it has more than 8 KiB")
        } else if text.contains('\0') {
            Err("it has a zero byte in it")
        } else {
            Ok(Self(text))
        }
    }

    /// Returns the text. Whoever gets it takes care of it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<SecretValue, &'static str> {
        SecretValue::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn nothing_shows_it() {
        let value = value("s3cret").expect("a value");
        assert!(!format!("{value:?} {value:#?} {:?}", Some(&value)).contains("s3cret"));
        assert_eq!(value.reveal(), "s3cret");
    }

    #[test]
    fn it_has_bounds() {
        assert!(value("two\nlines").is_ok());
        assert!(value(&"x".repeat(SecretValue::MAX_BYTES)).is_ok());
        for text in ["", "a\0b", &"x".repeat(SecretValue::MAX_BYTES + 1)] {
            assert!(value(text).is_err());
        }
    }
}
