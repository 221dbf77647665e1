//! Reading a folder in slices, each of which goes on where the one before stopped: the folder is
//! held open meanwhile, since not every system goes to a place in it.

use std::fmt;
use std::ops::ControlFlow;

use super::DirEntryRef;
use super::portable::{Dir, DirEntries};
use crate::{FileId, SystemError};

/// Where reading a folder goes on. It holds the folder open unless it is at the start.
#[derive(Default)]
pub struct DirCursor {
    folder: FileId,
    rest: Option<DirEntries>,
}

impl DirCursor {
    /// Tells whether reading begins with the first name.
    pub fn is_at_start(&self) -> bool {
        self.rest.is_none()
    }

    /// Begins anew if it comes from another folder, one that was there before. Tells whether reading
    /// begins with the first name.
    pub fn stay_in(&mut self, folder: FileId) -> bool {
        if self.folder != folder {
            *self = Self { folder, rest: None };
        }
        self.is_at_start()
    }
}

impl fmt::Debug for DirCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirCursor")
            .field("folder", &self.folder)
            .field("is_at_start", &self.is_at_start())
            .finish_non_exhaustive()
    }
}

impl Dir {
    /// Reads names until whoever takes them has enough. Afterwards the cursor is where the next ones
    /// are, or at the start if there are none.
    ///
    /// # Errors
    /// The folder may not be read.
    pub fn read_on(
        &self,
        cursor: &mut DirCursor,
        mut take: impl FnMut(DirEntryRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), SystemError> {
        let mut rest = match cursor.rest.take() {
            Some(rest) => rest,
            None => self.list()?,
        };
        while let Some(entry) = rest.next() {
            let entry = entry?;
            let entry_ref = DirEntryRef {
                name: entry.name.as_deref(),
                kind: entry.kind,
            };
            if take(entry_ref).is_break() {
                cursor.rest = Some(rest);
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
