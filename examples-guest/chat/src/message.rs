//! A message, as its author puts it into their datasite. Strangers wrote it: what is
//! too long or no message is left out.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use syft_guest::schemars::{self, JsonSchema};

/// The most characters of a text.
pub const MAX_CHARS: usize = 2000;

/// More than a message of as many characters has.
const MAX_FILE_BYTES: u64 = 16 << 10;

/// The file of a message: `public/chat/<id>.json` of its author.
#[derive(Deserialize)]
pub struct Message {
    pub text: String,
}

/// A message, as it is shown.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Shown {
    /// In whose datasite it lies, or who sent it.
    pub from: String,
    pub text: String,
    /// When it was first seen, in microseconds since 1970.
    pub seen: i64,
}

impl Message {
    /// Reads a message; fails with what is wrong with it.
    pub fn read(path: &Path) -> Result<Message, String> {
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut bounded = file.take(MAX_FILE_BYTES);
        bounded
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        let message: Message = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        if message.text.chars().count() > MAX_CHARS {
            return Err("it is too long".to_owned());
        }
        Ok(message)
    }
}
