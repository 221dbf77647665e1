//! Places for connections, and the memory that the host has for each.

use std::sync::{Arc, Mutex};

use syft_manifest::Limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

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

impl Places {
    pub(super) fn new(limits: &Limits, of_app: Option<Arc<Semaphore>>, meter: &Meter) -> Self {
        Self {
            of_call: Arc::new(Semaphore::new(limits.http_connections)),
            of_app,
            meter: meter.clone(),
            headers: Mutex::new(meter.nothing(Part::Held)),
        }
    }

    /// Waits for a place. Those of the call come first: who has used them up takes none of
    /// others while waiting.
    pub(super) async fn take(&self) -> Result<Lease, MemoryRefused> {
        const OPEN: &str = "nobody closes it";
        let of_call = Arc::clone(&self.of_call).acquire_owned().await.expect(OPEN);
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

    /// Counts headers that the guest made, or that came.
    pub(super) fn hold_headers(&self, bytes: usize) -> Result<(), MemoryRefused> {
        let mut headers = self.headers.lock().expect("no holder of this lock panics");
        headers.grow(bytes)
    }
}
