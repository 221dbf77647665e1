//! Reads request files, which are as hostile as anything can be.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, StatxFlags, fstat, openat, statat, statx};
use rustix::io::Errno;
use syft_manifest::nofollow_dir::is_absent;
use syft_protocol::address::{Address, RequestId};
use syft_protocol::inbox::{Content, Refusal, Stamp, Version};
use syft_protocol::message::Response;
use syft_protocol::timestamp::Timestamp;

use super::Tree;

/// The most bytes of an answer that says that its request could not be read: its text is
/// cut, and the URL in it bounded.
const MAX_REFUSAL_BYTES: i64 = 64 << 10;

/// What stands at the address of a request.
#[derive(Debug)]
pub enum OpenedRequest {
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
    born: Option<i128>,
}

impl Tree {
    /// Opens a request that has no answer.
    ///
    /// # Errors
    /// There is something, and it cannot be opened.
    pub fn open_request(&self, address: &Address) -> io::Result<OpenedRequest> {
        self.open_in_folder(address, |folder| {
            if is_answered(folder, address)? {
                Ok(OpenedRequest::Answered)
            } else {
                open_file(folder, address)
            }
        })
    }

    /// As [`Tree::open_request`], and also one that was answered only by that it could not
    /// be read, and has changed since: it may be whole by now. `known` is the file that was
    /// answered, where that is known.
    ///
    /// # Errors
    /// There is something, and it cannot be opened.
    pub fn open_unserved(
        &self,
        address: &Address,
        known: Option<Stamp>,
    ) -> io::Result<OpenedRequest> {
        self.open_in_folder(address, |folder| {
            let is_done =
                is_answered(folder, address)? && !is_outdated(folder, address.id(), known);
            if is_done {
                Ok(OpenedRequest::Answered)
            } else {
                open_file(folder, address)
            }
        })
    }

    /// Tells whether a request may be there that has no answer.
    pub fn is_waiting(&self, address: &Address) -> bool {
        !matches!(
            self.open_request(address),
            Ok(OpenedRequest::Absent | OpenedRequest::Answered)
        )
    }

    /// As [`Tree::open_request`], answered or not.
    pub fn open_any_request(&self, address: &Address) -> io::Result<OpenedRequest> {
        self.open_in_folder(address, |folder| open_file(folder, address))
    }

    fn open_in_folder(
        &self,
        address: &Address,
        open: impl Fn(&Dir) -> io::Result<OpenedRequest>,
    ) -> io::Result<OpenedRequest> {
        let found = self.look_in(address.folder(), |folder| match open(&folder.dir) {
            Ok(OpenedRequest::Absent) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            opened => opened.map(Some),
        });
        match found {
            Err(error) if is_absent(&error) => Ok(OpenedRequest::Absent),
            found => Ok(found?.unwrap_or(OpenedRequest::Absent)),
        }
    }
}

/// Opens a file that is no link, FIFO or device. Should one take its place just then,
/// nobody waits for a writer, nor does a terminal become ours, and nothing of it is read.
fn open_file(folder: &Dir, address: &Address) -> io::Result<OpenedRequest> {
    let name = address.id().request_name();
    if !look_at(folder, &name)?.is_some_and(|found| is_file(&found)) {
        return Ok(OpenedRequest::Absent);
    }
    open_to_read(folder, &name)
}

pub(super) fn open_to_read(folder: &Dir, name: &str) -> io::Result<OpenedRequest> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        // A socket, or a device that is not there.
        Err(Errno::NXIO) => return Ok(OpenedRequest::Absent),
        opened => opened?,
    };
    let found = fstat(&file)?;
    if is_file(&found) {
        Ok(OpenedRequest::File(RequestFile {
            stamp: stamp(&found),
            born: born(&file),
            file: file.into(),
        }))
    } else {
        Ok(OpenedRequest::Absent)
    }
}

/// Returns when a file was made, where that is known.
fn born(file: impl AsFd) -> Option<i128> {
    let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).ok()?;
    let is_known = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    is_known.then(|| nanos(found.stx_btime.tv_sec, found.stx_btime.tv_nsec))
}

impl RequestFile {
    /// Returns the identity of the file and of what it held when it was opened.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Returns which version of a request it is, by the bytes that were read.
    pub fn version(&self, bytes: &[u8]) -> Version {
        Version {
            stamp: self.stamp,
            born: self.born,
            content: Some(Content::of(bytes)),
        }
    }

    /// Returns the bytes of the file, never more than it had when it was opened.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.stamp.bytes).unwrap_or(0));
        (&self.file)
            .take(self.stamp.bytes)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Tells whether an answer lies beside a request. A folder in its place counts
/// as one, since no answer can ever be put there; any other thing of that name
/// is replaced by the answer, and so is an empty file: it is what a power failure
/// may leave of one.
fn is_answered(folder: &Dir, address: &Address) -> io::Result<bool> {
    let found = look_at(folder, &address.id().response_name())?;
    Ok(found.is_some_and(|found| {
        let kind = FileType::from_raw_mode(found.st_mode);
        kind.is_dir() || (kind.is_file() && found.st_size > 0)
    }))
}

/// Tells whether an answer only says that its request could not be read, and the request
/// has changed since.
pub(super) fn is_outdated(folder: impl AsFd, id: &RequestId, known: Option<Stamp>) -> bool {
    let look = |name: &str| look_at(&folder, name).ok().flatten();
    let Some(request) = look(&id.request_name()).filter(is_file) else {
        return false;
    };
    let now = stamp(&request);
    if known == Some(now) {
        return false;
    }
    let name = id.response_name();
    let Some(answer) = look(&name).filter(is_file) else {
        return false;
    };
    // Of one that is not known only the times tell.
    let has_changed = known.is_some() || now.changed > stamp(&answer).changed;
    has_changed && answer.st_size <= MAX_REFUSAL_BYTES && says_unreadable(&folder, &name)
}

fn says_unreadable(folder: impl AsFd, name: &str) -> bool {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(file) = openat(folder, name, flags, Mode::empty()) else {
        return false;
    };
    let mut bytes = Vec::new();
    let read = File::from(file)
        .take(MAX_REFUSAL_BYTES.unsigned_abs())
        .read_to_end(&mut bytes);
    let answer = read
        .ok()
        .and_then(|_| Response::from_json(&bytes, Timestamp::MIN).ok());
    answer.is_some_and(|answer| Refusal::says_unreadable(&answer))
}

/// Returns what has a name in a folder; a link is one itself.
pub(super) fn look_at(folder: impl AsFd, name: &str) -> io::Result<Option<Stat>> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(None),
        found => Ok(Some(found?)),
    }
}

pub(super) fn is_file(found: &Stat) -> bool {
    FileType::from_raw_mode(found.st_mode).is_file()
}

pub(super) fn stamp(found: &Stat) -> Stamp {
    Stamp {
        inode: found.st_ino,
        bytes: found.st_size.unsigned_abs(),
        changed: nanos(found.st_ctime, found.st_ctime_nsec),
    }
}

/// Returns a time in nanoseconds since the epoch.
pub(super) fn nanos(seconds: impl Into<i128>, nanos: impl Into<i128>) -> i128 {
    seconds.into() * 1_000_000_000 + nanos.into()
}
