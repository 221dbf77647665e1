//! Renaming what is staged, and what is in the tree.

use std::sync::Arc;

use syft_system::{Dir, SystemError};

use super::super::guest_path::GuestPath;
use super::Staging;
use super::overlay::{InTree, Made, MovedFile, Seen};
use super::place::StagedFile;

impl Staging {
    /// Renames a file that is there to a path where no folder is.
    pub(in super::super) fn rename(
        &self,
        from: &GuestPath,
        to: &GuestPath,
    ) -> Result<(), SystemError> {
        if from == to {
            return Ok(());
        }
        self.may_change_names(from)?;
        self.may_change_names(to)?;
        let (in_from, in_to) = (self.goes(from)?, self.in_tree(to)?);
        match self.seen(from) {
            Seen::Made(Made::File(staged)) => {
                self.put(to, Made::File(staged), in_to)?;
                self.put(from, Made::Nothing, in_from)
            }
            // Renamed once more, or to where a folder is in the tree: one rename there would not
            // do, so it becomes a copy.
            Seen::Made(Made::Moved(moved)) => {
                self.copy(from, &self.open_moved(&moved)?)?;
                self.rename(from, to)
            }
            Seen::InTree if in_to == Some(InTree::Folder) => {
                self.copy(from, &self.tree.open(from)?)?;
                self.rename(from, to)
            }
            Seen::InTree => self.rename_in_tree(from, in_from, to, in_to),
            Seen::Made(_) => Err(SystemError::NotFound),
            Seen::BelowFile => Err(SystemError::NotAFolder),
        }
    }

    fn rename_in_tree(
        &self,
        from: &GuestPath,
        in_from: Option<InTree>,
        to: &GuestPath,
        in_to: Option<InTree>,
    ) -> Result<(), SystemError> {
        let Some(InTree::File(file)) = in_from else {
            return Err(SystemError::NotFound);
        };
        let moved = MovedFile {
            from: from.clone(),
            file,
            step: self.overlay().next_step(),
        };
        self.put(from, Made::Nothing, None)?;
        self.put(to, Made::Moved(moved), in_to)?;
        self.overlay().moves_away(from);
        Ok(())
    }

    /// Takes a file out of a folder of the host to a path where no folder is.
    pub(in super::super) fn take_in(
        &self,
        folder: &Dir,
        name: &str,
        to: &GuestPath,
    ) -> Result<(), SystemError> {
        self.may_change_names(to)?;
        let in_to = self.in_tree(to)?;
        let staged = self.next_name();
        folder.name_own(name, self.place.folder(), &staged)?;
        let staged = StagedFile::there(&self.place, staged);
        self.put(to, Made::File(Arc::new(staged)), in_to)
    }

    /// Tells whether nothing is in a folder, also nothing that does not exist for guests.
    pub(in super::super) fn is_empty(&self, path: &GuestPath) -> Result<bool, SystemError> {
        let first = self.list(path)?.next();
        Ok(first.transpose()?.is_none())
    }
}
