//! What tests stand on: built guests, a throw-away site, a running host.

pub mod apps;
pub mod bloated;
pub mod bombs;
pub mod browser;
pub mod client;
pub mod failures;
pub mod guests;
pub mod host;
pub mod http_client;
pub mod installed;
pub mod language_model;
pub mod loopback;
pub mod nats;
pub mod people;
pub mod planted;
pub mod random;
pub mod remote;
pub mod sections;
pub mod site;
pub mod tools;
pub mod web;
pub mod wheels;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest that anything may take before a test fails. Far more than it
/// needs on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is there.
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_within(PATIENCE, what, look)
}

/// Waits for what takes a build of a crate with all that it depends on.
pub fn wait_long_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_within(20 * PATIENCE, what, look)
}

fn wait_within<T>(time: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < time, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Says past the capturing of output that a test could not be run on this machine.
/// Under CI that fails it.
pub fn not_run(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    tell_not_run(why);
}

/// Says past the capturing of output that a test could not be run on this machine.
pub fn tell_not_run(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let message = format!("\n{test}: NOT RUN, {why}\n");
    io::stderr().write_all(message.as_bytes()).unwrap();
}

/// Compares with what a file says, which `BLESS=1` rewrites.
pub fn blessed(path: &Path, found: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, found).unwrap();
    }
    let expected = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}; BLESS=1 writes it", path.display()));
    assert!(
        expected == found,
        "{} says:\n{expected}\nbut found:\n{found}\nBLESS=1 rewrites it",
        path.display()
    );
}
