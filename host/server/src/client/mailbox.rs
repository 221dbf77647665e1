//! The client's side of an app's `rpc/` folder: requests go in, answers come out.
//!
//! Why: docs/decisions/10-our-requests-are-written-in-place.md

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use syft_protocol::address::{Address, AppName, Datasite};
use syft_protocol::timestamp::Timestamp;
use syft_system::{Create, Dir, Open, OpenedFile, SystemError};

use crate::tree::Tree;

/// What there is of an answer beside its request.
#[derive(Debug)]
pub(crate) enum AnswerState {
    /// Nothing yet.
    Pending,
    /// The answer.
    Ready(AnswerBytes),
    /// It has so many bytes, which is too many.
    TooLarge(u64),
    /// Something that is no regular file is in its place.
    NoFile,
    /// The mark that sync leaves where the caller may not write.
    Rejected,
    /// The request itself is gone.
    Removed,
}

/// What an answer holds.
#[derive(Debug)]
pub(crate) struct AnswerBytes {
    pub(crate) bytes: Vec<u8>,
    /// How long ago the file was changed last.
    pub(crate) unchanged_for: Duration,
}

/// The `rpc/` folder of an app that is called.
pub(crate) struct Mailbox(Tree);

impl Mailbox {
    /// Opens the folder, making what is missing of it.
    ///
    /// # Errors
    /// As for [`Tree::open`].
    pub(crate) fn open(
        datasites: &Path,
        datasite: &Datasite,
        app: &AppName,
    ) -> anyhow::Result<Self> {
        Ok(Self(Tree::open(datasites, datasite, app)?))
    }

    /// Opens the folder where it is there.
    pub(crate) fn find(datasites: &Path, datasite: &Datasite, app: &AppName) -> Option<Self> {
        Some(Self(Tree::find(datasites, datasite, app)?))
    }

    /// Opens the folder of the caller, making what is missing of it.
    ///
    /// # Errors
    /// It cannot be made, or a part of the path is a symlink.
    pub(crate) fn caller_folder(&self, address: &Address) -> io::Result<Dir> {
        self.0.create_folder(address.folder())
    }

    /// Returns the folder of the caller, if it is there.
    pub(crate) fn folder(&self, address: &Address) -> Option<Dir> {
        self.0.open_folder(address.folder()).ok()
    }

    /// Writes a request, making its folder if need be. It is written in place, at once, as
    /// released clients do: SyftBox sees write events only, so one that was renamed into
    /// its place would have to be touched there, while somebody handles it already.
    ///
    /// # Errors
    /// It cannot be written, it is there already, or a part of the path is a symlink.
    pub(crate) fn post(&self, address: &Address, request: &[u8]) -> io::Result<()> {
        let folder = self.caller_folder(address)?;
        let name = address.id().request_name();
        let mut opened = folder.open_file(&name, Open::WRITE.create(Create::New))?;
        let written = opened.file.write_all(request);
        if written.is_err() && folder.remove_file(&name).is_err() {
            tracing::debug!(name, "half a request is left behind");
        }
        written
    }

    /// As [`Mailbox::post`], where the host may have stopped in the middle of that before: a
    /// request that is there already stays if `is_whole` says so of what it holds, up to `limit`
    /// bytes.
    ///
    /// # Errors
    /// It cannot be written, or a part of the path is a symlink.
    pub(crate) fn post_again(
        &self,
        address: &Address,
        request: &[u8],
        limit: u64,
        is_whole: impl Fn(&[u8]) -> bool,
    ) -> io::Result<()> {
        match self.post(address, request) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            posted => return posted,
        }
        let folder = self.caller_folder(address)?;
        let name = address.id().request_name();
        let opened = open_file(&folder, &name)?;
        let held = opened.map(|opened| read(&opened.file, limit)).transpose()?;
        if held.is_some_and(|bytes| is_whole(&bytes)) {
            return Ok(());
        }
        folder.remove_file(&name)?;
        self.post(address, request)
    }

    /// Forces a request to the disk, if it is there.
    ///
    /// # Errors
    /// It cannot be forced.
    pub(crate) fn force(&self, address: &Address) -> io::Result<()> {
        let folder = self.0.open_folder(address.folder())?;
        if let Some(opened) = open_file(&folder, &address.id().request_name())? {
            opened.file.sync_all()?;
        }
        Ok(folder.force()?)
    }

    /// Looks for the answer of a request, and reads it if it has at most `limit` bytes.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn look(&self, address: &Address, limit: u64) -> io::Result<AnswerState> {
        let folder = match self.0.open_folder(address.folder()) {
            Err(error) if error.is_absent() => return Ok(AnswerState::Removed),
            folder => folder?,
        };
        if marks(address).iter().any(|mark| folder.look(mark).is_ok()) {
            return Ok(AnswerState::Rejected);
        }
        let name = address.id().response_name();
        let Some(OpenedFile { file, found }) = open_file(&folder, &name)? else {
            if folder.look(&name).is_ok() {
                return Ok(AnswerState::NoFile);
            }
            return Ok(match folder.look(&address.id().request_name()) {
                Err(error) if error.is_absent() => AnswerState::Removed,
                _ => AnswerState::Pending,
            });
        };
        if found.bytes > limit {
            return Ok(AnswerState::TooLarge(found.bytes));
        }
        let changed = found.changed.seconds.saturating_mul(1_000_000);
        let now = Timestamp::from_system_time(SystemTime::now());
        Ok(AnswerState::Ready(AnswerBytes {
            bytes: read(&file, limit)?,
            unchanged_for: now.saturating_duration_since(Timestamp::from_micros(changed)),
        }))
    }

    /// Deletes a request with its answer and marks, as the released client does
    /// once it has read them.
    pub(crate) fn clear(&self, address: &Address) {
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

/// Opens a regular file, if there is one. No link is followed, and nobody waits for a writer.
fn open_file(folder: &Dir, name: &str) -> io::Result<Option<OpenedFile>> {
    match folder.open_file(name, Open::READ) {
        Err(SystemError::NotAFile | SystemError::IsAFolder) => Ok(None),
        Err(error) if error.is_absent() => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

fn read(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the names of the marks that sync leaves where it refused a request.
fn marks(address: &Address) -> [String; 2] {
    let stem = address.id().stem();
    ["syftrejected", "rejected"].map(|mark| format!("{stem}.{mark}.request"))
}
