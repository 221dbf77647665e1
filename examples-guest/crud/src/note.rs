//! Notes, as they are kept.

use serde::{Deserialize, Serialize};
use syft_guest::prelude::*;
use syft_guest::schemars::{self, JsonSchema};

use crate::error::NoteError;

const MAX_NAME_BYTES: usize = 100;
const MAX_TEXT_BYTES: usize = 10_000;
/// For each person.
const MAX_NOTES: usize = 1000;

/// A note.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Note {
    pub text: String,
    /// 1, and one more after each update.
    pub version: u64,
}

impl Note {
    pub fn new(text: String, version: u64) -> Result<Note, NoteError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(NoteError::Invalid("a note has at most 10000 bytes"));
        }
        Ok(Note { text, version })
    }
}

/// All notes of one person.
pub struct Notes {
    /// What their keys begin with. An email has no slash, so nobody's begin with
    /// somebody else's.
    prefix: String,
}

impl Notes {
    /// Returns the notes of the sender.
    pub fn of(request: &Request) -> Result<Notes, NoteError> {
        let email = request.sender.proven().ok_or(NoteError::Unknown)?;
        Ok(Notes {
            prefix: format!("{email}/"),
        })
    }

    pub fn get(&self, name: &str) -> Result<Note, NoteError> {
        let note = state::get(&self.key(name)?)?;
        note.ok_or_else(|| NoteError::NotFound(name.to_owned()))
    }

    pub fn create(&self, name: &str, note: &Note) -> Result<(), NoteError> {
        let key = self.key(name)?;
        if state::exists(&key)? {
            return Err(NoteError::Exists(name.to_owned()));
        }
        if state::keys(&self.prefix)?.len() >= MAX_NOTES {
            return Err(NoteError::Full);
        }
        Ok(state::set(&key, note)?)
    }

    pub fn replace(&self, name: &str, note: &Note) -> Result<(), NoteError> {
        Ok(state::set(&self.key(name)?, note)?)
    }

    pub fn delete(&self, name: &str) -> Result<(), NoteError> {
        self.get(name)?;
        Ok(state::delete(&self.key(name)?)?)
    }

    pub fn names(&self) -> Result<Vec<String>, NoteError> {
        let keys = state::keys(&self.prefix)?.into_iter();
        let names = keys.filter_map(|key| Some(key.strip_prefix(&self.prefix)?.to_owned()));
        Ok(names.collect())
    }

    fn key(&self, name: &str) -> Result<String, NoteError> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(NoteError::Invalid("a name has 1 to 100 bytes"));
        }
        Ok([&self.prefix, name].concat())
    }
}
