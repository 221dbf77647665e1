//! Wheels of packages with native code, for the sandbox.

use std::sync::OnceLock;

use super::host::{Ended, output_of_build, syft_host};
use super::site::Site;

/// Builds those that are not in the cache of all tests: some minutes, once.
pub fn build_wheels() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let site = Site::new();
        let mut command = syft_host(&site);
        Ended::of(&output_of_build(command.args(["wheels", "build"]))).succeeded();
    });
}
