//! Whose app it was that kept what lies in an app's private folder.
//!
//! What an app keeps lies below its name, and anybody can give an app any name. So the folder of an
//! installed app says whose app it was, and no other author's gets what it kept.
//!
//! Why: docs/decisions/41-data-belongs-to-its-author.md

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::Path;

use syft_protocol::address::Datasite;
use syft_runtime::secrets;
use syft_system::private;

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

/// Tells whether something that was run and not installed has kept data in the folder.
pub(super) fn is_of_nobody(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(entries) => {
            // Secrets are not kept by an app, but by the owner.
            let is_kept = |entry: &DirEntry| entry.file_name() != secrets::FOLDER;
            let has_kept = entries.flatten().any(|entry| is_kept(&entry));
            Ok(has_kept && data_owner(folder)?.is_none())
        }
    }
}

/// Writes whose app the folder is of. What it says already is never half gone, as when the disk
/// is full: nobody could tell then whose app it was.
pub(super) fn own(folder: &Path, author: &Datasite) -> io::Result<()> {
    if data_owner(folder)?.as_ref() == Some(author) {
        return Ok(());
    }
    private::make_folders(folder)?;
    private::write(&folder.join(FILE), author.as_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_replaced_and_never_written_over() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = site.path().join("app");
        let email = |text| Datasite::parse(text).expect("an email");
        let (alice, bob) = (email("alice@example.org"), email("bob@example.org"));
        assert_eq!(data_owner(&folder).expect("nobody"), None);
        own(&folder, &alice).expect("written");
        fs::hard_link(folder.join(FILE), site.path().join("before")).expect("a link");
        own(&folder, &bob).expect("written");
        assert_eq!(data_owner(&folder).expect("an author"), Some(bob));
        let before = fs::read_to_string(site.path().join("before")).expect("a file");
        assert_eq!(before, alice.as_str());
    }
}
