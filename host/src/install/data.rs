//! Whose app it was that kept what lies in an app's private folder.
//!
//! What an app keeps lies below its name, and anybody can give an app any name. So the folder of an
//! installed app says whose app it was, and no other author's gets what it kept.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use syft_protocol::address::Datasite;

const FILE: &str = "author";

/// Returns the author of the installed app that the folder is of.
///
/// # Errors
/// The folder cannot be read, or says something else.
pub fn data_owner(folder: &Path) -> io::Result<Option<Datasite>> {
    match fs::read_to_string(folder.join(FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(email) => Datasite::parse(&email).map(Some).map_err(io::Error::other),
    }
}

/// Writes whose app the folder is of.
pub(super) fn own(folder: &Path, author: &Datasite) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    fs::write(folder.join(FILE), author.as_str())
}
