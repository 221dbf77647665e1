//! The client's side of an app's `rpc/` folder: requests go in, answers come out.
//!
//! Why: docs/decisions/10-our-requests-are-written-in-place.md

use std::io::{self, Read, Write};
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::OpenOptions;
use syft_manifest::nofollow_dir::is_absent;
use syft_protocol::address::{Address, AppName, Datasite};

use crate::tree::Tree;

/// What there is of an answer beside its request.
#[derive(Debug)]
pub(super) enum AnswerState {
    /// Nothing yet.
    Pending,
    /// The answer.
    Ready(Vec<u8>),
    /// The mark that sync leaves where the caller may not write.
    Rejected,
    /// The request itself is gone.
    Removed,
}

/// The `rpc/` folder of an app that is called.
pub(super) struct Mailbox(Tree);

impl Mailbox {
    /// Opens the folder, making what is missing of it.
    ///
    /// # Errors
    /// As for [`Tree::open`].
    pub(super) fn open(
        datasites: &Path,
        datasite: &Datasite,
        app: &AppName,
    ) -> anyhow::Result<Self> {
        Ok(Self(Tree::open(datasites, datasite, app)?))
    }

    /// Writes a request, making its folder if need be. It is written in place, at once, as
    /// released clients do: SyftBox sees write events only, so one that was renamed into
    /// its place would have to be touched there, while somebody handles it already.
    ///
    /// # Errors
    /// It cannot be written, it is there already, or a part of the path is a symlink.
    pub(super) fn post(&self, address: &Address, request: &[u8]) -> io::Result<()> {
        let folder = self.0.create_folder(address.folder())?;
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
    pub(super) fn look(&self, address: &Address, limit: u64) -> io::Result<AnswerState> {
        let folder = match self.0.open_folder(address.folder()) {
            Err(error) if is_absent(&error) => return Ok(AnswerState::Removed),
            folder => folder?,
        };
        if marks(address)
            .iter()
            .any(|mark| folder.symlink_metadata(mark).is_ok())
        {
            return Ok(AnswerState::Rejected);
        }
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let file = match folder.open_with(address.id().response_name(), &options) {
            Err(error) if is_absent(&error) => {
                return Ok(match folder.symlink_metadata(address.id().request_name()) {
                    Err(error) if is_absent(&error) => AnswerState::Removed,
                    _ => AnswerState::Pending,
                });
            }
            result => result?,
        };
        let mut answer = Vec::new();
        file.take(limit).read_to_end(&mut answer)?;
        Ok(AnswerState::Ready(answer))
    }

    /// Deletes a request with its answer and marks, as the released client does
    /// once it has read them.
    pub(super) fn clear(&self, address: &Address) {
        let Ok(folder) = self.0.open_folder(address.folder()) else {
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
