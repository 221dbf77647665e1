//! Writing a file so that others see all of it or nothing.

use std::fs::File;
use std::io::{self, Write};

use uuid::Uuid;

use crate::{Create, Dir, Open, SystemError};

/// Writes a file unless something of that name is there.
///
/// # Errors
/// It cannot be made or written.
pub fn create_new(folder: &Dir, name: &str, bytes: &[u8]) -> Result<(), SystemError> {
    match folder.open_file(name, Open::WRITE.create(Create::New)) {
        Ok(mut opened) => Ok(opened.file.write_all(bytes)?),
        Err(SystemError::Exists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a file under a temporary name and gives it its own, in the place of what has it.
///
/// # Errors
/// It cannot be written, or a folder has the name.
pub fn replace(folder: &Dir, name: &str, bytes: &[u8]) -> Result<(), SystemError> {
    replace_after(folder, name, bytes, |_| Ok(())).map(drop)
}

/// As [`replace`], and both the file and its name are on the disk when this returns.
///
/// # Errors
/// As there.
pub fn replace_forced(folder: &Dir, name: &str, bytes: &[u8]) -> Result<(), SystemError> {
    replace_after(folder, name, bytes, File::sync_all)?;
    folder.force()
}

/// As [`replace`], and does something with the file before it has its name.
///
/// # Errors
/// As there, and what `finish` says.
pub fn replace_after(
    folder: &Dir,
    name: &str,
    bytes: &[u8],
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> Result<File, SystemError> {
    crate::names::check(name)?;
    let (mut file, temporary) = create(folder, name)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| finish(&file))
        .map_err(SystemError::from)
        .and_then(|()| folder.name_own(&temporary, folder, name));
    if let Err(error) = written {
        if folder.remove_file(&temporary).is_err() {
            tracing::debug!(temporary, "no temporary file left behind");
        }
        return Err(error);
    }
    Ok(file)
}

/// Makes a temporary file. Sync ignores names that end in `.tmp`, and acts on all that end in
/// `.response`. What has the name already is left from a crash or planted by a stranger: it is never
/// opened, and a folder is left alone, since there is no bound to what may be in it.
fn create(folder: &Dir, name: &str) -> Result<(File, String), SystemError> {
    let create = |name: String| {
        let opened = folder.open_file(&name, Open::WRITE.create(Create::New))?;
        Ok((opened.file, name))
    };
    let usual = format!("{name}.tmp");
    match create(usual.clone()) {
        Err(SystemError::Exists) if folder.remove_file(&usual).is_ok() => create(usual),
        Err(SystemError::Exists) => create(format!("{name}.{}.tmp", Uuid::new_v4().simple())),
        created => created,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        replace(&folder, "f", b"one").expect("written");
        replace_forced(&folder, "f", b"two").expect("replaced");
        assert_eq!(fs::read(site.path().join("f")).expect("there"), b"two");
        let failed = replace_after(&folder, "f", b"three", |_| Err(io::Error::other("no")));
        assert!(failed.is_err());
        assert_eq!(fs::read(site.path().join("f")).expect("there"), b"two");
        create_new(&folder, "f", b"four").expect("left alone");
        assert_eq!(fs::read(site.path().join("f")).expect("there"), b"two");
        let names = fs::read_dir(site.path()).expect("listed").count();
        assert_eq!(names, 1);
    }

    #[test]
    fn what_is_planted_under_the_temporary_name_is_not_written_to() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let planted = site.path().join("f.tmp");
        fs::create_dir(&planted).expect("a folder");
        replace(&folder, "f", b"text").expect("written");
        assert!(planted.is_dir(), "a folder is left alone");
        fs::remove_dir(&planted).expect("it is empty");
        fs::write(&planted, "theirs").expect("a file");
        replace(&folder, "f", b"more").expect("written");
        assert_eq!(fs::read(site.path().join("f")).expect("there"), b"more");
        assert!(!planted.exists(), "a file is replaced");
    }

    #[test]
    fn missing_folders_are_made_and_files_are_in_the_way() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let names = || ["a", "b"].into_iter();
        let made = folder.open_or_make(names()).expect("made");
        replace(&made, "f", b"text").expect("written");
        let again = folder.open_or_make(names()).expect("it is there");
        assert!(again.look("f").is_ok());
        let error = folder.open_or_make(["a", "b", "f"].into_iter()).err();
        assert_eq!(error, Some(SystemError::NotAFolder));
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        fs::create_dir(site.path().join("f")).expect("a folder");
        replace(&folder, "f", b"text").expect_err("a folder is there");
        assert_eq!(fs::read_dir(site.path()).expect("listed").count(), 1);
    }
}
