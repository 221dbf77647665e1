//! Places for connections, and the memory that the host has for each.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use syft_manifest::Limits;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use wasmtime_wasi::runtime::poll_noop;

use crate::meter::{Charge, MemoryRefused, Meter, Part};

/// The most bytes of the headers of one request or answer.
pub(super) const HEADERS_BYTES: usize = 64 << 10;

/// The most bytes that a guest writes to a body at once, and of which the host holds two.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

/// What the host holds for a body that is written and not sent.
pub(super) const BODY_BYTES: usize = 2 * CHUNK_BYTES;

/// What is read and not taken, what is written and not sent, the headers of the answer, and
/// what TLS keeps: some more than that.
const CONNECTION_BYTES: usize = 512 << 10;

/// Connections of all apps of the process.
static ALL: Semaphore = Semaphore::const_new(ALL_CONNECTIONS);
const ALL_CONNECTIONS: usize = 256;

/// Where a call gets places for its connections.
pub(super) struct Places {
    of_call: Arc<Semaphore>,
    of_app: Option<Arc<Semaphore>>,
    meter: Meter,
    /// All headers of the call, which the guest may keep until it ends.
    headers: Mutex<Charge>,
}

/// A place for one connection, until this is dropped.
pub(super) struct Lease {
    _of_call: OwnedSemaphorePermit,
    _of_app: Option<OwnedSemaphorePermit>,
    _of_all: SemaphorePermit<'static>,
    _held: Charge,
}

/// A turn among the requests of a call.
pub(super) enum Turn {
    /// There was a place.
    Now(OwnedSemaphorePermit),
    /// There will be one.
    Later(Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>),
}

impl Places {
    pub(super) fn new(limits: &Limits, of_app: Option<Arc<Semaphore>>, meter: &Meter) -> Self {
        Self {
            of_call: Arc::new(Semaphore::new(limits.http_connections)),
            of_app,
            meter: meter.clone(),
            headers: Mutex::new(meter.nothing(Part::Held)),
        }
    }

    /// Takes a turn. A guest that begins many requests and takes their answers in the same
    /// order has to get places in that order: it would wait for one that comes later.
    pub(super) fn line_up(&self) -> Turn {
        let mut place = Box::pin(Arc::clone(&self.of_call).acquire_owned());
        match poll_noop(place.as_mut()) {
            Some(Ok(place)) => Turn::Now(place),
            Some(Err(_)) | None => Turn::Later(place),
        }
    }

    /// Waits for a place. Those of the call come first: who has used them up takes none of
    /// others while waiting.
    pub(super) async fn take(&self, turn: Turn) -> Result<Lease, MemoryRefused> {
        const OPEN: &str = "nobody closes it";
        let of_call = match turn {
            Turn::Now(place) => place,
            Turn::Later(place) => place.await.expect(OPEN),
        };
        let of_app = match &self.of_app {
            Some(of_app) => Some(Arc::clone(of_app).acquire_owned().await.expect(OPEN)),
            None => None,
        };
        let of_all = ALL.acquire().await.expect(OPEN);
        Ok(Lease {
            _of_call: of_call,
            _of_app: of_app,
            _of_all: of_all,
            _held: self.meter.hold(CONNECTION_BYTES)?,
        })
    }

    /// Counts what is held of the bodies of a request that others send, and of its answer.
    pub(super) fn hold_bodies(&self) -> Result<Charge, MemoryRefused> {
        self.meter.hold(BODY_BYTES)
    }

    /// Counts headers that the guest made, or that came.
    pub(super) fn hold_headers(&self, bytes: usize) -> Result<(), MemoryRefused> {
        let mut headers = self.headers.lock().expect("no holder of this lock panics");
        headers.grow(bytes)
    }
}
