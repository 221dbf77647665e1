//! What the portable folders need besides cap-std on Windows.

use std::fs::File;
use std::os::windows::fs::MetadataExt as _;
use std::path::PathBuf;

use cap_fs_ext::{FollowSymlinks, MetadataExt as _, OpenOptionsFollowExt, OpenOptionsMaybeDirExt};
use cap_std::fs::{Dir, Metadata, OpenOptions, OpenOptionsExt};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_READONLY, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_WRITE_ATTRIBUTES,
};

use super::Open;
use crate::{FileId, FileType, SetTimes, Stat, StatTime, SystemError, exact, windows};

/// Between 1601, from which Windows counts, and 1970.
const SECONDS_TO_1970: i64 = 11_644_473_600;

/// Adds what only this system has: rights come from the folder.
pub(super) fn complete(_options: &mut OpenOptions, _open: Open) {}

/// Makes sure that a folder is one of this file system's own: neither a junction nor what OneDrive
/// and the like keep elsewhere.
pub(super) fn refuse_elsewhere(folder: &Dir) -> Result<(), SystemError> {
    match look_at_folder(folder)?.kind {
        FileType::Folder => Ok(()),
        FileType::Link => Err(SystemError::Link),
        FileType::File | FileType::Other => Err(SystemError::NotAFolder),
    }
}

/// Looks at a name in a folder, and tells whether it is spelled as it is stored.
pub(super) fn look(dir: &Dir, name: &str) -> Result<(Stat, bool), SystemError> {
    let mut options = OpenOptions::new();
    options
        .access_mode(0)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS)
        .follow(FollowSymlinks::No);
    let opened = dir.open_with(name, &options)?.into_std();
    let is_exact = exact::is_named(&opened, name)?;
    Ok((look_at_file(&opened)?, is_exact))
}

pub(super) fn look_at_folder(dir: &Dir) -> Result<Stat, SystemError> {
    look_at_file(&dir.try_clone()?.into_std_file())
}

pub(super) fn look_at_file(file: &File) -> Result<Stat, SystemError> {
    let found = file.metadata()?;
    let numbers = Metadata::from_file(file)?;
    Ok(Stat {
        kind: kind(found.file_attributes(), found.file_type().is_symlink()),
        bytes: found.file_size(),
        id: FileId {
            device: numbers.dev(),
            file: numbers.ino(),
        },
        links: numbers.nlink(),
        modified: time(found.last_write_time()),
        changed: time(windows::change_time(file)?),
        accessed: time(found.last_access_time()),
        born: Some(time(found.creation_time())),
        mode: mode(found.file_attributes()),
    })
}

fn kind(attributes: u32, is_link: bool) -> FileType {
    let is = |attribute| attributes & attribute != 0;
    if is_link {
        FileType::Link
    } else if is(FILE_ATTRIBUTE_REPARSE_POINT) {
        // What it holds is elsewhere, and some of these lead anywhere.
        FileType::Other
    } else if is(FILE_ATTRIBUTE_DIRECTORY) {
        FileType::Folder
    } else {
        FileType::File
    }
}

/// Returns what stands for a mode: whether it may be written.
fn mode(attributes: u32) -> u32 {
    if attributes & FILE_ATTRIBUTE_READONLY == 0 {
        0o666
    } else {
        0o444
    }
}

/// Returns a time that is counted in tenths of microseconds since 1601.
fn time(since_1601: u64) -> StatTime {
    let ticks = i64::try_from(since_1601).unwrap_or(i64::MAX);
    StatTime {
        seconds: ticks / 10_000_000 - SECONDS_TO_1970,
        nanos: u32::try_from(ticks % 10_000_000 * 100).unwrap_or(0),
    }
}

/// Returns the path that a folder has now.
pub(super) fn path(dir: &Dir) -> Result<PathBuf, SystemError> {
    Ok(winx::file::get_file_path(
        &dir.try_clone()?.into_std_file(),
    )?)
}

/// Opens a folder as a file, to set its times.
pub(super) fn reopen(dir: &Dir) -> Result<File, SystemError> {
    let mut options = OpenOptions::new();
    options
        .access_mode(FILE_WRITE_ATTRIBUTES)
        .maybe_dir(true)
        .follow(FollowSymlinks::No);
    Ok(dir.open_with(".", &options)?.into_std())
}

pub(super) fn set_times_of(dir: &Dir, name: &str, times: &SetTimes) -> Result<(), SystemError> {
    let mut options = OpenOptions::new();
    options
        .access_mode(FILE_WRITE_ATTRIBUTES)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS)
        .follow(FollowSymlinks::No);
    times.set_on(&dir.open_with(name, &options)?.into_std())
}

/// cap-std renames in the place of what is there.
pub(super) fn name_new(_: &Dir, _: &str, _: &Dir, _: &str) -> Result<(), SystemError> {
    Err(SystemError::Unsupported)
}

/// An access list says it, when something is changed.
pub(super) fn may_be_changed(_dir: &Dir) -> Result<(), SystemError> {
    Ok(())
}

/// NTFS keeps a journal of names; a program cannot force it.
pub(super) fn force(_dir: &Dir) -> Result<(), SystemError> {
    Ok(())
}

/// A new file gets its access list from its folder, and one that is moved keeps its own.
pub(super) fn hands_down_rights(_dir: &Dir) -> bool {
    true
}
