//! Files as streams. They are regular files of this machine: reading and writing
//! them does not wait for anybody, so nothing is handed to another thread. Parts of a file of
//! another machine are waited for before they are read.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use syft_system::{SystemError, positions};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::OpenFile;
use super::bindings::{ErrorCode, FsError, FsResult};
use super::tree::TreeFile;

/// The most bytes that one call moves.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

/// A file being read from one offset on.
pub(super) struct ReadStream {
    file: Arc<OpenFile>,
    offset: u64,
    /// Why what is to be read next is not there.
    fault: Option<FsError>,
}

impl ReadStream {
    pub(super) fn new(file: Arc<OpenFile>, offset: u64) -> Self {
        let fault = None;
        Self {
            file,
            offset,
            fault,
        }
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for ReadStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if let Some(fault) = self.fault.take() {
            return Err(match fault {
                FsError::Code(code) => failed(code),
                FsError::Trap(error) => StreamError::Trap(error),
            });
        }
        if !self.file.has(CHUNK_BYTES.min(size), self.offset) {
            // Whoever wants to read waits until it is ready.
            return Ok(Bytes::new());
        }
        let bytes = self.file.read(size, self.offset).map_err(failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset += bytes.len() as u64;
        Ok(Bytes::from(bytes))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for ReadStream {
    async fn ready(&mut self) {
        self.fault = self.file.fetch(CHUNK_BYTES, self.offset).await.err();
    }
}

/// A file being written from one offset on, or at its end.
pub(super) struct WriteStream {
    pub(super) file: Arc<OpenFile>,
    /// `None` appends.
    pub(super) offset: Option<u64>,
}

#[wasmtime_wasi::async_trait]
impl OutputStream for WriteStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        match &mut self.offset {
            Some(offset) => {
                self.file.write_all(&bytes, *offset).map_err(failed)?;
                *offset += bytes.len() as u64;
            }
            None => self.file.append(&bytes).map_err(failed)?,
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for WriteStream {
    async fn ready(&mut self) {}
}

fn failed(code: ErrorCode) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(code))
}

impl OpenFile {
    /// Tells whether a part of the file can be read without waiting for it.
    pub(super) fn has(&self, size: usize, offset: u64) -> bool {
        let away = self.current().away();
        away.is_none_or(|away| away.has(offset, size as u64))
    }

    /// Waits until a part of the file can be read.
    pub(super) async fn fetch(&self, size: usize, offset: u64) -> FsResult<()> {
        let file = self.current();
        match file.away() {
            Some(away) => away.fetch(file.file(), offset, size as u64).await,
            None => Ok(()),
        }
    }

    /// Waits until the file can be copied to be changed, if it may be as large as it is.
    pub(super) async fn fetch_to_change(&self) -> FsResult<()> {
        let file = self.current();
        let Some(away) = file.away() else {
            return Ok(());
        };
        if file.bytes()? > self.guard.most_fetched() {
            return Ok(());
        }
        Ok(away.fetch_whole(file.file()).await??)
    }

    pub(super) fn read(&self, size: usize, offset: u64) -> Result<Vec<u8>, ErrorCode> {
        let mut bytes = vec![0; size.min(CHUNK_BYTES)];
        let n_read = self.read_into(&mut bytes, offset)?;
        bytes.truncate(n_read);
        Ok(bytes)
    }

    pub(super) fn read_into(&self, bytes: &mut [u8], offset: u64) -> Result<usize, ErrorCode> {
        loop {
            match positions::read_at(self.current().file(), bytes, offset) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => return result.map_err(code),
            }
        }
    }

    pub(super) fn write_all(&self, bytes: &[u8], offset: u64) -> Result<(), ErrorCode> {
        self.guard.spend(&self.path, self.growth(bytes, offset)?)?;
        self.changing(|file| positions::write_all_at(file, bytes, offset))?
            .map_err(code)
    }

    /// Returns what a write takes from the budget: its bytes, or what the file
    /// grows by where it leaves a hole.
    fn growth(&self, bytes: &[u8], offset: u64) -> Result<u64, ErrorCode> {
        let (n_bytes, length) = (bytes.len() as u64, self.current().bytes()?);
        let hole = offset.saturating_sub(length);
        Ok(hole.saturating_add(n_bytes))
    }

    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), ErrorCode> {
        self.guard.spend(&self.path, bytes.len() as u64)?;
        self.changing(|file| positions::append(file, bytes))?
            .map_err(code)
    }

    /// Changes the file, and takes note of it.
    pub(super) fn changing<T>(&self, change: impl FnOnce(&File) -> T) -> Result<T, ErrorCode> {
        let file = self.to_change()?;
        let look = || file.stamp();
        self.guard
            .changing(&self.path, look, || change(file.file()))
    }

    /// Returns the file as it is for the call: another one, if the call has changed it.
    pub(super) fn current(&self) -> &TreeFile {
        let staging = self.guard.staging(&self.path).filter(|_| self.is_in_tree);
        let Some(staging) = staging else {
            return &self.file;
        };
        if self.copy.get().is_none()
            && let Some(copy) = staging.copy_of(&self.file)
        {
            return self.copy.get_or_init(|| copy);
        }
        self.copy.get().unwrap_or(&self.file)
    }

    /// Returns the file to be changed: a copy, if it lies in the tree and the call stages what it
    /// changes.
    fn to_change(&self) -> Result<&TreeFile, ErrorCode> {
        let staging = self.guard.staging(&self.path).filter(|_| self.is_in_tree);
        let Some(staging) = staging.filter(|_| self.copy.get().is_none()) else {
            return Ok(self.current());
        };
        let copy = staging.copy(&self.path, &self.file);
        let copy = copy.map_err(|error| self.guard.not_copied(&self.path, error))?;
        Ok(self.copy.get_or_init(|| copy))
    }
}

fn code(error: std::io::Error) -> ErrorCode {
    SystemError::from(error).into()
}
