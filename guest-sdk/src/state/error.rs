//! Why the state could not be read or written.

use std::fmt;

/// Why the state could not be read or written.
///
/// By `?` it becomes a failure for the owner's log: callers learn nothing of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateError {
    /// The app may not keep state.
    Denied,
    /// The host did not do it: a key or value is too long, say, or the app has
    /// kept as much as it may.
    Refused {
        /// What it was to do.
        operation: &'static str,
        /// The host's reason.
        reason: String,
    },
    /// The value of this key is not of the type that was asked for.
    Unfit {
        /// The key.
        key: String,
        /// What does not fit.
        error: serde_json::Error,
    },
    /// The value for this key cannot be JSON.
    NoJson {
        /// The key.
        key: String,
        /// What cannot.
        error: serde_json::Error,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Denied => f.write_str("the app may not keep state"),
            StateError::Refused { operation, reason } => {
                write!(f, "the host did not {operation} in the state: {reason}")
            }
            StateError::Unfit { key, .. } => {
                write!(f, "the value of `{key}` in the state does not fit")
            }
            StateError::NoJson { key, .. } => {
                write!(f, "the value for `{key}` in the state has no JSON")
            }
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StateError::Denied | StateError::Refused { .. } => None,
            StateError::Unfit { error, .. } | StateError::NoJson { error, .. } => Some(error),
        }
    }
}
