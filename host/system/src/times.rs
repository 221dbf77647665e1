//! Times that a file or a folder is given.

use std::fs::{File, FileTimes};
use std::time::SystemTime;

use crate::{StatTime, SystemError};

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

impl SetTime {
    fn at(self) -> Result<Option<SystemTime>, SystemError> {
        match self {
            Self::Keep => Ok(None),
            Self::Now => Ok(Some(SystemTime::now())),
            Self::At(time) => time.system_time().map(Some).ok_or(SystemError::Invalid),
        }
    }
}

impl SetTimes {
    /// Sets the times of an open file. One that was opened to read alone has to be the user's own.
    ///
    /// # Errors
    /// It is not ours, or the file system has no such time.
    pub fn set_on(&self, file: &File) -> Result<(), SystemError> {
        let mut times = FileTimes::new();
        if let Some(accessed) = self.accessed.at()? {
            times = times.set_accessed(accessed);
        }
        if let Some(modified) = self.modified.at()? {
            times = times.set_modified(modified);
        }
        Ok(file.set_times(times)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Create, Dir, Open, Stat};

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
    }
}
