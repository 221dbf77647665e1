//! How many files may be open at a time, and how many calls of an app fit within that.

use syft_manifest::{Files, Grants, Limits};
use syft_system::process::{open_files, raise_open_files};

/// Raises how many files may be open to as many as wanted, and returns how many may. Many systems
/// give a program 1,024 unless it asks for more, and calls with open files would use them up.
pub(crate) fn allow_open_files(wanted: u64) -> u64 {
    if let Err(error) = raise_open_files(wanted) {
        tracing::warn!("no more files can be open at a time: {error}");
    }
    open_files().unwrap_or(wanted)
}

/// Lowers the concurrency of an app that may open files to what this number of open files
/// allows, and logs it.
pub(crate) fn spare_files(limits: Limits, grants: &Grants, open_files: u64) -> Limits {
    if grants.approved == Files::default() && !grants.requested.own_folder {
        return limits;
    }
    let wanted = limits.concurrency;
    let limits = limits.within_open_files(open_files);
    if limits.concurrency < wanted {
        tracing::warn!(
            open_files,
            concurrency = limits.concurrency,
            "few files can be open at a time (see `ulimit -Hn`): fewer calls run at the same time"
        );
    }
    limits
}
