//! `wasi:cli/stdout` and `stderr` of WASI 0.3: what a guest writes to a stream of its own.
//!
//! wasmtime's only tell a guest that it has written too much, and say so in the host's log as
//! often as it tries. Here that ends the call, as it does with WASI 0.2.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use wasmtime::component::{
    Access, FutureReader, HasData, Linker, Source, StreamConsumer, StreamReader, StreamResult,
};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p3::bindings::cli::types::ErrorCode;
use wasmtime_wasi::p3::bindings::cli::{stderr, stdout};

use super::output::{Output, STDERR, STDOUT, Stream};

/// Both streams of a call.
pub(crate) struct StandardOutput {
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
}

impl StandardOutput {
    pub(crate) fn new(output: &Output) -> Self {
        Self {
            stdout: output.stream(STDOUT),
            stderr: output.stream(STDERR),
        }
    }

    /// Ends the last line of each, where the guest has not.
    pub(crate) fn end(&self) {
        self.stdout.end();
        self.stderr.end();
    }
}

/// Has a guest write there.
pub(crate) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> &mut StandardOutput,
) -> Result<()> {
    stdout::add_to_linker::<T, Given>(linker, view)?;
    stderr::add_to_linker::<T, Given>(linker, view)
}

/// Gives a guest's calls the streams.
struct Given;

impl HasData for Given {
    type Data<'a> = &'a mut StandardOutput;
}

impl stdout::Host for &mut StandardOutput {}

impl stderr::Host for &mut StandardOutput {}

impl<T: 'static> stdout::HostWithStore<T> for Given {
    fn write_via_stream(
        mut store: Access<'_, T, Self>,
        written: StreamReader<u8>,
    ) -> Result<FutureReader<Result<(), ErrorCode>>> {
        let stream = store.get().stdout.clone();
        take(store, stream, written)
    }
}

impl<T: 'static> stderr::HostWithStore<T> for Given {
    fn write_via_stream(
        mut store: Access<'_, T, Self>,
        written: StreamReader<u8>,
    ) -> Result<FutureReader<Result<(), ErrorCode>>> {
        let stream = store.get().stderr.clone();
        take(store, stream, written)
    }
}

/// Takes what is written, until the guest closes its stream. The future tells it of that.
fn take<T: 'static>(
    mut store: Access<'_, T, Given>,
    stream: Stream,
    written: StreamReader<u8>,
) -> Result<FutureReader<Result<(), ErrorCode>>> {
    let (open, closed) = oneshot::channel::<()>();
    let taker = Taker {
        stream,
        _open: open,
    };
    written.pipe(&mut store, taker)?;
    FutureReader::new(&mut store, async {
        // It ends with the taker: nothing is ever sent.
        closed.await.ok();
        Ok::<_, wasmtime::Error>(Ok(()))
    })
}

struct Taker {
    stream: Stream,
    _open: oneshot::Sender<()>,
}

impl<T> StreamConsumer<T> for Taker {
    type Item = u8;

    fn poll_consume(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        source: Source<'_, u8>,
        _finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let n_bytes = bytes.len();
        self.stream.take(bytes)?;
        source.mark_read(n_bytes);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}
