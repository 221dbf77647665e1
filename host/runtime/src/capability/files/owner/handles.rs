//! What a worker has open of a call: files that are too large to be told whole, and folders that are
//! being listed. Each takes one of the places that the call has for open files.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use syft_system::{Stat, StatTime, SystemError, positions, ticks};

use super::super::guard::Slot;
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
pub(super) struct SettledFile {
    file: File,
    stamp: SeenStamp,
}

/// One that is read part by part.
pub(super) struct HeldFile {
    settled: SettledFile,
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

impl SettledFile {
    /// Waits until a change of the file would show in its times.
    pub(super) async fn settled(file: File) -> Result<Self, Refused> {
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
        Err(Refused::Fault(SystemError::Stale))
    }

    pub(super) fn stamp(&self) -> SeenStamp {
        self.stamp
    }

    /// Reads all of it.
    pub(super) fn whole(&self) -> Result<Vec<u8>, Refused> {
        let bytes = usize::try_from(self.stamp.bytes).map_err(|_| SystemError::OutOfMemory)?;
        self.read(0, bytes)
    }

    /// Reads a part, which is one of the state that was opened, or nothing.
    fn read(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, Refused> {
        let left = self.stamp.bytes.saturating_sub(offset);
        let most = usize::try_from(left).map_or(bytes, |left| left.min(bytes));
        let mut part = vec![0; most];
        let read = positions::read_exact_at(&self.file, &mut part, offset);
        if !self.is_unchanged()? {
            return Err(Refused::Fault(SystemError::Stale));
        }
        read.map_err(SystemError::from)?;
        Ok(part)
    }

    /// Tells whether the content is the same. Of a file that was replaced meanwhile other times than
    /// these have changed with that.
    fn is_unchanged(&self) -> Result<bool, Refused> {
        let found = Stat::of(&self.file)?;
        let SeenStamp {
            bytes,
            modified,
            changed,
            ..
        } = self.stamp;
        let is = |found: StatTime, then| (found.seconds, found.nanos) == then;
        let is_untouched = found.links == 0 || is(found.changed, changed);
        Ok(found.bytes == bytes && is(found.modified, modified) && is_untouched)
    }

    /// Keeps it open in the place of a slot.
    pub(super) fn held(self, mut slot: Slot) -> Arc<HeldFile> {
        slot.opened();
        Arc::new(HeldFile {
            settled: self,
            _slot: slot,
        })
    }
}

impl HeldFile {
    pub(super) fn read(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, Refused> {
        self.settled.read(offset, bytes)
    }
}

/// Returns how long a change may still leave the same times.
fn until_settled(file: &File, stamp: &SeenStamp) -> Duration {
    let (seconds, nanos) = stamp.changed;
    let tick = ticks::of_file(file, StatTime { seconds, nanos }).min(LONGEST_WAIT);
    let since = Duration::new(u64::try_from(seconds).unwrap_or(0), nanos);
    let changed = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
    let age = SystemTime::now().duration_since(changed);
    tick.saturating_sub(age.unwrap_or_default())
}
