//! Reads request files, which are as hostile as anything can be.

use std::io::{self, Read};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions};
use rustix::io::Errno;
use syft_protocol::address::Address;
use syft_protocol::inbox::Stamp;

use super::Tree;

/// What stands at the address of a request.
#[derive(Debug)]
pub enum Opened {
    /// No regular file.
    Absent,
    /// An answer lies beside it.
    Answered,
    /// A file, not yet read.
    File(RequestFile),
}

/// A request file, open and not yet read.
#[derive(Debug)]
pub struct RequestFile {
    file: File,
    stamp: Stamp,
}

impl Tree {
    /// Opens a request that has no answer.
    ///
    /// # Errors
    /// There is something, and it cannot be opened.
    pub fn open_request(&self, address: &Address) -> io::Result<Opened> {
        absent_if_missing(
            self.open_folder(address.folder()).and_then(|folder| {
                match is_answered(&folder, address)? {
                    true => Ok(Opened::Answered),
                    false => open_file(&folder, address),
                }
            }),
        )
    }

    /// Tells whether a request may be there that has no answer.
    pub fn is_waiting(&self, address: &Address) -> bool {
        !matches!(
            self.open_request(address),
            Ok(Opened::Absent | Opened::Answered)
        )
    }

    /// As [`Tree::open_request`], answered or not.
    pub fn open_any_request(&self, address: &Address) -> io::Result<Opened> {
        let folder = self.open_folder(address.folder());
        absent_if_missing(folder.and_then(|folder| open_file(&folder, address)))
    }
}

fn open_file(folder: &Dir, address: &Address) -> io::Result<Opened> {
    let name = address.id().request_name();
    if !folder.symlink_metadata(&name)?.is_file() {
        return Ok(Opened::Absent);
    }
    let mut options = OpenOptions::new();
    // It may have become a FIFO since; without `nonblock` opening that would
    // wait for a writer.
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = folder.open_with(&name, &options)?;
    let metadata = file.metadata()?;
    match metadata.is_file() {
        true => Ok(Opened::File(RequestFile {
            stamp: stamp(&metadata),
            file,
        })),
        false => Ok(Opened::Absent),
    }
}

fn absent_if_missing(result: io::Result<Opened>) -> io::Result<Opened> {
    match result {
        Err(error) if is_absent(&error) => Ok(Opened::Absent),
        result => result,
    }
}

impl RequestFile {
    /// Returns the identity of the file and of what it held when it was opened.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Returns the bytes of the file, never more than it had when it was opened.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.stamp.bytes).unwrap_or(0));
        self.file.take(self.stamp.bytes).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Tells whether an answer lies beside a request. A folder in its place counts
/// as one, since no answer can ever be put there; any other thing of that name
/// is replaced by the answer, and so is an empty file: it is what a power failure
/// may leave of one.
fn is_answered(folder: &Dir, address: &Address) -> io::Result<bool> {
    match folder.symlink_metadata(address.id().response_name()) {
        Ok(found) => Ok(found.is_dir() || found.is_file() && found.len() > 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Tells whether an error says that a path leads to no file of ours: a part of
/// it is missing, a symlink, or no folder.
pub(super) fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    let is_link = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    is_link || matches!(error.kind(), NotFound | NotADirectory)
}

fn stamp(metadata: &Metadata) -> Stamp {
    let (seconds, nanos) = (metadata.ctime(), metadata.ctime_nsec());
    Stamp {
        inode: metadata.ino(),
        bytes: metadata.len(),
        changed: i128::from(seconds) * 1_000_000_000 + i128::from(nanos),
    }
}
