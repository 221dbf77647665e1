//! What the portable folders need besides cap-std on Unix.

use std::fs::File;
use std::path::PathBuf;

use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use rustix::fs::{
    Access, AtFlags, Mode, OFlags, RenameFlags, accessat, fsync, openat, renameat_with, utimensat,
};

use super::{Create, Open};
use crate::{FileId, SetTimes, Stat, StatTime, SystemError};

/// Adds what only this system has.
pub(super) fn complete(options: &mut OpenOptions, open: Open) {
    // A terminal that takes the place of a file does not become ours.
    options.custom_flags(OFlags::NOCTTY.bits().cast_signed());
    if open.create != Create::Never {
        options.mode(if open.is_private { 0o600 } else { 0o666 });
    }
}

/// Makes sure that a folder is one of this file system's own.
pub(super) fn refuse_elsewhere(_folder: &Dir) -> Result<(), SystemError> {
    Ok(())
}

/// Looks at a name in a folder, and tells whether it is spelled as it is stored.
pub(super) fn look(dir: &Dir, name: &str) -> Result<(Stat, bool), SystemError> {
    let found = found(&dir.symlink_metadata(name)?);
    Ok((found, is_exact(dir, name)))
}

#[cfg(not(target_os = "macos"))]
fn is_exact(_dir: &Dir, _name: &str) -> bool {
    true
}

/// The system tells how the name of what is open is stored. What cannot be opened is looked for in
/// the folder.
#[cfg(target_os = "macos")]
fn is_exact(dir: &Dir, name: &str) -> bool {
    /// Only to be told of events, for which no right to read is needed, and a link itself.
    const TO_NAME: OFlags = OFlags::from_bits_retain(0x8000 | 0x0020_0000);
    let flags = TO_NAME | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match openat(dir, name, flags, Mode::empty()) {
        Ok(opened) => crate::exact::is_named(&opened, name).unwrap_or(false),
        Err(_) => dir.entries().is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() == *name))
        }),
    }
}

pub(super) fn look_at_folder(dir: &Dir) -> Result<Stat, SystemError> {
    Ok(found(&dir.dir_metadata()?))
}

pub(super) fn look_at_file(file: &File) -> Result<Stat, SystemError> {
    Ok(found(&Metadata::from_file(file)?))
}

fn found(metadata: &Metadata) -> Stat {
    let time = |seconds, nanos: i64| StatTime {
        seconds,
        nanos: u32::try_from(nanos).unwrap_or(0),
    };
    Stat {
        kind: metadata.file_type().into(),
        bytes: metadata.len(),
        id: FileId {
            device: metadata.dev(),
            file: metadata.ino(),
        },
        links: metadata.nlink(),
        modified: time(metadata.mtime(), metadata.mtime_nsec()),
        changed: time(metadata.ctime(), metadata.ctime_nsec()),
        accessed: time(metadata.atime(), metadata.atime_nsec()),
        born: metadata
            .created()
            .ok()
            .map(|born| StatTime::from(born.into_std())),
        mode: metadata.mode(),
    }
}

/// Returns the path that a folder has now.
#[cfg(target_os = "linux")]
pub(super) fn path(dir: &Dir) -> Result<PathBuf, SystemError> {
    use std::os::fd::AsRawFd;
    Ok(std::fs::read_link(format!(
        "/proc/self/fd/{}",
        dir.as_raw_fd()
    ))?)
}

/// Returns the path that a folder has now.
#[cfg(target_os = "macos")]
pub(super) fn path(dir: &Dir) -> Result<PathBuf, SystemError> {
    use std::os::unix::ffi::OsStringExt;
    let path = rustix::fs::getpath(dir)?;
    Ok(std::ffi::OsString::from_vec(path.into_bytes()).into())
}

/// Opens a folder as a file, to set its times, force it or lock it.
pub(super) fn reopen(dir: &Dir) -> Result<File, SystemError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(dir, ".", flags, Mode::empty())?.into())
}

pub(super) fn set_times_of(dir: &Dir, name: &str, times: &SetTimes) -> Result<(), SystemError> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(utimensat(dir, name, &times.timestamps(), flags)?)
}

pub(super) fn name_new(dir: &Dir, name: &str, to: &Dir, to_name: &str) -> Result<(), SystemError> {
    Ok(renameat_with(
        dir,
        name,
        to,
        to_name,
        RenameFlags::NOREPLACE,
    )?)
}

pub(super) fn may_be_changed(dir: &Dir) -> Result<(), SystemError> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    Ok(accessat(dir, ".", access, AtFlags::empty())?)
}

pub(super) fn force(dir: &Dir) -> Result<(), SystemError> {
    Ok(fsync(reopen(dir)?)?)
}

/// On macOS a new file has the group of its folder, and may get an access list.
#[cfg(not(target_os = "linux"))]
pub(super) fn hands_down_rights(_dir: &Dir) -> bool {
    true
}

#[cfg(target_os = "linux")]
pub(super) fn hands_down_rights(dir: &Dir) -> bool {
    let is_set_group = dir
        .dir_metadata()
        .is_ok_and(|found| found.mode() & 0o2000 != 0);
    is_set_group || crate::rights::has_default_list(std::os::fd::AsFd::as_fd(dir))
}
