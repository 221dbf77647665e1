//! Files and folders as streams of WASI 0.3.
//!
//! What is read goes into the guest's memory, and what is written comes from there, so the host
//! holds nothing of it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Destination, FutureReader, Resource, Source, StreamConsumer, StreamProducer,
    StreamReader, StreamResult,
};
use wasmtime::{Result, StoreContextMut};

use super::bindings::types::HostDescriptor as _;
use super::bindings::{self, FsError, FsResult};
use super::bindings_0_3::{DirectoryEntry, ErrorCode};
use super::listing::Listing;
use super::{FileDescriptor, Files, OpenFile};

/// The most bytes that are moved before others have their turn.
const CHUNK_BYTES: usize = 64 << 10;

/// What is held of a file that the host itself reads into another stream: no more than is
/// counted for the stream.
const BUFFER_BYTES: usize = 2 << 10;

/// How often in a row that may happen.
const BUFFERS_AT_ONCE: usize = 32;

/// What a guest learns when a stream has ended.
type Ended = FutureReader<Result<(), ErrorCode>>;

/// Returns a file as a stream, from one offset on.
pub(super) fn read_file<T: Send + 'static>(
    mut store: Access<'_, T, Files>,
    descriptor: &Resource<FileDescriptor>,
    offset: u64,
) -> Result<(StreamReader<u8>, Ended)> {
    let file = (store.get().descriptor(descriptor)).and_then(|it| Ok(Arc::clone(it.readable()?)));
    match told(file)? {
        Ok(file) => {
            let (end, ended) = End::new();
            let reading = Reading {
                file,
                offset,
                n_buffers: 0,
                end,
            };
            let stream = StreamReader::new(&mut store, reading)?;
            Ok((stream, ended.reader(&mut store)?))
        }
        Err(code) => {
            let stream = StreamReader::new(&mut store, std::iter::empty())?;
            Ok((stream, failed(&mut store, code)?))
        }
    }
}

/// Has a file take a stream, at an offset or at its end.
pub(super) fn write_file<T: Send + 'static>(
    mut store: Access<'_, T, Files>,
    descriptor: &Resource<FileDescriptor>,
    mut written: StreamReader<u8>,
    offset: Option<u64>,
) -> Result<Ended> {
    let file = (store.get().descriptor(descriptor)).and_then(|it| Ok(Arc::clone(it.writable()?)));
    match told(file)? {
        Ok(file) => {
            let (end, ended) = End::new();
            written.pipe(&mut store, Writing { file, offset, end })?;
            ended.reader(&mut store)
        }
        Err(code) => {
            written.close(&mut store)?;
            failed(&mut store, code)
        }
    }
}

/// Returns what is in a folder.
pub(super) fn read_directory<T: Send + 'static>(
    mut store: Access<'_, T, Files>,
    descriptor: &Resource<FileDescriptor>,
) -> Result<(StreamReader<DirectoryEntry>, Ended)> {
    let mut files = store.get();
    let same = Resource::new_borrow(descriptor.rep());
    let listing = files
        .read_directory(same)
        .and_then(|listing| Ok(files.table.delete(listing)?));
    match told(listing)? {
        Ok(listing) => {
            let (end, ended) = End::new();
            let stream = StreamReader::new(&mut store, Showing { listing, end })?;
            Ok((stream, ended.reader(&mut store)?))
        }
        Err(code) => {
            let stream = StreamReader::new(&mut store, std::iter::empty())?;
            Ok((stream, failed(&mut store, code)?))
        }
    }
}

/// Returns what a guest is told, of what does not end it.
fn told<Value>(result: FsResult<Value>) -> Result<Result<Value, ErrorCode>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(FsError::Code(code)) => Ok(Err(code.into())),
        Err(FsError::Trap(error)) => Err(error),
    }
}

fn failed<T: Send + 'static>(
    store: &mut Access<'_, T, Files>,
    code: ErrorCode,
) -> Result<FutureReader<Result<(), ErrorCode>>> {
    FutureReader::new(store, async { Ok::<_, wasmtime::Error>(Err(code)) })
}

/// Tells a guest how its stream ended: well, if it is dropped before it failed.
struct End(Option<oneshot::Sender<ErrorCode>>);

struct EndReader(oneshot::Receiver<ErrorCode>);

impl End {
    fn new() -> (Self, EndReader) {
        let (end, ended) = oneshot::channel();
        (Self(Some(end)), EndReader(ended))
    }

    fn fail(&mut self, code: bindings::ErrorCode) -> StreamResult {
        if let Some(end) = self.0.take() {
            // Nobody may want to know.
            end.send(code.into()).ok();
        }
        StreamResult::Dropped
    }
}

impl EndReader {
    fn reader<T: Send + 'static>(self, store: &mut Access<'_, T, Files>) -> Result<Ended> {
        FutureReader::new(store, async {
            Ok::<_, wasmtime::Error>(match self.0.await {
                Ok(code) => Err(code),
                Err(_) => Ok(()),
            })
        })
    }
}

struct Reading {
    file: Arc<OpenFile>,
    offset: u64,
    /// What the host itself has read since others had their turn.
    n_buffers: usize,
    end: End,
}

impl<T> StreamProducer<T> for Reading {
    type Item = u8;
    type Buffer = bytes::BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        destination: Destination<'a, u8, Self::Buffer>,
        _finish: bool,
    ) -> Poll<Result<StreamResult>> {
        match destination.remaining(&mut store) {
            Some(0) => return Poll::Ready(Ok(StreamResult::Completed)),
            Some(_) => {}
            None if self.n_buffers == BUFFERS_AT_ONCE => {
                // From stream to stream it would go on to the end of the file at once.
                self.n_buffers = 0;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => self.n_buffers += 1,
        }
        let mut destination = destination.as_direct(store, BUFFER_BYTES);
        let room = destination.remaining();
        let n_wanted = room.len().min(CHUNK_BYTES);
        let n_read = match self.file.read_into(&mut room[..n_wanted], self.offset) {
            Ok(n_read) => n_read,
            Err(code) => return Poll::Ready(Ok(self.end.fail(code))),
        };
        if n_read == 0 {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        destination.mark_written(n_read);
        self.offset += n_read as u64;
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

struct Writing {
    file: Arc<OpenFile>,
    /// `None` appends.
    offset: Option<u64>,
    end: End,
}

impl<T> StreamConsumer<T> for Writing {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        source: Source<'_, u8>,
        _finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let bytes = &bytes[..bytes.len().min(CHUNK_BYTES)];
        let n_bytes = bytes.len();
        if n_bytes == 0 {
            // The guest asks whether it could write.
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let written = match self.offset {
            Some(offset) => self.file.write_all(bytes, offset),
            None => self.file.append(bytes),
        };
        if let Err(code) = written {
            return Poll::Ready(Ok(self.end.fail(code)));
        }
        self.offset = self.offset.map(|offset| offset + n_bytes as u64);
        source.mark_read(n_bytes);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

struct Showing {
    listing: Listing,
    end: End,
}

impl<T> StreamProducer<T> for Showing {
    type Item = DirectoryEntry;
    type Buffer = Option<DirectoryEntry>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        mut destination: Destination<'a, DirectoryEntry, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        // Where it stops to give way, it has not taken an entry that is shown.
        let next = pin!(self.listing.next()).poll(context);
        match next {
            Poll::Ready(Ok(Some(entry))) => {
                destination.set_buffer(Some(entry.into()));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Ready(Err(errno)) => Poll::Ready(Ok(self.end.fail(errno.into()))),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
