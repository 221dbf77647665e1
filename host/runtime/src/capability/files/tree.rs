//! The datasites as a call finds them: in a folder of this machine, or where a worker runs the
//! call, as the host of their owner describes them.

use std::fs::File;
use std::sync::Arc;

use syft_protocol::file_events::FileStamp;
use syft_system::{Create, Dir, DirEntries, FileId, Open, OpenedFile, Stat, SystemError};

use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;
use super::mirror::{AwayEntries, AwayFile, Mirror};
use super::stamp::stamp_of;

/// The datasites of a call.
#[derive(Clone)]
pub(super) enum Tree {
    /// They are on this machine.
    Here(Arc<DatasitesDir>),
    /// They are on another one.
    Away(Arc<Mirror>),
}

/// What is in a folder of the tree.
pub(super) enum InFolder {
    Here(DirEntries),
    Away(AwayEntries),
}

/// A file that was opened to be read. What it holds of a file of another machine is a copy.
pub(super) struct TreeFile {
    file: File,
    /// What it was when it was opened, where that was looked at.
    found: Option<Stat>,
    away: Option<AwayFile>,
}

impl Tree {
    /// Returns the folder, if it is on this machine.
    pub(super) fn here(&self) -> Option<&Arc<DatasitesDir>> {
        match self {
            Self::Here(root) => Some(root),
            Self::Away(_) => None,
        }
    }

    /// Looks at a path. A link is looked at itself.
    pub(super) fn look(&self, path: &GuestPath) -> Result<Stat, SystemError> {
        match self {
            Self::Here(root) => root.look(path),
            Self::Away(mirror) => mirror.look(path),
        }
    }

    /// Looks for a file at a path; `None` where there is none.
    pub(super) fn stamp(&self, path: &GuestPath) -> Result<Option<FileStamp>, SystemError> {
        match self {
            Self::Here(root) => root.stamp(path),
            Self::Away(mirror) => mirror.stamp(path),
        }
    }

    /// Opens the file at a path, to read it.
    pub(super) fn open(&self, path: &GuestPath) -> Result<TreeFile, SystemError> {
        match self {
            Self::Here(root) => Ok(root.open_file(path, Open::READ)?.into()),
            Self::Away(mirror) => mirror.open(path),
        }
    }

    /// Opens a file that is to be written. The owner may have taken the right away.
    pub(super) fn open_writable(
        &self,
        path: &GuestPath,
        how: Open,
    ) -> Result<TreeFile, SystemError> {
        if let Self::Here(root) = self {
            root.open_file(path, how.create(Create::Never))?;
        }
        self.open(path)
    }

    /// Tells whether this very file is at a path. On another machine it is assumed so: its host
    /// notices at the end of the call if others have replaced it.
    pub(super) fn may_be_at(&self, path: &GuestPath, id: FileId) -> bool {
        match self {
            Self::Here(root) => root.look(path).is_ok_and(|found| found.id == id),
            Self::Away(_) => true,
        }
    }

    /// Makes sure that there is a folder that holds a path.
    pub(super) fn check_parent(&self, path: &GuestPath) -> Result<(), SystemError> {
        match self {
            Self::Here(root) => root.open_parent(path).map(drop),
            Self::Away(mirror) => mirror.check_parent(path),
        }
    }

    /// Makes sure that names in the folder of a path can be changed.
    pub(super) fn may_change_names(&self, path: &GuestPath) -> Result<(), SystemError> {
        match self {
            Self::Here(root) => root.open_parent(path)?.0.may_be_changed(),
            Self::Away(mirror) => mirror.may_change_names(path),
        }
    }

    /// Lists a folder.
    pub(super) fn list(&self, path: &GuestPath) -> Result<InFolder, SystemError> {
        match self {
            Self::Here(root) => Ok(InFolder::Here(root.list(path)?)),
            Self::Away(mirror) => Ok(InFolder::Away(mirror.list(path)?)),
        }
    }

    /// Opens a folder, or one of this machine that stands for it.
    pub(super) fn open_folder(&self, path: &GuestPath) -> Result<Dir, SystemError> {
        match self {
            Self::Here(root) => root.open_known_folder(path),
            Self::Away(mirror) => mirror.open_folder(path),
        }
    }
}

impl TreeFile {
    /// Returns a copy of a file of another machine.
    pub(super) fn of_other(file: File, away: AwayFile) -> Self {
        Self {
            file,
            found: Some(away.stat()),
            away: Some(away),
        }
    }

    /// Returns the file of this machine. Of a copy it has the content and nothing else, and that
    /// only where it was fetched.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Returns where a copy comes from.
    pub(super) fn away(&self) -> Option<&AwayFile> {
        self.away.as_ref()
    }

    /// Returns what it was when it was opened.
    pub(super) fn found(&self) -> Result<Stat, SystemError> {
        self.found.map_or_else(|| self.stat(), Ok)
    }

    /// Looks at it.
    pub(super) fn stat(&self) -> Result<Stat, SystemError> {
        match &self.away {
            Some(away) => Ok(away.stat()),
            None => Stat::of(&self.file),
        }
    }

    /// Looks at it; `None` if it has no name any more.
    pub(super) fn stamp(&self) -> Option<FileStamp> {
        match &self.away {
            Some(away) => away.stamp(),
            None => stamp_of(&self.file),
        }
    }

    /// Returns how large it is.
    pub(super) fn bytes(&self) -> Result<u64, SystemError> {
        Ok(self.stat()?.bytes)
    }
}

impl From<File> for TreeFile {
    fn from(file: File) -> Self {
        Self {
            file,
            found: None,
            away: None,
        }
    }
}

impl From<OpenedFile> for TreeFile {
    fn from(opened: OpenedFile) -> Self {
        Self {
            file: opened.file,
            found: Some(opened.found),
            away: None,
        }
    }
}
