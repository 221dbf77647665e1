//! How many files may be open at a time, and what apps that open files get of it.

use rustix::process::{Resource, getrlimit, setrlimit};
use syft_manifest::Limits;

use crate::capability::files::Grants;
use crate::manifest::Files;

/// Calls that hold files open would otherwise take those of others: many systems give a
/// program 1,024 unless it asks for more. Returns how many may be open.
pub(crate) fn allow_open_files(wanted: u64) -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(wanted).min(wanted);
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(most);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!("no more files can be open at a time: {error}");
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(wanted)
}

/// Lowers the limits of an app that may open files to what so many open files can bear, and
/// says so.
pub(crate) fn spare_files(limits: Limits, grants: &Grants, open_files: u64) -> Limits {
    if grants.approved == Files::default() {
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
