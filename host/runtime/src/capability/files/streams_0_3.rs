//! Files and folders as streams of WASI 0.3.
//!
//! What is read goes into the guest's memory, and what is written comes from there, so the host
//! holds nothing of it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Destination, FutureReader, Resource, Source, StreamConsumer, StreamProducer,
    StreamReader, StreamResult,
};
use wasmtime::{Result, StoreContextMut};

use super::bindings::{self, FsError, FsResult};
use super::bindings_0_3::{DirectoryEntry, ErrorCode};
use super::listing::Listing;
use super::mirror::{Need, wait_for};
use super::{FileDescriptor, Files, OpenFile};
use crate::wire::ListPurpose;

/// The most bytes that are moved before others have their turn.
const CHUNK_BYTES: usize = 64 << 10;

/// What is held of a file that the host itself reads into another stream: no more than is
/// counted for the stream.
const BUFFER_BYTES: usize = 2 << 10;

/// How often in a row that may happen.
const BUFFERS_AT_ONCE: usize = 32;

/// Something that is on its way from another machine.
type Waiting<Value> = Pin<Box<dyn Future<Output = FsResult<Value>> + Send>>;

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
                fetching: None,
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
    let files = store.get();
    let needs = files.needs_of(descriptor, Need::List(ListPurpose::Show));
    let folder = (files.descriptor(descriptor)).and_then(|it| Ok(it.folder()?.clone()));
    let guard = files.files.clone();
    let listing = folder.and_then(|path| match needs {
        None => Ok(Showing::Listing(Box::new(guard.listing(path)?))),
        needs => Ok(Showing::Opening(Box::pin(async move {
            wait_for(needs).await?;
            guard.listing(path)
        }))),
    });
    match told(listing)? {
        Ok(listing) => {
            let (end, ended) = End::new();
            let stream = StreamReader::new(&mut store, Shown { listing, end })?;
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
    /// Until what is read next is here.
    fetching: Option<Waiting<()>>,
    end: End,
}

impl Reading {
    /// Waits until so many bytes can be read.
    fn poll_fetch(&mut self, size: usize, context: &mut Context<'_>) -> Poll<FsResult<()>> {
        while !self.file.has(size, self.offset) {
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            let fetching = self
                .fetching
                .get_or_insert_with(|| Box::pin(async move { file.fetch(size, offset).await }));
            let fetched = ready!(fetching.as_mut().poll(context));
            self.fetching = None;
            fetched?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T> StreamProducer<T> for Reading {
    type Item = u8;
    type Buffer = bytes::BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        destination: Destination<'a, u8, Self::Buffer>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.poll_fetch(CHUNK_BYTES, context) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(FsError::Code(code))) => return Poll::Ready(Ok(self.end.fail(code))),
            Poll::Ready(Err(FsError::Trap(error))) => return Poll::Ready(Err(error)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        match destination.remaining(&mut store) {
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

/// What is in a folder, which may have to be waited for.
enum Showing {
    Opening(Waiting<Listing>),
    Listing(Box<Listing>),
}

struct Shown {
    listing: Showing,
    end: End,
}

impl Showing {
    /// Returns the next entry. Where it stops to give way, it has not taken an entry that is shown.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<FsResult<Option<DirectoryEntry>>> {
        if let Self::Opening(opening) = self {
            let listing = ready!(opening.as_mut().poll(context))?;
            *self = Self::Listing(Box::new(listing));
        }
        match self {
            Self::Listing(listing) => {
                let next = ready!(pin!(listing.next()).poll(context))?;
                Poll::Ready(Ok(next.map(DirectoryEntry::from)))
            }
            Self::Opening(_) => Poll::Pending,
        }
    }
}

impl<T> StreamProducer<T> for Shown {
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
        match self.listing.poll_next(context) {
            Poll::Ready(Ok(Some(entry))) => {
                destination.set_buffer(Some(entry));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Ready(Err(FsError::Code(code))) => Poll::Ready(Ok(self.end.fail(code))),
            Poll::Ready(Err(FsError::Trap(error))) => Poll::Ready(Err(error)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
