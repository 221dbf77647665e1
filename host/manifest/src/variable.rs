//! Names of environment variables, which those of secrets are too.

use std::fmt;

use thiserror::Error;

/// The most bytes of a name.
const MAX_BYTES: usize = 64;

/// The name of an environment variable: letters, digits and `_`, no digit first. So it is a
/// name for programs, shells and files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariableName(String);

/// A text is no name of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a variable has a name of at most 64 letters, digits and `_`, as in `API_KEY`")]
pub struct VariableNameError;

impl VariableName {
    /// Returns the name that a text is.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, VariableNameError> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins_well = text
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit());
        if begins_well && text.len() <= MAX_BYTES && text.bytes().all(is_fit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VariableNameError)
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_for_programs_shells_and_files() {
        for name in [
            "A",
            "_",
            "OPENAI_API_KEY",
            "http_proxy",
            "a1",
            &"x".repeat(64),
        ] {
            assert!(VariableName::parse(name).is_ok(), "{name}");
        }
        for text in [
            "",
            "1A",
            "A-B",
            "A B",
            "A=B",
            "A.B",
            "..",
            "../A",
            "A/B",
            "\u{c4}",
            "A\0",
            "A\n",
            &"x".repeat(65),
        ] {
            assert_eq!(VariableName::parse(text), Err(VariableNameError), "{text}");
        }
    }
}
