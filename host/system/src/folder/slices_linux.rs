//! Reading a folder in slices, each of which goes on where the one before stopped. The kernel gives
//! a number for each place; it stays good while names come and go, and no folder is held open.

use std::hash::{BuildHasher, RandomState};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::LazyLock;

use rustix::fs::{RawDir, SeekFrom, seek};

use super::DirEntryRef;
use super::linux::Dir;
use super::looks_linux::kind;
use crate::{FileId, SystemError};

/// Bytes of names that the kernel gives at once.
const NAME_BYTES: usize = 32 << 10;

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Where reading a folder goes on.
#[derive(Debug, Default)]
pub struct DirCursor {
    folder: FileId,
    at: u64,
    /// A digest of the name that the last slice began with.
    first: Option<u64>,
}

impl DirCursor {
    /// Tells whether reading begins with the first name.
    pub fn is_at_start(&self) -> bool {
        self.at == 0
    }

    /// Begins anew if it comes from another folder, one that was there before. Tells whether reading
    /// begins with the first name.
    pub fn stay_in(&mut self, folder: FileId) -> bool {
        if self.folder != folder {
            *self = Self {
                folder,
                ..Self::default()
            };
        }
        self.is_at_start()
    }
}

impl Dir {
    /// Reads names until whoever takes them has enough. Afterwards the cursor is where the next ones
    /// are, or at the start if there are none.
    ///
    /// Some file systems cannot go on within a folder, and say nothing of it: they give the first
    /// names again. All names of such a folder are read at once.
    ///
    /// # Errors
    /// The folder may not be read.
    pub fn read_on(
        &self,
        cursor: &mut DirCursor,
        mut take: impl FnMut(DirEntryRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), SystemError> {
        let reopened;
        let dir = match self.handle_to_read() {
            Some(handle) => handle,
            None => {
                reopened = self.reopen()?;
                reopened.as_fd()
            }
        };
        let was_at = std::mem::take(&mut cursor.at);
        let mut is_stuck = false;
        // A folder may be read twice by the same handle.
        if seek(dir, SeekFrom::Start(was_at)).is_err() {
            is_stuck = was_at != 0;
            seek(dir, SeekFrom::Start(0))?;
        }
        let before = cursor.first.take().filter(|_| was_at != 0);
        let mut buffer = [MaybeUninit::uninit(); NAME_BYTES];
        let mut entries = RawDir::new(dir, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if cursor.first.is_none() {
                cursor.first = Some(HASHER.hash_one(name.to_bytes()));
                is_stuck |= before.is_some() && before == cursor.first;
            }
            let entry_ref = DirEntryRef {
                name: name.to_str().ok(),
                kind: kind(entry.file_type()),
            };
            if take(entry_ref).is_break() && !is_stuck {
                cursor.at = entry.next_entry_cookie();
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::slices::{self, folder_of, read};
    use super::*;

    fn slice(folder: &Dir, cursor: &mut DirCursor, most: usize) -> Vec<String> {
        read(most, |take| folder.read_on(cursor, take))
    }

    #[test]
    fn slices_together_are_the_folder() {
        let site = folder_of(100);
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let mut cursor = DirCursor::default();
        slices::are_the_folder(100, || {
            let names = slice(&folder, &mut cursor, 7);
            (names, cursor.is_at_start())
        });
    }

    #[test]
    fn a_folder_that_begins_anew_by_itself_is_read_at_once() {
        let site = folder_of(100);
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let mut cursor = DirCursor::default();
        assert_eq!(slice(&folder, &mut cursor, 7).len(), 7);
        // As if the file system had not gone to where it was told to.
        cursor.at = 1;
        assert_eq!(slice(&folder, &mut cursor, 7).len(), 100);
        assert!(cursor.is_at_start());
        assert_eq!(slice(&folder, &mut cursor, 7).len(), 7);
    }

    #[test]
    fn a_folder_that_is_open_to_be_read_is_read_again_from_where_it_is_to_be() {
        let site = folder_of(100);
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let folder = folder.open_folder_below_to_read("").expect("it opens");
        for _ in 0..2 {
            let mut cursor = DirCursor::default();
            slices::are_the_folder(100, || {
                let names = slice(&folder, &mut cursor, 7);
                (names, cursor.is_at_start())
            });
        }
    }

    #[test]
    fn another_folder_is_begun_anew() {
        let site = folder_of(10);
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let id = folder.look_at_itself().expect("looked").id;
        let mut cursor = DirCursor::default();
        assert!(cursor.stay_in(id));
        slice(&folder, &mut cursor, 7);
        assert!(!cursor.stay_in(id));
        assert!(cursor.stay_in(FileId::default()));
    }
}
