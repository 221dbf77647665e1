//! Files that get their name once they are whole.
//!
//! Whoever watches the folder in which such a file appears is told of one new name. A file that
//! is renamed makes four events: of its first name, of writing, of closing and of its second name.
//!
//! Why: docs/decisions/11-answers-get-their-name-when-they-are-whole.md

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use rustix::io::Errno;

use crate::{Dir, names};

/// A folder below which nobody looks for files, in which they are made without a name. It is on
/// the same file system as the folders in which they appear.
#[derive(Debug)]
pub struct NamelessFiles {
    folder: Dir,
    /// The file system can do it.
    is_possible: AtomicBool,
    /// The kernel takes a handle for the file that gets a name, and needs no path.
    takes_handles: AtomicBool,
}

impl NamelessFiles {
    /// Opens the folder to make files in, if it is there.
    pub fn in_folder(path: &Path) -> Option<Self> {
        Some(Self {
            folder: Dir::open_ambient(path).ok()?,
            is_possible: AtomicBool::new(true),
            takes_handles: AtomicBool::new(true),
        })
    }

    /// Writes a file, does something with it and gives it a name in a folder. Returns nothing
    /// where that cannot be, as where something has the name: then there is no file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(
        &self,
        dir: &Dir,
        name: &str,
        bytes: &[u8],
        finish: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<Option<File>> {
        names::check(name)?;
        if !self.is_possible.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let mut file = match openat(&self.folder, ".", flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => File::from(file),
            Err(error) => return Ok(self.not(error)),
        };
        file.write_all(bytes)?;
        finish(&file)?;
        Ok(match self.name(&file, dir, name) {
            Ok(()) => Some(file),
            Err(error) => self.not(error),
        })
    }

    /// Takes note where it will not be possible the next time either.
    fn not(&self, error: Errno) -> Option<File> {
        let passes = [
            Errno::EXIST,
            Errno::DQUOT,
            Errno::INTR,
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::NOSPC,
        ];
        if !passes.contains(&error) {
            tracing::debug!("files get a temporary name here: {error}");
            self.is_possible.store(false, Ordering::Relaxed);
        }
        None
    }

    fn name(&self, file: &File, dir: &Dir, name: &str) -> Result<(), Errno> {
        if self.takes_handles.load(Ordering::Relaxed) {
            match linkat(file, "", dir, name, AtFlags::EMPTY_PATH) {
                // Before Linux 6.10 only root may do that.
                Err(Errno::NOENT | Errno::PERM) => {
                    self.takes_handles.store(false, Ordering::Relaxed);
                }
                linked => return linked,
            }
        }
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(CWD, path, dir, name, AtFlags::SYMLINK_FOLLOW)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn open_dir(path: &Path) -> Dir {
        Dir::open_ambient(path).expect("a folder")
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = site.path().join("folder");
        fs::create_dir(&folder).expect("a folder");
        let (files, dir) = (
            NamelessFiles::in_folder(site.path()).expect("it is there"),
            open_dir(&folder),
        );
        let names = || fs::read_dir(&folder).expect("it is there").count();
        let look = |_: &File| {
            assert_eq!(names(), 0, "it has no name yet");
            Ok(())
        };
        let Some(made) = files.create(&dir, "a", b"whole", look).expect("written") else {
            // This file system cannot.
            assert!(!files.is_possible.load(Ordering::Relaxed));
            return;
        };
        assert_eq!(fs::read(folder.join("a")).expect("there"), b"whole");
        drop(made);
        // What has a name keeps it, a link too.
        symlink("/nowhere", folder.join("link")).expect("a link");
        for taken in ["a", "link"] {
            let made = files.create(&dir, taken, b"other", |_| Ok(()));
            assert!(made.expect("no error").is_none(), "{taken}");
        }
        assert_eq!(fs::read(folder.join("a")).expect("there"), b"whole");
        let failed = files.create(&dir, "b", b"", |_| Err(io::Error::other("no")));
        assert!(failed.is_err() && !folder.join("b").exists());
        assert!(
            files
                .create(&dir, "c", b"", |_| Ok(()))
                .expect("written")
                .is_some()
        );
    }

    #[test]
    fn by_path_where_the_kernel_takes_no_handle() {
        let site = tempfile::tempdir().expect("a folder");
        let files = NamelessFiles::in_folder(site.path()).expect("it is there");
        files.takes_handles.store(false, Ordering::Relaxed);
        let made = files.create(&open_dir(site.path()), "a", b"whole", |_| Ok(()));
        if made.expect("written").is_some() {
            assert_eq!(fs::read(site.path().join("a")).expect("there"), b"whole");
        }
    }

    #[test]
    fn where_it_cannot_be_it_is_not_tried_again() {
        let files = NamelessFiles::in_folder(Path::new("/proc")).expect("it is there");
        let site = tempfile::tempdir().expect("a folder");
        let made = files.create(&open_dir(site.path()), "a", b"", |_| Ok(()));
        assert!(made.expect("no error").is_none());
        assert!(!files.is_possible.load(Ordering::Relaxed));
    }
}
