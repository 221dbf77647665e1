//! Writes answers beside their requests.
//!
//! Why: docs/decisions/11-answers-are-renamed-then-touched.md

use std::fs::File;
use std::io::{self, Write};

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, OFlags, Stat, fsync, openat, renameat, unlinkat};
use rustix::io::Errno;
use syft_protocol::address::Address;
use syft_protocol::inbox::Version;
use uuid::Uuid;

use super::read::{is_absent, is_file, look_at, nanos, open_to_read, stamp};
use super::wake::wake;
use super::{Opened, Tree};
use crate::failpoint::{self, Step};

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It lies beside its request.
    Beside,
    /// The request is gone or another one has taken its place, so nobody waits for
    /// this answer. A left-over one would be taken for the answer of the next
    /// request with the same id.
    Gone,
}

impl Tree {
    /// Puts an answer beside its request, whole or not at all. The request is known
    /// by its stamp, or where somebody has touched it by what it holds: another one of the
    /// same name gets an answer of its own. One that is
    /// forced is on the disk before its name is seen, and its name before this returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn answer(
        &self,
        address: &Address,
        version: &Version,
        answer: &[u8],
        is_forced: bool,
    ) -> io::Result<Written> {
        let request = address.id().request_name();
        let written = self.look_in(address.folder(), |folder| {
            if !holds(&folder.dir, &request, version)? {
                return Ok(None);
            }
            folder.keep();
            let name = address.id().response_name();
            put(&folder.dir, &name, answer, is_forced).map(Some)
        });
        match written {
            Ok(Some(file)) => {
                if let Err(error) = wake(&file, &self.rpc, address) {
                    tracing::debug!(%address, "an answer leaves with the next full sync: {error}");
                }
                Ok(Written::Beside)
            }
            Ok(None) => Ok(Written::Gone),
            Err(error) if is_absent(&error) => Ok(Written::Gone),
            Err(error) => Err(error),
        }
    }

    /// Removes the answer that lies beside a request, if there is one.
    ///
    /// # Errors
    /// It is there and stays.
    pub fn remove_answer(&self, address: &Address) -> io::Result<()> {
        let folder = self.open_folder(address.folder());
        match folder.and_then(|folder| folder.remove_file(address.id().response_name())) {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Puts an answer into a folder.
fn put(folder: &Dir, name: &str, answer: &[u8], is_forced: bool) -> io::Result<File> {
    let file = replace_after(folder, name, answer, |file| {
        failpoint::reach(Step::BeforeRename, name);
        if is_forced { file.sync_all() } else { Ok(()) }
    })?;
    failpoint::reach(Step::AfterRename, name);
    if is_forced {
        force(folder)?;
    }
    Ok(file)
}

/// Bytes by which a request may have grown, of white space, and be looked at still.
const MARGIN_BYTES: u64 = 64 << 10;

/// Tells whether a name in a folder stands for the file that was read, or for one that
/// holds the same. It is read only if it is not as it was.
fn holds(folder: &Dir, name: &str, before: &Version) -> io::Result<bool> {
    let Some(found) = look_at(folder, name)?.filter(is_file) else {
        return Ok(false);
    };
    let now = stamp(&found);
    if now == before.stamp {
        return Ok(true);
    }
    if before.content.is_none() {
        return Ok(is_unwritten(&found, before));
    }
    if now.bytes > before.stamp.bytes + MARGIN_BYTES {
        return Ok(false);
    }
    match open_to_read(folder, name) {
        Ok(Opened::File(file)) if file.stamp().bytes <= before.stamp.bytes + MARGIN_BYTES => {
            let now = file.version(&file.read()?);
            Ok(now.says_the_same(before))
        }
        Ok(_) => Ok(false),
        // Somebody has taken the right to read it away.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Ok(is_unwritten(&found, before))
        }
        Err(error) => Err(error),
    }
}

/// Tells, of a file that is not read, whether no more than its mode seems to be changed.
fn is_unwritten(found: &Stat, before: &Version) -> bool {
    let now = stamp(found);
    (now.inode, now.bytes) == (before.stamp.inode, before.stamp.bytes)
        && nanos(found.st_mtime, found.st_mtime_nsec) <= before.stamp.changed
}

/// Writes a file under a temporary name and gives it its own, so that readers see
/// all of it or nothing.
pub(super) fn replace(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    replace_after(dir, name, bytes, |_| Ok(())).map(drop)
}

/// As [`replace`], and both the file and its name are on the disk when this returns.
pub(super) fn replace_forced(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    replace_after(dir, name, bytes, File::sync_all)?;
    force(dir)
}

/// Forces the names in a folder to the disk.
fn force(dir: &Dir) -> io::Result<()> {
    // The handle that we hold is good for paths only.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(dir, ".", flags, Mode::empty())?;
    Ok(fsync(&folder)?)
}

/// As [`replace`], and does something with the file before it has its name.
fn replace_after(
    dir: &Dir,
    name: &str,
    bytes: &[u8],
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<File> {
    let (mut file, temporary) = create(dir, name)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| finish(&file))
        .and_then(|()| Ok(renameat(dir, &temporary, dir, name)?));
    if let Err(error) = written {
        if unlinkat(dir, &temporary, AtFlags::empty()).is_err() {
            tracing::debug!(temporary, "no temporary file left behind");
        }
        return Err(error);
    }
    Ok(file)
}

/// Makes a temporary file. Sync ignores names that end in `.tmp`, and acts on all
/// that end in `.response`. What has the name already is left from a crash or
/// planted by a stranger: it is never opened, and a folder is left alone, since
/// there is no bound to what may be in it.
fn create(dir: &Dir, name: &str) -> io::Result<(File, String)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let create = |name: String| match openat(dir, &name, flags, Mode::from_raw_mode(0o666)) {
        Ok(file) => Ok((File::from(file), name)),
        Err(error) => Err(error),
    };
    let usual = format!("{name}.tmp");
    Ok(match create(usual.clone()) {
        Err(Errno::EXIST) if unlinkat(dir, &usual, AtFlags::empty()).is_ok() => create(usual)?,
        Err(Errno::EXIST) => create(format!("{name}.{}.tmp", Uuid::new_v4().simple()))?,
        created => created?,
    })
}
