//! Private folders of the host, and files in them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

pub use syft_system::lock::{Lock as FolderLock, wait_for as lock};
pub use syft_system::private::{UNFINISHED, make_folder, read, stamp, write};

/// Tells whether this user alone can write to something.
pub fn is_ours_alone(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}
