//! What authors do all day: make an app, change it while it is served, and test it.

mod new;
mod testing;
mod watching;

use std::path::Path;

use crate::support::host::{Ended, output_of_build, syft_host};
use crate::support::site::{OWNER, Site};

/// Runs a command of an author in a folder.
fn author(site: &Site, folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = syft_host(site);
    command.args(arguments).current_dir(folder);
    command
        .args(["--email", OWNER, "--data-dir"])
        .arg(site.data_dir());
    Ended::of(&output_of_build(&mut command))
}
