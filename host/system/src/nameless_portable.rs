//! Files that get their name once they are whole, which only Linux has: elsewhere they get a
//! temporary one first.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::Dir;

/// A folder in which files are made without a name: there is none.
#[derive(Debug)]
pub enum NamelessFiles {}

impl NamelessFiles {
    /// Opens the folder to make files in, where the system can do that.
    pub fn in_folder(_path: &Path) -> Option<Self> {
        None
    }

    /// Writes a file, does something with it and gives it a name in a folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(
        &self,
        _dir: &Dir,
        _name: &str,
        _bytes: &[u8],
        _finish: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<Option<File>> {
        match *self {}
    }
}
