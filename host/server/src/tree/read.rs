//! Reads request files, which are as hostile as anything can be.

use std::fs::File;
use std::io::{self, Read};

use syft_protocol::address::{Address, RequestId};
use syft_protocol::inbox::{Content, Refusal, Stamp, Version};
use syft_protocol::message::Response;
use syft_protocol::timestamp::Timestamp;
use syft_system::{Dir, Open, Stat, StatTime, SystemError, is_absent};

use super::Tree;

/// The most bytes of an answer that says that its request could not be read: its text is
/// cut, and the URL in it bounded.
const MAX_REFUSAL_BYTES: u64 = 64 << 10;

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
    if !look_at(folder, &name)?.is_some_and(|found| found.is_file()) {
        return Ok(OpenedRequest::Absent);
    }
    open_to_read(folder, &name)
}

pub(super) fn open_to_read(folder: &Dir, name: &str) -> io::Result<OpenedRequest> {
    match folder.open_file(name, Open::READ) {
        Err(SystemError::NotAFile | SystemError::IsAFolder) => Ok(OpenedRequest::Absent),
        Err(error) => Err(error.into()),
        Ok(opened) => Ok(OpenedRequest::File(RequestFile {
            stamp: stamp(&opened.found),
            born: opened.found.born.map(StatTime::nanos_since_1970),
            file: opened.file,
        })),
    }
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
    Ok(found.is_some_and(|found| found.is_folder() || (found.is_file() && found.bytes > 0)))
}

/// Tells whether an answer only says that its request could not be read, and the request
/// has changed since.
pub(super) fn is_outdated(folder: &Dir, id: &RequestId, known: Option<Stamp>) -> bool {
    let look = |name: &str| look_at(folder, name).ok().flatten();
    let Some(request) = look(&id.request_name()).filter(Stat::is_file) else {
        return false;
    };
    let now = stamp(&request);
    if known == Some(now) {
        return false;
    }
    let name = id.response_name();
    let Some(answer) = look(&name).filter(Stat::is_file) else {
        return false;
    };
    // Of one that is not known only the times tell.
    let has_changed = known.is_some() || now.changed > stamp(&answer).changed;
    has_changed && answer.bytes <= MAX_REFUSAL_BYTES && says_unreadable(folder, &name)
}

fn says_unreadable(folder: &Dir, name: &str) -> bool {
    let Ok(opened) = folder.open_file(name, Open::READ) else {
        return false;
    };
    let mut bytes = Vec::new();
    let read = opened.file.take(MAX_REFUSAL_BYTES).read_to_end(&mut bytes);
    let answer = read
        .ok()
        .and_then(|_| Response::from_json(&bytes, Timestamp::MIN).ok());
    answer.is_some_and(|answer| Refusal::says_unreadable(&answer))
}

/// Returns what has a name in a folder; a link is one itself.
pub(super) fn look_at(folder: &Dir, name: &str) -> Result<Option<Stat>, SystemError> {
    match folder.look(name) {
        Err(SystemError::NotFound) => Ok(None),
        found => found.map(Some),
    }
}

pub(super) fn stamp(found: &Stat) -> Stamp {
    Stamp {
        inode: found.id.file,
        bytes: found.bytes,
        changed: found.changed.nanos_since_1970(),
    }
}
