//! Copies files, as the Python program does that it is measured beside.

use syft_guest::prelude::*;

/// Copies a file beside itself.
#[watch("{datasite}/public/*copy.txt", events(created, modified, moved))]
fn copy(event: FileEvent) -> std::io::Result<()> {
    let content = event.read()?;
    let name = event.file_name().replace("copy.txt", "copied.txt");
    std::fs::write(event.path().with_file_name(name), content)
}

syft_guest::app!(copy);
