//! Private folders of the host, and files in them.
//!
//! On Unix a mode says whose they are. On Windows a folder in the user's profile has an access list
//! that gives it to the user, the system and administrators, and what is made in it has the same: so
//! the host keeps its folders there, and refuses others.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use crate::FileType;

/// How the names of files begin that were not written to the end.
pub const UNFINISHED: &str = ".new-";

/// Makes a folder that is its user's alone, unless it is there.
///
/// # Errors
/// It cannot be made, or others can write to it.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    make_folders(folder)?;
    if fs::metadata(folder)?.is_dir() && is_ours_alone(folder)? {
        Ok(())
    } else {
        Err(io::Error::new(
            ErrorKind::PermissionDenied,
            "it can be written by others",
        ))
    }
}

/// Makes a folder, and those above it that are missing, for this user alone. What is there already
/// stays as it is.
///
/// # Errors
/// It cannot be made.
pub fn make_folders(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a folder of this user's alone that is deleted when it is dropped. Its name begins as is
/// said.
///
/// # Errors
/// It cannot be made.
pub fn make_temporary(parent: &Path, prefix: &str) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    #[cfg(unix)]
    builder.permissions(mode);
    builder.tempdir_in(parent)
}

/// Makes a file that is its user's alone, to write to it.
///
/// # Errors
/// Something of that name is there, or it cannot be made.
pub fn create_new(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Returns options to open files: one that is made is this user's alone.
#[cfg(unix)]
pub fn file_options() -> OpenOptions {
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Returns options to open files. One that is made is whose its folder is.
#[cfg(windows)]
pub fn file_options() -> OpenOptions {
    File::options()
}

/// Tells whether others than this user may read what is at a path.
///
/// # Errors
/// It is not there.
pub fn others_may_read(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    let may_read = {
        use std::os::unix::fs::MetadataExt;
        fs::symlink_metadata(path)?.mode() & 0o077 != 0
    };
    #[cfg(windows)]
    let may_read = !is_ours_alone(path)?;
    Ok(may_read)
}

/// Tells whether others may read or change what is at a path than its user and those of its group.
///
/// # Errors
/// It is not there.
pub fn strangers_may_read(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    let may_read = {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path)?.mode() & 0o007 != 0
    };
    #[cfg(windows)]
    let may_read = !is_ours_alone(path)?;
    Ok(may_read)
}

/// Tells whether what is at a path is this user's, and nobody else but those of the same group can
/// write to it.
///
/// # Errors
/// It is not there.
pub fn is_ours_or_of_our_group(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use rustix::process::{getegid, geteuid};
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path)?;
        let is_of_our_group = || found.gid() == getegid().as_raw();
        Ok(found.uid() == geteuid().as_raw()
            && found.mode() & 0o002 == 0
            && (found.mode() & 0o020 == 0 || is_of_our_group()))
    }
    #[cfg(windows)]
    is_ours_alone(path)
}

/// Tells whether this user alone can write to what is at a path.
///
/// # Errors
/// It is not there.
#[cfg(unix)]
pub fn is_ours_alone(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path)?;
    Ok(found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0)
}

/// Tells whether this user alone can write to what is at a path: whether it is in the profile of
/// this user.
///
/// # Errors
/// It is not there.
#[cfg(windows)]
pub fn is_ours_alone(path: &Path) -> io::Result<bool> {
    let profile = std::env::home_dir()
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "this user has no profile folder"))?;
    Ok(fs::canonicalize(path)?.starts_with(fs::canonicalize(profile)?))
}

/// Reads a file that is not larger than the limit; `None` where nothing of that name is, not even a
/// link that leads nowhere.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    let mut options = File::options();
    options.read(true);
    // What is no file may keep who opens it waiting.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    let file = options.open(path)?;
    if crate::Stat::of(&file)?.kind != FileType::File {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        Err(io::Error::other(format!("it is larger than {limit} bytes")))
    } else {
        Ok(Some(bytes))
    }
}

/// Returns a number that is another one once a file of a folder was written by [`write()`], or
/// removed.
///
/// # Errors
/// The folder cannot be listed.
pub fn stamp(folder: &Path) -> io::Result<u64> {
    let opened = crate::Dir::open_ambient(folder)?;
    let mut stamp = DefaultHasher::new();
    for entry in opened.list()? {
        let Some(name) = entry?.name else { continue };
        let found = opened.look(&name)?;
        (name, found.id.file, found.bytes, found.changed).hash(&mut stamp);
    }
    Ok(stamp.finish())
}

