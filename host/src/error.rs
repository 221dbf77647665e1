//! Errors as a user of the command line sees them.

use std::fmt;
use std::io;

use thiserror::Error;

/// Nobody reads the results any more, as those of `syft-host list | head -1`. That is no fault of
/// anybody's, and is not told.
#[derive(Debug, Error)]
#[error("nobody reads the results any more")]
pub struct ReaderGone;

/// The user was asked, and said no: what is not done for that.
#[derive(Debug, Error)]
#[error("{0}")]
struct Declined(String);

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

    /// Returns that the user was asked and said no, with what is not done for that. It is shown
    /// as no error.
    pub fn declined(what: impl fmt::Display) -> Self {
        Declined(what.to_string()).into()
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
            error: self.error.context(what.to_string()),
            hints: self.hints,
        }
    }

    /// Tells whether all that is wrong is that nobody reads the results any more.
    pub fn is_reader_gone(&self) -> bool {
        let is_gone = |error: &io::Error| error.get_ref().is_some_and(|why| why.is::<ReaderGone>());
        self.error.downcast_ref().is_some_and(is_gone)
    }

    /// Returns what is not done, if all that is wrong is that the user does not want it.
    pub fn as_declined(&self) -> Option<&str> {
        let declined = self.error.downcast_ref();
        declined.map(|Declined(what)| what.as_str())
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
