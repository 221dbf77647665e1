//! A file of another machine that a call has open: a private file of the worker with the same
//! content. Of a large one it has the parts that were read.

use std::collections::HashSet;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::file_events::FileStamp;
use syft_system::{Stat, SystemError, positions};

use super::super::bindings::{ErrorCode, FsError, FsResult};
use super::super::tree::TreeFile;
use super::part_cache::PartKey;
use super::{Mirror, UNPOISONED};
use crate::wire::{
    FileContent, FileNote, FileReply, FileWant, FoundThing, MOST_FILE_BYTES, Opened,
};

/// What is fetched of a file at a time.
const PART_BYTES: u64 = MOST_FILE_BYTES as u64;

/// The most of one open file that takes room on the disk of the worker.
pub(super) const MOST_HERE_BYTES: u64 = 1 << 30;

/// What stands for a file of another machine.
pub(in super::super) struct AwayFile {
    stat: Stat,
    stamp: Option<FileStamp>,
    /// Where the content comes from, if it is not all here.
    parts: Option<Parts>,
}

struct Parts {
    mirror: Arc<Mirror>,
    handle: u32,
    bytes: u64,
    key: PartKey,
    here: Mutex<HashSet<u64>>,
}

impl Mirror {
    /// Returns what stands for a file that the owner's host has opened.
    pub(super) fn file_of(self: &Arc<Self>, opened: Opened) -> Result<TreeFile, SystemError> {
        let Opened { found, content } = opened;
        let parts = self.parts(&found, &content);
        let away = AwayFile {
            stat: super::stat(&found),
            stamp: super::stamp(&found),
            parts,
        };
        let file = match (&content, &found) {
            (FileContent::Whole(bytes), FoundThing::File(seen))
                if bytes.len() as u64 == seen.stamp.bytes =>
            {
                let file = self.place.make_file()?;
                positions::write_all_at(&file, bytes, 0)?;
                file
            }
            (FileContent::InParts(_), FoundThing::File(seen)) => {
                let file = self.place.make_file()?;
                file.set_len(seen.stamp.bytes)?;
                file
            }
            (FileContent::None, FoundThing::Folder(_)) => return Err(SystemError::IsAFolder),
            (FileContent::None, FoundThing::Unfit) => return Err(SystemError::NotAFile),
            _ => return Err(SystemError::Io(0)),
        };
        Ok(TreeFile::of_other(file, away))
    }

    fn parts(self: &Arc<Self>, found: &FoundThing, content: &FileContent) -> Option<Parts> {
        let FileContent::InParts(handle) = content else {
            return None;
        };
        let seen = match found {
            FoundThing::File(seen) => seen,
            // It is closed, and opens nothing.
            _ => {
                self.note(FileNote::Closed(*handle));
                return None;
            }
        };
        Some(Parts {
            mirror: Arc::clone(self),
            handle: *handle,
            bytes: seen.stamp.bytes,
            key: PartKey::new(&self.owner, seen),
            here: Mutex::default(),
        })
    }
}

impl AwayFile {
    pub(in super::super) fn stat(&self) -> Stat {
        self.stat
    }

    pub(in super::super) fn stamp(&self) -> Option<FileStamp> {
        self.stamp
    }

    /// Tells whether all of it is here.
    pub(in super::super) fn is_whole(&self) -> bool {
        let parts = self.parts.as_ref();
        parts.is_none_or(|parts| parts.are_here(0, parts.bytes))
    }

    /// Tells whether some bytes from an offset on are here, as far as there are so many.
    pub(in super::super) fn has(&self, offset: u64, bytes: u64) -> bool {
        let parts = self.parts.as_ref();
        parts.is_none_or(|parts| parts.are_here(offset, bytes))
    }

    /// Waits until some bytes from an offset on are here.
    pub(in super::super) async fn fetch(&self, to: &File, offset: u64, bytes: u64) -> FsResult<()> {
        match &self.parts {
            Some(parts) => parts.fetch(to, offset, bytes).await,
            None => Ok(()),
        }
    }
}

impl AwayFile {
    /// Waits until all of it is here; says why that cannot be.
    pub(in super::super) async fn fetch_whole(
        &self,
        to: &File,
    ) -> FsResult<Result<(), SystemError>> {
        let Some(parts) = &self.parts else {
            return Ok(Ok(()));
        };
        match parts.fetch(to, 0, parts.bytes).await {
            // It has changed since it was opened.
            Err(FsError::Code(ErrorCode::Io)) => Ok(Err(SystemError::Stale)),
            fetched => fetched.map(Ok),
        }
    }
}

impl Parts {
    fn here(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.here.lock().expect(UNPOISONED)
    }

    /// Returns the numbers of the parts with some bytes from an offset on.
    fn of(&self, offset: u64, bytes: u64) -> std::ops::Range<u64> {
        let end = offset.saturating_add(bytes).min(self.bytes);
        if offset >= end {
            return 0..0;
        }
        offset / PART_BYTES..end.div_ceil(PART_BYTES)
    }

    fn are_here(&self, offset: u64, bytes: u64) -> bool {
        self.missing(offset, bytes).is_none()
    }

    /// Returns the first of them that is not here.
    fn missing(&self, offset: u64, bytes: u64) -> Option<u64> {
        let here = self.here();
        self.of(offset, bytes).find(|part| !here.contains(part))
    }

    async fn fetch(&self, to: &File, offset: u64, bytes: u64) -> FsResult<()> {
        while let Some(part) = self.missing(offset, bytes) {
            let start = part * PART_BYTES;
            let content = self.part(part, start).await?;
            let mut here = self.here();
            if here.len() as u64 * PART_BYTES >= MOST_HERE_BYTES {
                // What is needed again is fetched again.
                to.set_len(0)
                    .and_then(|()| to.set_len(self.bytes))
                    .map_err(SystemError::from)?;
                here.clear();
            }
            positions::write_all_at(to, &content, start).map_err(SystemError::from)?;
            here.insert(part);
        }
        Ok(())
    }

    /// Returns a part: as it was read before, or as the owner's host reads it now. A file that has
    /// changed since it was opened is not read any further: what is here is of one version.
    async fn part(&self, part: u64, start: u64) -> FsResult<Vec<u8>> {
        let wanted = PART_BYTES.min(self.bytes - start);
        let bytes = usize::try_from(wanted).map_err(|_| ErrorCode::Io)?;
        let cache = self.mirror.place.cache();
        if let Some(known) = cache.get(&self.key, part, bytes) {
            return Ok(known);
        }
        let want = FileWant::Read {
            handle: self.handle,
            offset: start,
            bytes: u32::try_from(bytes).map_err(|_| ErrorCode::Io)?,
        };
        match self.mirror.ask(want).await? {
            FileReply::Part(content) if content.len() == bytes => {
                cache.put(&self.key, part, &content);
                Ok(content)
            }
            FileReply::Fault(fault) => Err(SystemError::from(fault).into()),
            _ => Err(self.mirror.mistold()),
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.mirror.note(FileNote::Closed(self.handle));
    }
}
