//! Files as the host tells one state of them from another: regular ones with one
//! name, as they exist for guests.

use std::fs::File;
use std::time::Duration;

use syft_protocol::file_events::{FileStamp, FileTime};
use syft_system::{Dir, Stat, StatTime, SystemError, ticks};

use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;

impl DatasitesDir {
    /// Looks for a file at a path; `None` where there is none.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn stamp(&self, path: &GuestPath) -> Result<Option<FileStamp>, SystemError> {
        self.find(path, stamp_at)
    }

    /// As [`DatasitesDir::stamp`], and how long after it a change may leave the same stamp.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn stamp_and_tick(
        &self,
        path: &GuestPath,
    ) -> Result<Option<(FileStamp, Duration)>, SystemError> {
        self.find(path, |folder, name| {
            let stamp = stamp_at(folder, name)?;
            Ok(stamp.map(|stamp| {
                let changed = moment(stamp.changed);
                (stamp, ticks::of_file_in(folder, changed))
            }))
        })
    }

    fn find<T>(
        &self,
        path: &GuestPath,
        look: impl FnOnce(&Dir, &str) -> Result<Option<T>, SystemError>,
    ) -> Result<Option<T>, SystemError> {
        let Some((parent, name)) = path.split() else {
            return Ok(None);
        };
        match self.open_folder(&parent) {
            Ok(folder) => look(&folder, name),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Looks for a file of this name in a folder.
///
/// # Errors
/// That cannot be found out.
pub fn stamp_at(folder: &Dir, name: &str) -> Result<Option<FileStamp>, SystemError> {
    match folder.look(name) {
        Ok(found) => Ok(stamp(&found)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks at an open file; `None` if it has no name any more.
pub(super) fn stamp_of(file: &File) -> Option<FileStamp> {
    stamp(&Stat::of(file).ok()?)
}

/// Returns what tells a state of a file from others; `None` where it is none to guests.
pub(super) fn stamp(found: &Stat) -> Option<FileStamp> {
    found.is_only_name_of_file().then(|| FileStamp {
        inode: found.id.file,
        born: found.born.map(time).unwrap_or_default(),
        bytes: found.bytes,
        modified: time(found.modified),
        changed: time(found.changed),
        mode: found.mode,
    })
}

fn time(time: StatTime) -> FileTime {
    let StatTime { seconds, nanos } = time;
    FileTime { seconds, nanos }
}

/// Returns a time of a stamp as the system has times.
pub(super) fn moment(time: FileTime) -> StatTime {
    let FileTime { seconds, nanos } = time;
    StatTime { seconds, nanos }
}
