//! Files as the host tells one state of them from another: regular ones with one
//! name, as they exist for guests.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, OFlags, StatxFlags, statx};
use rustix::io::Errno;
use syft_protocol::file_events::{FileStamp, FileTime};

use super::datasites_dir::{DatasitesDir, kind, look_at};
use super::guest_path::GuestPath;
use super::tick::tick;

impl DatasitesDir {
    /// Looks for a file at a path; `None` where there is none.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn stamp(&self, path: &GuestPath) -> Result<Option<FileStamp>, Errno> {
        self.find(path, stamp_at)
    }

    /// As [`DatasitesDir::stamp`], and how long after it a change may leave the same stamp.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn stamp_and_tick(&self, path: &GuestPath) -> Result<Option<(FileStamp, Duration)>, Errno> {
        self.find(path, |folder, name| {
            let stamp = stamp_at(folder, name)?;
            Ok(stamp.map(|stamp| (stamp, tick(folder, &stamp))))
        })
    }

    fn find<T>(
        &self,
        path: &GuestPath,
        look: impl FnOnce(BorrowedFd<'_>, &str) -> Result<Option<T>, Errno>,
    ) -> Result<Option<T>, Errno> {
        let Some((parent, name)) = path.split() else {
            return Ok(None);
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match self.open_unchecked(&parent, flags) {
            Ok(folder) => look(folder.as_fd(), name),
            Err(error) if is_absent(error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Looks for a file of this name in a folder.
///
/// # Errors
/// That cannot be found out.
pub fn stamp_at(folder: BorrowedFd<'_>, name: &str) -> Result<Option<FileStamp>, Errno> {
    match look(folder, name) {
        Err(error) if is_absent(error) => Ok(None),
        found => found,
    }
}

/// Looks at an open file; `None` if it has no name any more.
pub(super) fn stamp_of(file: impl AsFd) -> Option<FileStamp> {
    look(file.as_fd(), "").ok().flatten()
}

fn is_absent(error: Errno) -> bool {
    matches!(
        error,
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG
    )
}

/// Looks at a name in a folder, or at what is open itself.
fn look(at: BorrowedFd<'_>, name: &str) -> Result<Option<FileStamp>, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let found = match statx(at, name, flags, wanted) {
        // A kernel before 4.11, or a container that forbids the call.
        Err(Errno::NOSYS | Errno::PERM) => return look_without_birth(at, name),
        found => found?,
    };
    let is_file = FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile;
    let time = |time: rustix::fs::StatxTimestamp| FileTime {
        seconds: time.tv_sec,
        nanos: time.tv_nsec,
    };
    let knows_birth = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    Ok((is_file && found.stx_nlink == 1).then(|| FileStamp {
        inode: found.stx_ino,
        born: if knows_birth {
            time(found.stx_btime)
        } else {
            FileTime::default()
        },
        bytes: found.stx_size,
        modified: time(found.stx_mtime),
        changed: time(found.stx_ctime),
        mode: found.stx_mode.into(),
    }))
}

fn look_without_birth(at: BorrowedFd<'_>, name: &str) -> Result<Option<FileStamp>, Errno> {
    let found = match name {
        "" => rustix::fs::fstat(at)?,
        name => look_at(at, name)?,
    };
    let is_file = kind(&found) == FileType::RegularFile;
    let time = |seconds: i64, nanos: u64| FileTime {
        seconds,
        nanos: u32::try_from(nanos).unwrap_or(0),
    };
    Ok((is_file && found.st_nlink == 1).then(|| FileStamp {
        inode: found.st_ino,
        born: FileTime::default(),
        bytes: u64::try_from(found.st_size).unwrap_or(0),
        modified: time(found.st_mtime, found.st_mtime_nsec),
        changed: time(found.st_ctime, found.st_ctime_nsec),
        mode: found.st_mode,
    }))
}
