//! How coarse the times of files are.

use std::fs::File;
use std::time::Duration;

use crate::{Dir, StatTime};

/// Longer than the clock of any kernel stands still that files get their times from.
const TICK: Duration = Duration::from_millis(20);

/// Returns how long after a look at a file in a folder a change may still leave it the same times.
/// [`Duration::MAX`] stands for a file system that keeps only seconds, or no time of changes.
pub fn of_file_in(folder: &Dir, changed: StatTime) -> Duration {
    of(changed, || is_fine(folder))
}

/// As [`of_file_in`], of an open file.
pub fn of_file(file: &File, changed: StatTime) -> Duration {
    of(changed, || is_fine(file))
}

fn of(changed: StatTime, is_fine: impl FnOnce() -> bool) -> Duration {
    if changed.nanos.is_multiple_of(10_000_000) {
        Duration::MAX
    } else if is_fine() {
        Duration::ZERO
    } else {
        TICK
    }
}

/// Tells whether a change always has times of its own once somebody has looked. Only Linux says so.
#[cfg(not(target_os = "linux"))]
fn is_fine<At>(_at: &At) -> bool {
    false
}

#[cfg(target_os = "linux")]
use linux::is_fine;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::fd::AsFd;
    use std::sync::LazyLock;

    use rustix::fs::fstatfs;

    /// Since this kernel a change has times of its own if somebody looked since the last one.
    const MULTIGRAIN_SINCE: (u32, u32) = (6, 13);

    /// On these file systems: btrfs, ext4, tmpfs and XFS.
    const MULTIGRAIN: [u32; 4] = [0x9123_683e, 0xef53, 0x0102_1994, 0x5846_5342];

    static IS_MULTIGRAIN: LazyLock<bool> = LazyLock::new(|| {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        version(&release).is_some_and(|version| version >= MULTIGRAIN_SINCE)
    });

    pub(super) fn is_fine(at: &impl AsFd) -> bool {
        let kind = || u32::try_from(fstatfs(at).ok()?.f_type).ok();
        *IS_MULTIGRAIN && kind().is_some_and(|kind| MULTIGRAIN.contains(&kind))
    }

    pub(super) fn version(release: &str) -> Option<(u32, u32)> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        let mut next = || numbers.next()?.parse().ok();
        Some((next()?, next()?))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    #[test]
    fn a_change_shows_that_comes_a_tick_after_a_look() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = Dir::open_ambient(site.path()).expect("the folder");
        let mut seen = None;
        for n in 0..200 {
            fs::write(site.path().join("a"), [n]).expect("a file");
            let found = folder.look("a").expect("a look");
            let times = (found.bytes, found.modified, found.changed);
            assert_ne!(Some(times), seen, "change {n}");
            let tick = of_file_in(&folder, found.changed);
            let file = fs::File::open(site.path().join("a")).expect("the file");
            assert_eq!(of_file(&file, found.changed), tick);
            if tick == Duration::MAX {
                return;
            }
            thread::sleep(tick);
            seen = Some(times);
        }
    }

    #[cfg(target_os = "linux")]
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
            assert_eq!(linux::version(release), expected, "{release}");
        }
    }
}
