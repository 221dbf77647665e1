//! The folder in which an author publishes apps, held as a directory handle. Everybody reads
//! it, and what is in it comes from whoever writes into the tree.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use syft_protocol::address::Datasite;
use syft_protocol::app_url::APPS_FOLDER;
use syft_protocol::permissions::{DEFAULT_APPS_RULES, PERMISSION_FILE};
use syft_system::replace::{create_new, replace_forced};
use syft_system::{Dir, Open, SystemError};

/// The folder in which an author publishes apps.
#[derive(Debug)]
pub(super) struct PublishDir {
    dir: Dir,
    path: PathBuf,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DirItem {
    /// Nothing.
    Absent,
    /// A link, a folder or another thing that is no file, or a path that leads through one.
    Foreign,
    /// A file of more bytes than are read.
    Larger(u64),
    /// All bytes of a file, which was read once.
    Bytes(Vec<u8>),
}

impl PublishDir {
    /// Opens the folder of an author where it is there; `None` where it is not.
    ///
    /// # Errors
    /// A part of the path is a symlink or no folder.
    pub(super) fn find(datasites: &Path, author: &Datasite) -> io::Result<Option<Self>> {
        let opened = datasite(datasites, author).and_then(|own| {
            let dir = own.open_folder_below(&APPS_FOLDER.join("/"))?;
            Ok(Self::new(dir, datasites, author))
        });
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Opens the folder of an author, making what is missing of it below the datasite, and
    /// lets all read what is in it unless there are rules.
    ///
    /// # Errors
    /// There is no such datasite; a part of the path is a symlink or no folder, or cannot be
    /// made.
    pub(super) fn open(datasites: &Path, author: &Datasite) -> io::Result<Self> {
        let own = datasite(datasites, author)?;
        let dir = own.open_or_make(APPS_FOLDER.into_iter())?;
        create_new(&dir, PERMISSION_FILE, DEFAULT_APPS_RULES.as_bytes())?;
        Ok(Self::new(dir, datasites, author))
    }

    fn new(dir: Dir, datasites: &Path, author: &Datasite) -> Self {
        let own = datasites.join(author.as_str());
        let path = APPS_FOLDER.iter().fold(own, |path, name| path.join(name));
        Self { dir, path }
    }

    /// Returns the path of the folder, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file of at most so many bytes, once.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub(super) fn read<'a>(
        &self,
        mut names: impl DoubleEndedIterator<Item = &'a str>,
        limit: u64,
    ) -> io::Result<DirItem> {
        let Some(name) = names.next_back() else {
            return Ok(DirItem::Foreign);
        };
        let file = self
            .open_folder(names)
            .and_then(|folder| folder.open_file(name, Open::READ));
        let opened = match file {
            Err(SystemError::NotFound) => return Ok(DirItem::Absent),
            Err(SystemError::NotAFile | SystemError::IsAFolder) => return Ok(DirItem::Foreign),
            Err(error) if error.is_absent() => return Ok(DirItem::Foreign),
            file => file?,
        };
        let mut bytes = Vec::new();
        opened
            .file
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            Ok(DirItem::Larger(opened.found.bytes))
        } else {
            Ok(DirItem::Bytes(bytes))
        }
    }

    /// Writes a file, whole or not at all, and forces it to the disk with its name.
    ///
    /// # Errors
    /// It cannot be written, or the path leads through something that is no folder.
    pub(super) fn write<'a>(
        &self,
        mut names: impl DoubleEndedIterator<Item = &'a str>,
        bytes: &[u8],
    ) -> io::Result<()> {
        let name = names.next_back().ok_or(io::ErrorKind::InvalidInput)?;
        let folder = self.dir.open_or_make(names)?;
        Ok(replace_forced(&folder, name, bytes)?)
    }

    /// Deletes a file or a link, and nothing that a link leads to.
    ///
    /// # Errors
    /// It is there and stays.
    pub(super) fn remove<'a>(
        &self,
        folder: impl Iterator<Item = &'a str>,
        name: &str,
    ) -> io::Result<()> {
        match self.open_folder(folder)?.remove_file(name) {
            Err(SystemError::NotFound) => Ok(()),
            removed => Ok(removed?),
        }
    }

    /// Returns the names in a folder.
    ///
    /// # Errors
    /// It cannot be listed.
    pub(super) fn list<'a>(
        &self,
        folder: impl Iterator<Item = &'a str>,
    ) -> io::Result<Vec<String>> {
        let entries = self.open_folder(folder)?.list()?;
        let names = entries.map(|entry| Ok(entry?.name));
        names.filter_map(Result::transpose).collect()
    }

    fn open_folder<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<Dir, SystemError> {
        let names: Vec<&str> = names.collect();
        self.dir.open_folder_below(&names.join("/"))
    }
}

/// Opens a datasite that is there. None is made: where there is none, the disk is not mounted,
/// and a folder of ours would be in the way when it comes back.
fn datasite(datasites: &Path, author: &Datasite) -> io::Result<Dir> {
    let datasites = fs::canonicalize(datasites)?;
    Ok(Dir::open_ambient(&datasites)?.open_folder(author.as_str())?)
}
