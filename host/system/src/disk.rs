//! The file system that a path is on.

use std::io;
use std::path::Path;

/// How much room a file system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// What this user may still write.
    pub free_bytes: u64,
    /// Nothing can be written.
    pub is_read_only: bool,
    /// No more files can be made, whatever room there is.
    pub is_out_of_files: bool,
}

/// Looks at the file system that a path is on.
///
/// # Errors
/// Nothing is there, or it cannot be looked at.
#[cfg(unix)]
pub fn look(path: &Path) -> io::Result<Disk> {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    let found = statvfs(path)?;
    Ok(Disk {
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        is_read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        is_out_of_files: found.f_files > 0 && found.f_favail == 0,
    })
}

/// Looks at the file system that a path is on.
///
/// # Errors
/// Nothing is there, or it cannot be looked at.
#[cfg(windows)]
pub fn look(path: &Path) -> io::Result<Disk> {
    Ok(Disk {
        free_bytes: crate::windows::free_bytes(path)?,
        is_read_only: false,
        is_out_of_files: false,
    })
}

/// Tells whether what is at a path lies in memory alone, where the system says so: it is lost with
/// that, whatever is forced.
pub fn is_in_memory(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        const TMPFS: u64 = 0x0102_1994;
        rustix::fs::statfs(path).is_ok_and(|found| u64::try_from(found.f_type) == Ok(TMPFS))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

/// Returns the kind of the file system that a path is on, where the system says so.
#[cfg(target_os = "linux")]
pub fn file_system(path: &Path) -> Option<String> {
    let path = std::fs::canonicalize(path).ok()?;
    of_mounts(
        &std::fs::read_to_string("/proc/self/mountinfo").ok()?,
        &path,
    )
}

/// Returns the kind of the file system that a path is on, where the system says so.
#[cfg(target_os = "macos")]
pub fn file_system(path: &Path) -> Option<String> {
    let found = rustix::fs::statfs(path).ok()?;
    let name = found.f_fstypename.iter().map(|byte| byte.cast_unsigned());
    let name: Vec<u8> = name.take_while(|byte| *byte != 0).collect();
    String::from_utf8(name).ok()
}

/// Returns the kind of the file system that a path is on, where the system says so.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn file_system(_path: &Path) -> Option<String> {
    None
}

/// The last one that is mounted at the longest beginning of the path.
#[cfg(target_os = "linux")]
fn of_mounts(text: &str, path: &Path) -> Option<String> {
    let mounts = text.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let point = std::path::PathBuf::from(unescaped(mount.split(' ').nth(4)?));
        let kind = kind.split(' ').next()?.to_owned();
        let length = point.as_os_str().as_encoded_bytes().len();
        path.starts_with(&point).then_some((length, kind))
    });
    mounts
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

/// The kernel writes spaces and the like as octal numbers.
#[cfg(target_os = "linux")]
fn unescaped(text: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (code, character)| {
        text.replace(code, character)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_room_and_what_is_not_there_is_on_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = look(folder.path()).expect("it is there");
        assert!(found.free_bytes > 0 && !found.is_read_only);
        assert!(look(&folder.path().join("none")).is_err());
        assert!(!is_in_memory(&folder.path().join("none")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_longest_mount_decides() {
        let text = "\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 21 0:40 / /home/a\\040b/SyftBox rw shared:9 - nfs4 server:/x rw
41 21 0:41 / /home rw - btrfs /dev/sdb rw
";
        for (path, expected) in [
            ("/var", "ext4"),
            ("/home/a b", "btrfs"),
            ("/home/a b/SyftBox/datasites", "nfs4"),
            ("/homes", "ext4"),
        ] {
            assert_eq!(
                of_mounts(text, Path::new(path)).as_deref(),
                Some(expected),
                "{path}"
            );
        }
        assert_eq!(of_mounts("", Path::new("/")), None);
    }
}
