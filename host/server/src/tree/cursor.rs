//! Reading a folder in slices, each of which goes on where the one before stopped.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::sync::LazyLock;

use rustix::fs::{RawDir, RawDirEntry, SeekFrom, Stat, seek};

/// Bytes of names that the kernel gives at once.
const NAME_BYTES: usize = 32 << 10;

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Where reading a folder goes on. The kernel gives a number for each place; it stays good
/// while names come and go, and no folder has to be held open for it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    folder: (u64, u64),
    at: u64,
    /// A digest of the name that the last slice began with.
    first: Option<u64>,
}

impl Cursor {
    /// Tells whether reading begins with the first name.
    pub(crate) fn is_at_start(&self) -> bool {
        self.at == 0
    }

    /// Begins anew if it comes from another folder, one that was there before. Tells
    /// whether reading begins with the first name.
    pub(crate) fn stay_in(&mut self, folder: &Stat) -> bool {
        let folder = (folder.st_dev, folder.st_ino);
        if self.folder != folder {
            *self = Self {
                folder,
                ..Self::default()
            };
        }
        self.is_at_start()
    }

    /// Reads until whoever takes the names has enough. Afterwards the cursor is where the
    /// next ones are, or at the start if there are none.
    ///
    /// Some file systems cannot go on within a folder, and say nothing of it: they give the
    /// first names again. All names of such a folder are read at once.
    pub(crate) fn read_on(
        &mut self,
        dir: BorrowedFd<'_>,
        mut take: impl FnMut(&RawDirEntry<'_>) -> io::Result<ControlFlow<()>>,
    ) -> io::Result<()> {
        let was_at = std::mem::take(&mut self.at);
        let mut is_stuck = false;
        // A folder may be read twice by the same handle.
        if seek(dir, SeekFrom::Start(was_at)).is_err() {
            is_stuck = was_at != 0;
            seek(dir, SeekFrom::Start(0))?;
        }
        let before = self.first.take().filter(|_| was_at != 0);
        let mut buffer = [MaybeUninit::uninit(); NAME_BYTES];
        let mut entries = RawDir::new(dir, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if self.first.is_none() {
                self.first = Some(HASHER.hash_one(name));
                is_stuck |= before.is_some() && before == self.first;
            }
            if take(&entry)?.is_break() && !is_stuck {
                self.at = entry.next_entry_cookie();
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;
    use std::fs::File;
    use std::os::fd::AsFd;

    use super::*;

    fn folder_of(n_names: usize) -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().expect("a folder");
        for n in 0..n_names {
            fs::write(folder.path().join(format!("name-{n}")), "").expect("a file");
        }
        let open = File::open(folder.path()).expect("it is there");
        (folder, open)
    }

    fn read(open: &File, cursor: &mut Cursor, most: usize) -> Vec<String> {
        let mut names = Vec::new();
        let read = cursor.read_on(open.as_fd(), |entry| {
            names.push(entry.file_name().to_string_lossy().into_owned());
            Ok(if names.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        });
        read.expect("it can be read");
        names
    }

    #[test]
    fn slices_together_are_the_folder() {
        let (_folder, open) = folder_of(100);
        let (mut cursor, mut found) = (Cursor::default(), Vec::new());
        loop {
            let names = read(&open, &mut cursor, 7);
            assert!(names.len() <= 7);
            found.extend(names);
            if cursor.is_at_start() {
                break;
            }
        }
        let distinct: HashSet<&String> = found.iter().collect();
        assert_eq!((found.len(), distinct.len()), (100, 100));
    }

    #[test]
    fn a_folder_that_begins_anew_by_itself_is_read_at_once() {
        let (_folder, open) = folder_of(100);
        let mut cursor = Cursor::default();
        assert_eq!(read(&open, &mut cursor, 7).len(), 7);
        // As if the file system had not gone to where it was told to.
        cursor.at = 1;
        assert_eq!(read(&open, &mut cursor, 7).len(), 100);
        assert!(cursor.is_at_start());
        assert_eq!(read(&open, &mut cursor, 7).len(), 7);
    }
}
