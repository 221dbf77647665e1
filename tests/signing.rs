//! Signed apps: who has signed which bytes, and whether that holds.

mod attacks;
pub mod interop;
pub mod keys;
mod round_trips;
pub mod signer;

pub use attacks::{attacks, signed_by};

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::host::{Ended, output, syft_host};
use crate::support::sections::{HEADER, custom, handlers};
use crate::support::site::Site;

/// What a release says of itself.
const MANIFEST: &str = r#"{"app":{"name":"leaderboard","version":"1.2.0","sequence":17,"author":"alice@example.org"}}"#;

pub fn run(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = syft_host(site);
    Ended::of(&output(command.args(arguments).current_dir(site.path())))
}

/// Returns the sections of a small app that says what is needed, without those of a
/// signature.
fn content() -> Vec<u8> {
    let code = custom("code", b"of leaderboard");
    let manifest = custom("syft:manifest", MANIFEST.as_bytes());
    [code, handlers(), manifest].concat()
}

pub fn component(sections: &[u8]) -> Vec<u8> {
    [&HEADER[..], sections].concat()
}

/// Writes a file below the site, and returns its path.
pub fn write(site: &Site, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = site.path().join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn read(site: &Site, name: impl AsRef<Path>) -> Vec<u8> {
    fs::read(site.path().join(name)).unwrap()
}

pub fn case(name: &str) -> PathBuf {
    let folder = crate::support::guests::repository().join("tests/cases/signing");
    folder.join(name)
}
