//! Private folders of the host, and files in them.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};

/// How the names of files begin that were not written to the end.
pub const UNFINISHED: &str = ".new-";

/// Keeps others from changing what is in a folder, until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    _held: File,
}

/// Makes a folder that is its user's alone, unless it is there.
///
/// # Errors
/// It cannot be made, or others can write to it.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let metadata = fs::metadata(folder)?;
    if metadata.is_dir() && is_ours_alone(&metadata) {
        Ok(())
    } else {
        Err(io::Error::new(
            ErrorKind::PermissionDenied,
            "it can be written by others",
        ))
    }
}

/// Tells whether this user alone can write to something.
pub fn is_ours_alone(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

/// Reads a file that is not larger than the limit; `None` where nothing of that name is, not
/// even a link that leads nowhere.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    // What is no file may keep who opens it waiting.
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        Err(io::Error::other(format!("it is larger than {limit} bytes")))
    } else {
        Ok(Some(bytes))
    }
}

/// Returns a number that is another one once a file of a folder was written by [`write()`], or
/// removed.
///
/// # Errors
/// The folder cannot be listed.
pub fn stamp(folder: &Path) -> io::Result<u64> {
    let mut stamp = DefaultHasher::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        (entry.file_name(), metadata.ino(), metadata.size(), changed).hash(&mut stamp);
    }
    Ok(stamp.finish())
}

/// Writes a file: what was there before stays, or all of it is on the disk, even if the power
/// fails.
///
/// # Errors
/// The disk.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

/// Waits until nobody else holds the lock.
///
/// # Errors
/// It cannot be had.
pub fn lock(path: &Path) -> io::Result<FolderLock> {
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(FolderLock { _held: file })
}
