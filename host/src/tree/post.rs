//! The caller's side: puts a request into somebody's tree and takes the answer.
//!
//! Why: docs/decisions/10-our-requests-are-written-in-place.md

use std::io::{self, Read, Write};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::OpenOptions;
use syft_protocol::address::Address;

use super::prepare::create_keep_file;
use super::read::is_absent;
use super::{Tree, open_or_create};

/// What a caller finds beside its request.
#[derive(Debug)]
pub enum Found {
    /// Nothing yet.
    Nothing,
    /// The answer.
    Answer(Vec<u8>),
    /// The mark that sync leaves where the caller may not write.
    Rejected,
    /// Nothing, and the request is gone as well.
    Removed,
}

impl Tree {
    /// Writes a request, making its folder if need be. It is written in place, at once, as
    /// released clients do: SyftBox sees write events only, so one that was renamed into
    /// its place would have to be touched there, while somebody handles it already.
    ///
    /// # Errors
    /// It cannot be written, it is there already, or a part of the path is a symlink.
    pub fn post(&self, address: &Address, request: &[u8]) -> io::Result<()> {
        let folder = open_or_create(&self.rpc, address.folder().segments())?;
        // Without it the client of the caller may remove the folder after this call, and
        // never see what comes into it later.
        create_keep_file(&folder)?;
        let name = address.id().request_name();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let written = folder.open_with(&name, &options)?.write_all(request);
        if written.is_err() && folder.remove_file(&name).is_err() {
            tracing::debug!(name, "half a request is left behind");
        }
        written
    }

    /// Looks for the answer of a request, and reads up to `limit` bytes of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn look_for_answer(&self, address: &Address, limit: u64) -> io::Result<Found> {
        let folder = match self.open_folder(address.folder()) {
            Err(error) if is_absent(&error) => return Ok(Found::Removed),
            folder => folder?,
        };
        if marks(address)
            .iter()
            .any(|mark| folder.symlink_metadata(mark).is_ok())
        {
            return Ok(Found::Rejected);
        }
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let file = match folder.open_with(address.id().response_name(), &options) {
            Err(error) if is_absent(&error) => {
                return Ok(match folder.symlink_metadata(address.id().request_name()) {
                    Err(error) if is_absent(&error) => Found::Removed,
                    _ => Found::Nothing,
                });
            }
            result => result?,
        };
        let mut answer = Vec::new();
        file.take(limit).read_to_end(&mut answer)?;
        Ok(Found::Answer(answer))
    }

    /// Deletes a request with its answer and marks, as the released client does
    /// once it has read them.
    pub fn clear(&self, address: &Address) {
        let Ok(folder) = self.open_folder(address.folder()) else {
            return;
        };
        let id = address.id();
        for name in [id.request_name(), id.response_name()]
            .iter()
            .chain(&marks(address))
        {
            if folder.remove_file(name).is_err() {
                tracing::debug!(name, "nothing to delete");
            }
        }
    }
}

/// Returns the names of the marks that sync leaves where it refused a request.
fn marks(address: &Address) -> [String; 2] {
    let stem = address.id().stem();
    ["syftrejected", "rejected"].map(|mark| format!("{stem}.{mark}.request"))
}
