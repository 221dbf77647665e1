//! Errors as a user of the command line sees them.

use std::fmt;

/// What went wrong and what to do about it.
#[derive(Debug)]
pub struct CommandError {
    error: anyhow::Error,
    hints: Vec<String>,
}

impl CommandError {
    /// Returns an error with a message.
    pub fn new(message: impl fmt::Display) -> Self {
        Self {
            error: anyhow::anyhow!("{message}"),
            hints: Vec::new(),
        }
    }

    /// Adds a next step, ready to paste.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds several next steps.
    #[must_use]
    pub fn with_hints<H: Into<String>>(self, hints: impl IntoIterator<Item = H>) -> Self {
        hints.into_iter().fold(self, Self::hint)
    }

    /// Says before it what could not be done.
    #[must_use]
    pub fn about(self, what: impl fmt::Display) -> Self {
        Self {
            error: anyhow::anyhow!("{what}: {self}"),
            hints: self.hints,
        }
    }

    /// Returns what to do about it.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl<E: Into<anyhow::Error>> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            hints: Vec::new(),
        }
    }
}

/// Writes the error with its causes on one line.
impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}
