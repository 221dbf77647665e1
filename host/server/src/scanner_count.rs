//! How many scanners this process has. They share the time that may go into scans.

use std::sync::atomic::{AtomicU32, Ordering};

static N_SCANNERS: AtomicU32 = AtomicU32::new(0);

/// Counts one scanner until it is dropped.
#[derive(Debug)]
pub(crate) struct ScannerCount(());

impl ScannerCount {
    /// Counts one more.
    pub(crate) fn add_one() -> Self {
        N_SCANNERS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    /// Returns how many there are now.
    pub(crate) fn total() -> u32 {
        N_SCANNERS.load(Ordering::Relaxed)
    }
}

impl Drop for ScannerCount {
    fn drop(&mut self) {
        N_SCANNERS.fetch_sub(1, Ordering::Relaxed);
    }
}
