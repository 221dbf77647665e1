//! The datasites as a call finds them: in a folder of this machine, or where a worker runs the
//! call, as the host of their owner describes them.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Access, AtFlags, Dir, OFlags, Stat, accessat, fstat};
use rustix::io::Errno;
use syft_protocol::file_events::FileStamp;

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
    Here(Dir),
    Away(AwayEntries),
}

/// A file that was opened to be read. What it holds of a file of another machine is a copy.
pub(super) struct TreeFile {
    file: File,
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
    pub(super) fn look(&self, path: &GuestPath) -> Result<Stat, Errno> {
        match self {
            Self::Here(root) => root.look(path),
            Self::Away(mirror) => mirror.look(path),
        }
    }

    /// Looks for a file at a path; `None` where there is none.
    pub(super) fn stamp(&self, path: &GuestPath) -> Result<Option<FileStamp>, Errno> {
        match self {
            Self::Here(root) => root.stamp(path),
            Self::Away(mirror) => mirror.stamp(path),
        }
    }

    /// Opens what is at a path, to read it.
    pub(super) fn open(&self, path: &GuestPath) -> Result<TreeFile, Errno> {
        match self {
            Self::Here(root) => Ok(root.open_unchecked(path, OFlags::RDONLY)?.into()),
            Self::Away(mirror) => mirror.open(path),
        }
    }

    /// Opens a file that is to be written. The owner may have taken the right away.
    pub(super) fn open_writable(&self, path: &GuestPath, how: OFlags) -> Result<TreeFile, Errno> {
        if let Self::Here(root) = self {
            root.open_unchecked(path, how & OFlags::ACCMODE)?;
        }
        self.open(path)
    }

    /// Tells whether a file with these numbers of device and file is at a path. On another machine
    /// it is assumed so: its host notices at the end of the call if others have replaced it.
    pub(super) fn may_be_at(&self, path: &GuestPath, number: (u64, u64)) -> bool {
        match self {
            Self::Here(root) => {
                let found = root.look(path);
                found.is_ok_and(|found| (found.st_dev, found.st_ino) == number)
            }
            Self::Away(_) => true,
        }
    }

    /// Makes sure that there is a folder that holds a path.
    pub(super) fn check_parent(&self, path: &GuestPath) -> Result<(), Errno> {
        match self {
            Self::Here(root) => root.open_parent(path).map(drop),
            Self::Away(mirror) => mirror.check_parent(path),
        }
    }

    /// Makes sure that names in the folder of a path can be changed.
    pub(super) fn may_change_names(&self, path: &GuestPath) -> Result<(), Errno> {
        match self {
            Self::Here(root) => {
                let (folder, _) = root.open_parent(path)?;
                let access = Access::WRITE_OK | Access::EXEC_OK;
                accessat(folder, ".", access, AtFlags::empty())
            }
            Self::Away(mirror) => mirror.may_change_names(path),
        }
    }

    /// Lists a folder.
    pub(super) fn list(&self, path: &GuestPath) -> Result<InFolder, Errno> {
        match self {
            Self::Here(root) => InFolder::of(open_folder(root, path)?),
            Self::Away(mirror) => Ok(InFolder::Away(mirror.list(path)?)),
        }
    }

    /// Opens a folder, or one of this machine that stands for it.
    pub(super) fn open_folder(&self, path: &GuestPath) -> Result<OwnedFd, Errno> {
        match self {
            Self::Here(root) => open_folder(root, path),
            Self::Away(mirror) => mirror.open_folder(path),
        }
    }
}

/// Opens a folder to list it.
pub(super) fn open_folder(root: &DatasitesDir, path: &GuestPath) -> Result<OwnedFd, Errno> {
    let opened = root.open_unchecked(path, OFlags::RDONLY | OFlags::DIRECTORY);
    opened.map_err(|error| root.in_the_way(path, error))
}

impl InFolder {
    /// Returns what is in an open folder.
    pub(super) fn of(folder: OwnedFd) -> Result<Self, Errno> {
        Ok(Self::Here(Dir::new(folder)?))
    }
}

impl TreeFile {
    /// Returns a copy of a file of another machine.
    pub(super) fn of_other(file: File, away: AwayFile) -> Self {
        let away = Some(away);
        Self { file, away }
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

    /// Looks at it.
    pub(super) fn stat(&self) -> Result<Stat, Errno> {
        match &self.away {
            Some(away) => Ok(away.stat()),
            None => fstat(&self.file),
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
    pub(super) fn bytes(&self) -> Result<u64, Errno> {
        Ok(u64::try_from(self.stat()?.st_size).unwrap_or(0))
    }
}

impl From<File> for TreeFile {
    fn from(file: File) -> Self {
        Self { file, away: None }
    }
}

impl From<OwnedFd> for TreeFile {
    fn from(file: OwnedFd) -> Self {
        Self::from(File::from(file))
    }
}

impl AsFd for TreeFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
