//! Looking at names and at what is open, on Linux.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType as RawType, StatxFlags, statx};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::{FileId, FileType, Stat, StatTime, SystemError};

/// Looks at a name in a folder, or at what is open itself.
pub(super) fn look_at(at: BorrowedFd<'_>, name: impl Arg + Copy) -> Result<Stat, SystemError> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let found = match statx(at, name, flags, wanted) {
        // A kernel before 4.11, or a container that forbids the call.
        Err(Errno::NOSYS | Errno::PERM) => return look_without_birth(at, name),
        found => found?,
    };
    let time = |time: rustix::fs::StatxTimestamp| StatTime {
        seconds: time.tv_sec,
        nanos: time.tv_nsec,
    };
    let knows_birth = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    let mode = found.stx_mode.into();
    Ok(Stat {
        kind: kind(RawType::from_raw_mode(mode)).unwrap_or(FileType::Other),
        bytes: found.stx_size,
        id: FileId {
            device: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
            file: found.stx_ino,
        },
        links: found.stx_nlink.into(),
        modified: time(found.stx_mtime),
        changed: time(found.stx_ctime),
        accessed: time(found.stx_atime),
        born: knows_birth.then(|| time(found.stx_btime)),
        mode,
    })
}

fn look_without_birth(at: BorrowedFd<'_>, name: impl Arg) -> Result<Stat, SystemError> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let found = rustix::fs::statat(at, name, flags)?;
    let time = |seconds: i64, nanos: u64| StatTime {
        seconds,
        nanos: u32::try_from(nanos).unwrap_or(0),
    };
    Ok(Stat {
        kind: kind(RawType::from_raw_mode(found.st_mode)).unwrap_or(FileType::Other),
        bytes: u64::try_from(found.st_size).unwrap_or(0),
        id: FileId {
            device: found.st_dev,
            file: found.st_ino,
        },
        links: found.st_nlink,
        modified: time(found.st_mtime, found.st_mtime_nsec),
        changed: time(found.st_ctime, found.st_ctime_nsec),
        accessed: time(found.st_atime, found.st_atime_nsec),
        born: None,
        mode: found.st_mode,
    })
}

pub(super) fn kind(kind: RawType) -> Option<FileType> {
    Some(match kind {
        RawType::RegularFile => FileType::File,
        RawType::Directory => FileType::Folder,
        RawType::Symlink => FileType::Link,
        RawType::Unknown => return None,
        _ => FileType::Other,
    })
}
