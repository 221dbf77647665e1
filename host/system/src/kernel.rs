//! What the kernel of Linux has of what is used here.

use std::fs;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

/// Numbers of watches and of their instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchCounts {
    /// Folders that are watched.
    pub watches: u64,
    /// Programs that watch some, or parts of them.
    pub instances: u64,
}

/// Returns its version; nothing where it does not say.
pub fn release() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.trim().to_owned()
}

/// Returns the number of this user.
pub fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

/// Tells whether it opens a whole path without following links, and the container lets it.
pub fn has_openat2() -> bool {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat2(CWD, "/", flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).is_ok()
}

/// Returns what a user may have watched; `None` where that cannot be read.
pub fn watch_limits() -> Option<WatchCounts> {
    Some(WatchCounts {
        watches: watch_limit("max_user_watches")?,
        instances: watch_limit("max_user_instances")?,
    })
}

fn watch_limit(name: &str) -> Option<u64> {
    let text = fs::read_to_string(Path::new("/proc/sys/fs/inotify").join(name)).ok()?;
    text.trim().parse().ok()
}

/// Counts what the programs have that may be looked at: those of this user.
pub fn used_watches() -> WatchCounts {
    let mut used = WatchCounts::default();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let files = fs::read_dir(process.path().join("fdinfo"));
        for file in files.into_iter().flatten().flatten() {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            let watches = text
                .lines()
                .filter(|line| line.starts_with("inotify "))
                .count();
            used.watches += watches as u64;
            used.instances += u64::from(watches > 0);
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_it_is() {
        assert!(release().starts_with(|first: char| first.is_ascii_digit()));
    }

    #[test]
    fn what_is_watched_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut watch = crate::watch::PathWatch::new(|_| {}).expect("a watch");
        watch
            .add(folder.path(), crate::watch::Depth::Folder)
            .expect("watched");
        let used = used_watches();
        assert!(used.watches >= 1 && used.instances >= 1, "{used:?}");
    }
}
