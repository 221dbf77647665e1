//! What a worker has open of a call: files that are too large to be told whole, and folders that are
//! being listed. Each takes one of the places that the call has for open files.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::fstat;
use rustix::io::Errno;
use syft_protocol::file_events::FileStamp;

use super::super::guard::Slot;
use super::super::tick::tick;
use super::look::stamp;
use super::{Listed, Refused};
use crate::wire::SeenStamp;

/// The longest wait until a change of a file can be told from what was before. A file system that
/// knows only seconds is believed sooner than it should be.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How often a file is looked at that is being written.
const MOST_LOOKS: usize = 5;

/// What a worker has open.
#[derive(Default)]
pub(super) struct Handles {
    held: HashMap<u32, Held>,
    next: u32,
}

pub(super) enum Held {
    File(Arc<HeldFile>),
    Folder(Box<Listed>),
}

/// A file that was opened, and of which the content is that of its stamp.
pub(super) struct OpenedFile {
    file: File,
    stamp: SeenStamp,
}

/// One that is read part by part.
pub(super) struct HeldFile {
    opened: OpenedFile,
    _slot: Slot,
}

impl Handles {
    /// Keeps something open, and returns its number.
    pub(super) fn add(&mut self, held: Held) -> u32 {
        // Numbers are used again after four thousand million files.
        while self.held.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let handle = self.next;
        self.next = self.next.wrapping_add(1);
        self.held.insert(handle, held);
        handle
    }

    pub(super) fn get(&self, handle: u32) -> Option<&Held> {
        self.held.get(&handle)
    }

    /// Takes out what is open by a number.
    pub(super) fn take(&mut self, handle: u32) -> Option<Held> {
        self.held.remove(&handle)
    }

    /// Puts a folder back that was taken out to go on with it.
    pub(super) fn put_back(&mut self, handle: u32, folder: Box<Listed>) {
        self.held.insert(handle, Held::Folder(folder));
    }
}

impl OpenedFile {
    /// Waits until a change of the file would show in its times.
    pub(super) async fn settled(file: OwnedFd) -> Result<Self, Refused> {
        let file = File::from(file);
        for _ in 0..MOST_LOOKS {
            let before = stamp(&file)?;
            let wait = until_settled(&file, &before);
            if wait > Duration::ZERO {
                tokio::time::sleep(wait).await;
            }
            if stamp(&file)? == before {
                let stamp = before;
                return Ok(Self { file, stamp });
            }
        }
        Err(Refused::Fault(Errno::STALE))
    }

    pub(super) fn stamp(&self) -> SeenStamp {
        self.stamp
    }

    /// Reads all of it.
    pub(super) fn whole(&self) -> Result<Vec<u8>, Refused> {
        let bytes = usize::try_from(self.stamp.bytes).map_err(|_| Errno::NOMEM)?;
        self.read(0, bytes)
    }

    /// Reads a part, which is one of the state that was opened, or nothing.
    fn read(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, Refused> {
        let left = self.stamp.bytes.saturating_sub(offset);
        let most = usize::try_from(left).map_or(bytes, |left| left.min(bytes));
        let mut part = vec![0; most];
        let read = self.file.read_exact_at(&mut part, offset);
        if !self.is_unchanged()? {
            return Err(Refused::Fault(Errno::STALE));
        }
        read.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Ok(part)
    }

    /// Tells whether the content is the same. Of a file that was replaced meanwhile other times than
    /// these have changed with that.
    fn is_unchanged(&self) -> Result<bool, Refused> {
        let stat = fstat(&self.file)?;
        let SeenStamp {
            bytes,
            modified,
            changed,
            ..
        } = self.stamp;
        let is_as_long = u64::try_from(stat.st_size) == Ok(bytes);
        let is = |seconds: i64, nanos: u64, time: (i64, u32)| {
            (seconds, nanos) == (time.0, u64::from(time.1))
        };
        let is_unwritten = is(stat.st_mtime, stat.st_mtime_nsec, modified);
        let is_untouched = stat.st_nlink == 0 || is(stat.st_ctime, stat.st_ctime_nsec, changed);
        Ok(is_as_long && is_unwritten && is_untouched)
    }

    /// Keeps it open in the place of a slot.
    pub(super) fn held(self, mut slot: Slot) -> Arc<HeldFile> {
        slot.opened();
        Arc::new(HeldFile {
            opened: self,
            _slot: slot,
        })
    }
}

impl HeldFile {
    pub(super) fn read(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, Refused> {
        self.opened.read(offset, bytes)
    }
}

/// Returns how long a change may still leave the same times.
fn until_settled(file: &File, stamp: &SeenStamp) -> Duration {
    let tick = tick(file.as_fd(), &FileStamp::from(stamp)).min(LONGEST_WAIT);
    let (seconds, nanos) = stamp.changed;
    let since = Duration::new(u64::try_from(seconds).unwrap_or(0), nanos);
    let changed = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
    let age = SystemTime::now().duration_since(changed);
    tick.saturating_sub(age.unwrap_or_default())
}
