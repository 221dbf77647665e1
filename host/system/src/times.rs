//! Times that a file or a folder is given.

use std::fs::File;
use std::path::Path;

use crate::{Stat, StatTime, SystemError};

/// What becomes of one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SetTime {
    /// It stays.
    #[default]
    Keep,
    /// It becomes that of now.
    Now,
    /// It becomes this one.
    At(StatTime),
}

/// What becomes of the times that can be set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetTimes {
    /// When it was last read.
    pub accessed: SetTime,
    /// When its content was last changed.
    pub modified: SetTime,
}

impl SetTimes {
    /// Both are those of a file that was looked at.
    pub fn of(found: &Stat) -> Self {
        Self {
            accessed: SetTime::At(found.accessed),
            modified: SetTime::At(found.modified),
        }
    }

    /// Says that something is used now.
    pub const USED_NOW: Self = Self {
        accessed: SetTime::Keep,
        modified: SetTime::Now,
    };

    /// Sets the times of an open file. One that was opened to read alone has to be the user's own.
    ///
    /// # Errors
    /// It is not ours, or the file system has no such time.
    pub fn set_on(&self, file: &File) -> Result<(), SystemError> {
        #[cfg(unix)]
        return Ok(rustix::fs::futimens(file, &self.timestamps())?);
        #[cfg(windows)]
        return Ok(file.set_times(self.file_times()?)?);
    }

    /// Sets the times of what is at a path of the owner's; those of a link itself.
    ///
    /// # Errors
    /// As for [`SetTimes::set_on`], or nothing is there.
    pub fn set_at(&self, path: &Path) -> Result<(), SystemError> {
        #[cfg(unix)]
        {
            use rustix::fs::{AtFlags, CWD, utimensat};
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            Ok(utimensat(CWD, path, &self.timestamps(), flags)?)
        }
        #[cfg(windows)]
        {
            use std::os::windows::fs::OpenOptionsExt;
            use windows_sys::Win32::Storage::FileSystem::{
                FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_WRITE_ATTRIBUTES,
            };
            let mut options = File::options();
            options
                .access_mode(FILE_WRITE_ATTRIBUTES)
                .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT);
            self.set_on(&options.open(path)?)
        }
    }

    /// For whoever may write and is not the owner, now is what the system says that it is.
    #[cfg(unix)]
    pub(crate) fn timestamps(&self) -> rustix::fs::Timestamps {
        use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
        let timespec = |time| {
            let (tv_sec, tv_nsec) = match time {
                SetTime::Keep => (0, UTIME_OMIT),
                SetTime::Now => (0, UTIME_NOW),
                SetTime::At(time) => (time.seconds, time.nanos.into()),
            };
            Timespec { tv_sec, tv_nsec }
        };
        Timestamps {
            last_access: timespec(self.accessed),
            last_modification: timespec(self.modified),
        }
    }

    #[cfg(windows)]
    fn file_times(&self) -> Result<std::fs::FileTimes, SystemError> {
        let mut times = std::fs::FileTimes::new();
        if let Some(accessed) = self.accessed.at()? {
            times = times.set_accessed(accessed);
        }
        if let Some(modified) = self.modified.at()? {
            times = times.set_modified(modified);
        }
        Ok(times)
    }
}

#[cfg(windows)]
impl SetTime {
    /// Returns which time is to be set; `None` where it stays.
    fn at(self) -> Result<Option<std::time::SystemTime>, SystemError> {
        match self {
            Self::Keep => Ok(None),
            Self::Now => Ok(Some(std::time::SystemTime::now())),
            Self::At(time) => time.system_time().map(Some).ok_or(SystemError::Invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Create, Dir, Open};

    #[test]
    fn what_is_kept_stays_and_the_rest_is_set() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let made = folder.open_file("f", Open::READ_WRITE.create(Create::New));
        let file = made.expect("made").file;
        let at = |seconds| {
            SetTime::At(StatTime {
                seconds,
                nanos: 300,
            })
        };
        let both = SetTimes {
            accessed: at(1_000_000_000),
            modified: at(1_100_000_000),
        };
        both.set_on(&file).expect("set");
        let one = SetTimes {
            modified: SetTime::Now,
            ..SetTimes::default()
        };
        one.set_on(&file).expect("set");
        let found = Stat::of(&file).expect("looked");
        assert_eq!(found.accessed.seconds, 1_000_000_000);
        assert!(found.modified.seconds > 1_100_000_000);
        let there = SetTimes {
            modified: at(900_000_000),
            ..SetTimes::default()
        };
        there.set_at(&site.path().join("f")).expect("set");
        let found = Stat::of(&file).expect("looked");
        assert_eq!(found.modified.seconds, 900_000_000);
        SetTimes::of(&found).set_on(&file).expect("set");
        let again = Stat::of(&file).expect("looked");
        assert_eq!(
            (again.accessed, again.modified),
            (found.accessed, found.modified)
        );
    }
}
