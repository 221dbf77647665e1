//! Folders and files below a handle, reached name by name without following links.
//!
//! Whoever writes into the datasites tree may put a link, a FIFO or a folder where a file was.
//! So nothing here takes a path: each name is opened from the folder before it.

use std::fs::File;
use std::io::{self, Write};

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, unlinkat};
use rustix::io::Errno;
use syft_system::SystemError;
use uuid::Uuid;

/// Opens a folder below `dir` without following links.
pub fn open_path<'a>(dir: &Dir, names: impl Iterator<Item = &'a str>) -> io::Result<Dir> {
    let mut found = None;
    for name in names {
        found = Some(found.as_ref().unwrap_or(dir).open_dir_nofollow(name)?);
    }
    match found {
        Some(dir) => Ok(dir),
        None => dir.try_clone(),
    }
}

/// As [`open_path`], making the folders that are missing.
pub fn open_or_create<'a>(dir: &Dir, names: impl Iterator<Item = &'a str>) -> io::Result<Dir> {
    let mut dir = dir.try_clone()?;
    for name in names {
        match dir.create_dir(name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        dir = dir.open_dir_nofollow(name)?;
    }
    Ok(dir)
}

/// Tells whether an error says that a path leads to no file of ours: a part of
/// it is missing, a symlink, or no folder.
pub fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    let is_link = SystemError::from(error) == SystemError::Link;
    is_link || matches!(error.kind(), NotFound | NotADirectory)
}

/// Writes a file unless something of that name is there.
pub fn create_new(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match dir.open_with(name, &options) {
        Ok(mut file) => file.write_all(bytes),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a file under a temporary name and gives it its own, so that readers see
/// all of it or nothing.
pub fn replace(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    replace_after(dir, name, bytes, |_| Ok(())).map(drop)
}

/// As [`replace`], and both the file and its name are on the disk when this returns.
pub fn replace_forced(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    replace_after(dir, name, bytes, File::sync_all)?;
    force(dir)
}

/// Forces the names in a folder to the disk.
pub fn force(dir: &Dir) -> io::Result<()> {
    // The handle that we hold is good for paths only.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(dir, ".", flags, Mode::empty())?;
    Ok(fsync(&folder)?)
}

/// As [`replace`], and does something with the file before it has its name.
pub fn replace_after(
    dir: &Dir,
    name: &str,
    bytes: &[u8],
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<File> {
    let (mut file, temporary) = create(dir, name)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| finish(&file))
        .and_then(|()| Ok(renameat(dir, &temporary, dir, name)?));
    if let Err(error) = written {
        if unlinkat(dir, &temporary, AtFlags::empty()).is_err() {
            tracing::debug!(temporary, "no temporary file left behind");
        }
        return Err(error);
    }
    Ok(file)
}

/// Makes a temporary file. Sync ignores names that end in `.tmp`, and acts on all
/// that end in `.response`. What has the name already is left from a crash or
/// planted by a stranger: it is never opened, and a folder is left alone, since
/// there is no bound to what may be in it.
fn create(dir: &Dir, name: &str) -> io::Result<(File, String)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let create = |name: String| match openat(dir, &name, flags, Mode::from_raw_mode(0o666)) {
        Ok(file) => Ok((File::from(file), name)),
        Err(error) => Err(error),
    };
    let usual = format!("{name}.tmp");
    Ok(match create(usual.clone()) {
        Err(Errno::EXIST) if unlinkat(dir, &usual, AtFlags::empty()).is_ok() => create(usual)?,
        Err(Errno::EXIST) => create(format!("{name}.{}.tmp", Uuid::new_v4().simple()))?,
        created => created?,
    })
}
