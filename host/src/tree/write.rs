//! Writes answers beside their requests.

use std::io::{self, Write};

use cap_std::fs::{Dir, File, OpenOptions};
use syft_protocol::address::Address;

use super::Tree;
use super::read::is_absent;

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It lies beside its request.
    Beside,
    /// The request is gone, so nobody waits for an answer. A left-over one would
    /// be taken for the answer of the next request with the same id.
    Gone,
}

impl Tree {
    /// Puts an answer beside its request, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written. Nothing of it remains.
    pub fn answer(&self, address: &Address, answer: &[u8]) -> io::Result<Written> {
        let folder = match self.open_folder(address.folder()) {
            Ok(folder) => folder,
            Err(error) if is_absent(&error) => return Ok(Written::Gone),
            Err(error) => return Err(error),
        };
        if !folder
            .symlink_metadata(address.id().request_name())
            .is_ok_and(|it| it.is_file())
        {
            return Ok(Written::Gone);
        }
        let name = address.id().response_name();
        // Sync ignores `.tmp`, and acts on anything that ends in `.response`.
        let temporary = format!("{name}.tmp");
        replace(&folder, &temporary, &name, answer)?;
        Ok(Written::Beside)
    }
}

/// Writes a file under a temporary name and gives it its own, so that readers see
/// all of it or nothing.
pub(super) fn replace(dir: &Dir, temporary: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let result = write_then_rename(dir, temporary, name, bytes);
    if result.is_err() && dir.remove_file(temporary).is_err() {
        tracing::debug!(temporary, "no temporary file left behind");
    }
    result
}

fn write_then_rename(dir: &Dir, temporary: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(dir, temporary)?;
    file.write_all(bytes)?;
    dir.rename(temporary, dir, name)?;
    // SyftBox's fast path sees write events only, and a rename is none: without
    // this the answer leaves with the next full sync, five seconds later.
    file.set_len(bytes.len() as u64)
}

/// Makes a temporary file. What has its name is left from a crash or planted by
/// a stranger: it is removed and never opened.
fn create(dir: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match dir.open_with(name, &options) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match dir.symlink_metadata(name)?.is_dir() {
                true => dir.remove_dir_all(name)?,
                false => dir.remove_file(name)?,
            }
            dir.open_with(name, &options)
        }
        result => result,
    }
}
