//! What a look at a file, a folder or a link tells of it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::SystemError;

/// What a look at something tells of it. A link is looked at itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileType,
    /// Its size.
    pub bytes: u64,
    /// Which one it is.
    pub id: FileId,
    /// How many names it has.
    pub links: u64,
    /// When its content was last changed, or is said to have been: whoever may write to it can set
    /// it.
    pub modified: StatTime,
    /// When anything about it was last changed, which nobody can set. Where the file system does
    /// not say, it is as `modified`.
    pub changed: StatTime,
    /// When it was last read, where the system keeps count of that.
    pub accessed: StatTime,
    /// When it was made, where the file system says.
    pub born: Option<StatTime>,
    /// Its rights as Unix has them: type and mode. On Windows they say whether it is read-only.
    pub mode: u32,
}

/// What something in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, a junction, or whatever else leads elsewhere.
    Link,
    /// A FIFO, a socket, a device, or what a system keeps elsewhere than here.
    Other,
}

/// Which file of the machine it is, as long as it is there. Another may have the number later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The number of its file system.
    pub device: u64,
    /// Its number there.
    pub file: u64,
}

/// A time of a file, since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatTime {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// And nanoseconds, always forward.
    pub nanos: u32,
}

impl Stat {
    /// Looks at an open file. One that was removed meanwhile has no name: `links` is 0.
    ///
    /// # Errors
    /// The disk.
    pub fn of(file: &File) -> Result<Self, SystemError> {
        crate::folder::look_at_file(file)
    }

    /// Looks at what is at a path of the owner's; at a link itself.
    ///
    /// # Errors
    /// Nothing is there.
    pub fn at(path: &Path) -> Result<Self, SystemError> {
        crate::Dir::look_at_path(path)
    }

    /// Tells whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == FileType::File
    }

    /// Tells whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.kind == FileType::Folder
    }

    /// Tells whether it is a regular file of one name: none that also lies elsewhere.
    pub fn is_only_name_of_file(&self) -> bool {
        self.is_file() && self.links == 1
    }
}

impl FileId {
    /// Returns which file is at a path of the owner's, whose links are followed.
    ///
    /// # Errors
    /// None is there.
    pub fn at(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let found = std::fs::metadata(path)?;
            Ok(Self {
                device: found.dev(),
                file: found.ino(),
            })
        }
        #[cfg(windows)]
        Ok(Stat::of(&File::open(path)?)?.id)
    }
}

impl StatTime {
    /// Returns the time in nanoseconds since 1970.
    pub fn nanos_since_1970(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// Returns it as the standard library has times, where that can be said so.
    pub fn system_time(self) -> Option<SystemTime> {
        let whole = Duration::from_secs(self.seconds.unsigned_abs());
        let at_second = if self.seconds < 0 {
            UNIX_EPOCH.checked_sub(whole)
        } else {
            UNIX_EPOCH.checked_add(whole)
        };
        at_second?.checked_add(Duration::from_nanos(self.nanos.into()))
    }
}

impl From<SystemTime> for StatTime {
    fn from(time: SystemTime) -> Self {
        let after = |time: Duration| Self {
            seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            nanos: time.subsec_nanos(),
        };
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => after(since),
            Err(before) => {
                let before = before.duration();
                // Nanoseconds count forward.
                let whole = before.as_secs() + u64::from(before.subsec_nanos() > 0);
                let seconds = i64::try_from(whole).map_or(i64::MIN, |whole| -whole);
                let nanos = (1_000_000_000 - before.subsec_nanos()) % 1_000_000_000;
                Self { seconds, nanos }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Windows counts tenths of microseconds.
    #[test]
    fn times_are_the_same_there_and_back() {
        for (seconds, nanos) in [(0, 0), (5, 700), (-1, 0), (-1, 999_999_900), (-7, 300)] {
            let time = StatTime { seconds, nanos };
            let there = time.system_time().expect("a time");
            assert_eq!(StatTime::from(there), time);
        }
    }

    #[test]
    fn nanoseconds_count_forward_before_1970_too() {
        let time = StatTime {
            seconds: -1,
            nanos: 1,
        };
        assert_eq!(time.nanos_since_1970(), -999_999_999);
    }
}
