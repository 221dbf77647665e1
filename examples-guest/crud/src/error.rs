//! What can go wrong with a note, and what callers are told of it.

use syft_guest::prelude::*;
use syft_guest::state::StateError;

/// Why something could not be done with a note.
#[derive(Debug)]
pub enum NoteError {
    /// Whose notes, if anybody can have written the name?
    Unknown,
    NotFound(String),
    Exists(String),
    /// Somebody changed it meanwhile: this is its version now.
    Changed(u64),
    Invalid(&'static str),
    Full,
    State(StateError),
}

impl IntoError for NoteError {
    fn into_error(self) -> Error {
        match self {
            NoteError::Unknown => Error::forbidden("your name is only a claim"),
            NoteError::NotFound(name) => Error::not_found(format!("there is no note `{name}`")),
            NoteError::Exists(name) => Error::conflict(format!("there is a note `{name}` already")),
            NoteError::Changed(version) => {
                Error::conflict(format!("it was changed: this is version {version}"))
            }
            NoteError::Invalid(reason) => Error::bad_request(reason),
            NoteError::Full => Error::with_status(507, "you have as many notes as you may"),
            NoteError::State(error) => error.into(),
        }
    }
}

impl From<StateError> for NoteError {
    fn from(error: StateError) -> Self {
        NoteError::State(error)
    }
}
