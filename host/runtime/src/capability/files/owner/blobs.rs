//! The files that a worker gives of a call: they lie where a call that runs here stages what it
//! writes.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use syft_manifest::Limits;
use syft_system::{SystemError, positions};

use super::super::open::NAME_BYTES;
use super::super::staging::{StagedFile, Staging};
use super::Refused;

/// The files that a worker has given so far.
pub(super) struct Blobs {
    given: HashMap<u32, Blob>,
    bytes: u64,
    most_bytes: u64,
    most_files: u64,
    /// The call has ended.
    are_taken: bool,
}

/// One of them.
pub(super) struct Blob {
    pub(super) staged: Arc<StagedFile>,
    pub(super) file: File,
    bytes: u64,
}

impl Blobs {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            given: HashMap::new(),
            bytes: 0,
            // What is copied and changed, and what is written besides.
            most_bytes: limits.written_bytes.saturating_mul(2),
            most_files: limits.written_bytes / NAME_BYTES,
            are_taken: false,
        }
    }

    pub(super) fn write(
        &mut self,
        staging: &Staging,
        blob: u32,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Refused> {
        if self.are_taken {
            return Err(Refused::Breach("it writes after the end"));
        }
        let too_much = Refused::Breach("it writes more than the call may");
        let end = offset.checked_add(bytes.len() as u64);
        let Some(end) = end.filter(|end| *end <= self.most_bytes) else {
            return Err(too_much);
        };
        let before = self.given.get(&blob).map_or(0, |blob| blob.bytes);
        let growth = end.saturating_sub(before);
        if self.bytes + growth > self.most_bytes {
            return Err(too_much);
        }
        let is_new = !self.given.contains_key(&blob);
        if is_new && self.given.len() as u64 >= self.most_files {
            return Err(too_much);
        }
        if is_new {
            self.given.insert(blob, Blob::new(staging)?);
        }
        let Some(given) = self.given.get_mut(&blob) else {
            return Err(too_much);
        };
        let written = positions::write_all_at(&given.file, bytes, offset);
        written.map_err(SystemError::from)?;
        given.bytes = given.bytes.max(end);
        self.bytes += growth;
        Ok(())
    }

    /// Takes all of them: nothing more can be given.
    pub(super) fn take(&mut self) -> HashMap<u32, Blob> {
        self.are_taken = true;
        std::mem::take(&mut self.given)
    }
}

impl Blob {
    /// Makes an empty one.
    pub(super) fn new(staging: &Staging) -> Result<Self, SystemError> {
        let (staged, file) = staging.new_file(None)?;
        Ok(Self {
            staged: Arc::new(staged),
            file,
            bytes: 0,
        })
    }

    /// Makes it as large as the worker says that it is: what it did not give is zeros.
    pub(super) fn set_len(&self, bytes: u64) -> Result<(), Refused> {
        if self.bytes > bytes {
            return Err(Refused::Breach("a file is larger than it says"));
        }
        let set = self.file.set_len(bytes);
        Ok(set.map_err(SystemError::from)?)
    }
}