/// Writes a file: what was there before stays, or all of it is on the disk, even if the power
/// fails.
///
/// # Errors
/// The disk.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    #[cfg(unix)]
    builder.permissions(mode);
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(crate::Dir::open_ambient(folder)?.force()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> tempfile::TempDir {
        let place = tempfile::Builder::new();
        // On Windows that is in the profile.
        place.tempdir().expect("a folder")
    }

    #[test]
    fn a_folder_is_made_and_its_files_are_whole() {
        let site = site();
        let folder = site.path().join("a/b");
        make_folder(&folder).expect("made");
        make_folder(&folder).expect("it is there");
        let path = folder.join("f");
        let empty = stamp(&folder).expect("a stamp");
        assert!(read(&path, 10).expect("looked").is_none());
        write(&path, b"one").expect("written");
        let one = stamp(&folder).expect("a stamp");
        write(&path, b"two").expect("written");
        let two = stamp(&folder).expect("a stamp");
        assert!(empty != one && one != two);
        assert_eq!(read(&path, 3).expect("read"), Some(b"two".to_vec()));
        assert!(read(&path, 2).is_err(), "it is larger");
        assert!(read(&folder, 2).is_err(), "it is a folder");
        assert_eq!(fs::read_dir(&folder).expect("listed").count(), 1);
    }

    #[test]
    fn what_is_made_is_its_users_alone() {
        let site = site();
        let path = {
            let made = make_temporary(site.path(), ".x-").expect("made");
            let file = made.path().join("f");
            create_new(&file).expect("made");
            create_new(&file).expect_err("it is there");
            for path in [made.path(), &file] {
                let found = fs::metadata(path).expect("there");
                #[cfg(unix)]
                assert_eq!(std::os::unix::fs::MetadataExt::mode(&found) & 0o077, 0);
                assert!(!found.permissions().readonly());
            }
            made.path().to_owned()
        };
        assert!(!path.exists(), "it is deleted with all in it");
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_write_to_is_not_ours() {
        use std::os::unix::fs::PermissionsExt;
        let site = site();
        for (mode, is_ours) in [(0o700, true), (0o755, true), (0o775, false), (0o702, false)] {
            fs::set_permissions(site.path(), fs::Permissions::from_mode(mode)).expect("ours");
            assert_eq!(make_folder(site.path()).is_ok(), is_ours, "{mode:o}");
            assert!(make_folders(site.path()).is_ok(), "it is there");
        }
    }

    #[test]
    fn what_is_made_private_is_read_by_nobody_else() {
        let site = site();
        let folder = site.path().join("a/b");
        make_folders(&folder).expect("made");
        let path = folder.join("f");
        let mut options = file_options();
        options.write(true).create_new(true);
        drop(options.open(&path).expect("made"));
        for private in [&folder, &path] {
            assert!(!others_may_read(private).expect("it is there"));
            assert!(is_ours_or_of_our_group(private).expect("it is there"));
        }
        assert!(others_may_read(&folder.join("none")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_everybody_can_write_to_is_not_of_our_group() {
        use std::os::unix::fs::PermissionsExt;
        let site = site();
        for (mode, is_ours) in [(0o755, true), (0o775, true), (0o757, false)] {
            fs::set_permissions(site.path(), fs::Permissions::from_mode(mode)).expect("ours");
            let found = is_ours_or_of_our_group(site.path()).expect("it is there");
            assert_eq!(found, is_ours, "{mode:o}");
            assert!(others_may_read(site.path()).expect("it is there"));
            assert!(strangers_may_read(site.path()).expect("it is there"));
        }
        let of_group = fs::Permissions::from_mode(0o750);
        fs::set_permissions(site.path(), of_group).expect("ours");
        assert!(!strangers_may_read(site.path()).expect("it is there"));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_is_waited_for() {
        let site = site();
        let path = site.path().join("fifo");
        crate::folder::make_fifo(&path);
        assert!(read(&path, 10).is_err());
    }

    #[cfg(windows)]
    #[test]
    fn what_is_outside_of_the_profile_is_not_ours() {
        assert!(!is_ours_alone(Path::new("C:\\windows")).expect("it is there"));
    }
}
