//! How coarse the times of files are.

use std::fs;
use std::os::fd::BorrowedFd;
use std::sync::LazyLock;
use std::time::Duration;

use rustix::fs::fstatfs;
use syft_protocol::file_events::FileStamp;

/// Longer than the clock of any kernel stands still that files get their times from.
const TICK: Duration = Duration::from_millis(20);

/// Since this kernel a change has times of its own if somebody looked since the last one.
const MULTIGRAIN_SINCE: (u32, u32) = (6, 13);

/// On these file systems: btrfs, ext4, tmpfs and XFS.
const MULTIGRAIN: [u32; 4] = [0x9123_683e, 0xef53, 0x0102_1994, 0x5846_5342];

static IS_MULTIGRAIN: LazyLock<bool> = LazyLock::new(|| {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    version(&release).is_some_and(|version| version >= MULTIGRAIN_SINCE)
});

/// Returns how long after a look at a file in a folder a change may still leave it the same
/// times. [`Duration::MAX`] stands for a file system that keeps only seconds.
pub(super) fn tick(folder: BorrowedFd<'_>, stamp: &FileStamp) -> Duration {
    if stamp.changed.nanos.is_multiple_of(10_000_000) {
        return Duration::MAX;
    }
    let kind = || u32::try_from(fstatfs(folder).ok()?.f_type).ok();
    let is_fine = *IS_MULTIGRAIN && kind().is_some_and(|kind| MULTIGRAIN.contains(&kind));
    if is_fine { Duration::ZERO } else { TICK }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::thread;

    use super::super::stamp_at;
    use super::*;

    #[test]
    fn a_change_shows_that_comes_a_tick_after_a_look() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = fs::File::open(site.path()).expect("the folder");
        let mut seen = None;
        for n in 0..200 {
            fs::write(site.path().join("a"), [n]).expect("a file");
            let found = stamp_at(folder.as_fd(), "a").expect("a look");
            assert_ne!(found, seen, "change {n}");
            let tick = tick(folder.as_fd(), &found.expect("a file"));
            if tick == Duration::MAX {
                return;
            }
            thread::sleep(tick);
            seen = found;
        }
    }

    #[test]
    fn versions_of_kernels_are_read() {
        for (release, expected) in [
            ("6.18.44\n", Some((6, 18))),
            ("6.13-rc1", Some((6, 13))),
            ("5.15.167.4-microsoft-standard-WSL2", Some((5, 15))),
            ("7.0", Some((7, 0))),
            ("", None),
            ("six", None),
        ] {
            assert_eq!(version(release), expected, "{release}");
        }
    }
}
