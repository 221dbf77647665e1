//! What tests stand on: built guests, a throw-away site, a running host.

pub mod client;
pub mod guests;
pub mod host;
pub mod site;

use std::time::{Duration, Instant};

/// The longest that anything may take before a test fails. Far more than it
/// needs on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is there.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
