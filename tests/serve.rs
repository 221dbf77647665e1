//! `syft-host serve`: all installed apps in one process.

mod broken;
mod many;
mod replacing;
mod starting;

use std::fs;

use crate::support::guests::example;
use crate::support::installed::changed;

/// Returns an app that greets with `Hello`.
pub fn hello() -> Vec<u8> {
    fs::read(example("hello")).unwrap()
}

/// Returns the same app in a release that greets with `Howdy`.
fn howdy() -> Vec<u8> {
    changed(&example("hello"), "Hello, ", "Howdy, ")
}

/// Returns an app that counts, in a release of this number. Releases differ in their bytes
/// and in nothing else.
fn counter(release: u8) -> Vec<u8> {
    let counter = fs::read(example("counter")).unwrap();
    // A custom section, which says nothing to anybody.
    [counter.as_slice(), &[0, 3, 1, b'n', release]].concat()
}
