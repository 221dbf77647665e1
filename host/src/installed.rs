//! Which apps are installed for an owner, and what of each.
//!
//! - A record a app, in a private folder of the owner's: replaced by a rename, so that who
//!   reads it has the old one or the new one. What is not in a record does not run.
//! - Components by their digest, in a private folder that all owners share. What is read is
//!   hashed again, so that a record names bytes and not a file.

mod components;
mod growth;
mod record;

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use syft_protocol::address::AppName;
use thiserror::Error;

pub use components::Components;
pub use growth::growth;
pub use record::{Digest, Installed, Release};

/// The most bytes of a record: two manifests fit, and more.
const MAX_BYTES: u64 = 1 << 20;

const EXTENSION: &str = "json";

/// Why what is installed cannot be said.
#[derive(Debug, Error)]
pub enum InstalledError {
    /// The disk.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// Somebody changed a record, or an other version of the host wrote it.
    #[error("{} is not as it was written: {why}", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A component is not as it was installed.
    #[error("{} is not as it was installed: it has other bytes", path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
    },
}

impl InstalledError {
    fn io(path: &Path, error: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            error,
        }
    }
}

/// What is installed for an owner.
#[derive(Debug, Clone)]
pub struct Records {
    folder: PathBuf,
}

/// Keeps others from changing what is installed, until it is dropped.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "it is held")] File);

impl Records {
    /// Opens the records in a private folder, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: &Path) -> Result<Self, InstalledError> {
        make_private(folder).map_err(|error| InstalledError::io(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Returns where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until nobody else changes what is installed.
    ///
    /// # Errors
    /// The lock cannot be had.
    pub fn lock(&self) -> Result<Lock, InstalledError> {
        let path = self.folder.join("lock");
        let lock = || -> io::Result<File> {
            let mut options = File::options();
            let file = options.write(true).create(true).truncate(false).mode(0o600);
            let file = file.open(&path)?;
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        };
        lock()
            .map(Lock)
            .map_err(|error| InstalledError::io(&path, error))
    }

    /// Returns the apps that have a record, by name. Whether it can be read is another
    /// question.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn names(&self) -> Result<Vec<AppName>, InstalledError> {
        let wrong = |error| InstalledError::io(&self.folder, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(wrong)? {
            let name = PathBuf::from(entry.map_err(wrong)?.file_name());
            if name.extension().is_some_and(|it| it == EXTENSION) {
                let name = name.file_stem().and_then(|it| it.to_str());
                names.extend(name.and_then(|it| AppName::parse(it).ok()));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Returns what is installed of an app.
    ///
    /// # Errors
    /// There is a record, and it cannot be read.
    pub fn get(&self, name: &AppName) -> Result<Option<Installed>, InstalledError> {
        let path = self.path(name);
        let Some(json) = read(&path).map_err(|error| InstalledError::io(&path, error))? else {
            return Ok(None);
        };
        let wrong = |why: String| InstalledError::Record {
            path: path.clone(),
            why,
        };
        let installed: Installed =
            serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))?;
        match installed.name == *name {
            true => Ok(Some(installed)),
            false => Err(wrong(format!("it is about `{}`", installed.name))),
        }
    }

    /// Writes what is installed of an app, and returns once it is on the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn put(&self, installed: &Installed) -> Result<(), InstalledError> {
        let path = self.path(&installed.name);
        let write = || -> io::Result<()> {
            let mut json = serde_json::to_vec_pretty(installed)?;
            json.push(b'\n');
            write_forced(&path, &json)
        };
        write().map_err(|error| InstalledError::io(&path, error))
    }

    /// Forgets an app.
    ///
    /// # Errors
    /// The disk.
    pub fn remove(&self, name: &AppName) -> Result<(), InstalledError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(|error| InstalledError::io(&path, error))
    }

    fn path(&self, name: &AppName) -> PathBuf {
        self.folder.join(format!("{name}.{EXTENSION}"))
    }
}

/// Makes a folder that is its owner's alone.
fn make_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut json = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut json)?;
    match json.len() as u64 > MAX_BYTES {
        true => Err(io::Error::other("it is larger than anything written here")),
        false => Ok(Some(json)),
    }
}

/// Writes a private file: what was there before, or all of it, even if the power fails.
fn write_forced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}
