//! The memory that the owner lets all apps take together, and how it is shared out.

mod pool;

use syft_manifest::units::show_size;

pub use pool::{MemoryPool, Room, Share};

/// Less than this would not hold a single call with the usual limits.
pub const LEAST_TOTAL: usize = 256 << 20;

/// An eighth is for requests that were read, an eighth for memory that programs keep from
/// one call to the next, and the rest for calls. Each has its own, so that nobody who holds
/// some of one waits for another who holds some of the other.
const PARTS: usize = 8;

/// What all apps of the process may take.
#[derive(Clone, Debug)]
pub struct Memory {
    total: usize,
    calls: MemoryPool,
    requests: MemoryPool,
}

/// What an app takes of it.
#[derive(Clone, Debug)]
pub struct AppMemory {
    pub(crate) calls: Share,
    /// For requests that are read and answers that are written.
    pub requests: Share,
}

impl Memory {
    /// Returns memory of which all apps together get so many bytes.
    pub fn new(total: usize) -> Self {
        let part = total / PARTS;
        Self {
            total,
            calls: MemoryPool::new(total - 2 * part),
            requests: MemoryPool::new(part),
        }
    }

    /// Returns memory that bounds nothing but each call by itself, for commands that run
    /// one app for a moment.
    pub fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    /// Says in the log how much it is.
    pub fn tell(&self) {
        let memory_total = show_size(self.total as u64);
        tracing::info!(memory_total, "all apps together take no more memory");
    }

    /// Returns all of it in bytes.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Returns the most that one call can get.
    pub fn most_of_a_call(&self) -> usize {
        self.calls.total()
    }

    /// Returns the most that each of so many programs may keep between calls.
    pub fn kept_by_each(&self, n_programs: usize) -> usize {
        self.total / PARTS / n_programs.max(1)
    }

    /// Returns the memory of one app more.
    pub(crate) fn share(&self) -> AppMemory {
        AppMemory {
            calls: self.calls.share(),
            requests: self.requests.share(),
        }
    }
}
