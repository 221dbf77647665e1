//! The components of installed apps, by their digest.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use syft_manifest::Digest;
use syft_system::private;

use super::InstalledError;

const EXTENSION: &str = "wasm";

/// The private folder of components.
#[derive(Debug, Clone)]
pub struct Components {
    folder: PathBuf,
}

impl Components {
    /// Opens the folder, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(folder: &Path) -> Result<Self, InstalledError> {
        private::make_folder(folder).map_err(|error| InstalledError::io(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Keeps a component, and returns its digest once it is on the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn keep(&self, component: &[u8]) -> Result<Digest, InstalledError> {
        let digest = Digest::of(component);
        let path = self.path(&digest);
        // Written anew where something else is in its place.
        if !matches!(self.read(&digest, component.len() as u64), Ok(kept) if kept == component) {
            private::write(&path, component).map_err(|error| InstalledError::io(&path, error))?;
        }
        Ok(digest)
    }

    /// Returns a component, which has the bytes that its digest says, and at most so many.
    ///
    /// # Errors
    /// It is not there, larger, or was changed.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, InstalledError> {
        let path = self.path(digest);
        let bytes = private::read(&path, limit)
            .and_then(|bytes| bytes.ok_or_else(|| ErrorKind::NotFound.into()))
            .map_err(|error| InstalledError::io(&path, error))?;
        if Digest::of(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(InstalledError::Changed { path })
        }
    }

    /// Deletes the components that nobody needs, and what is left of those whose writer was killed;
    /// so nobody may write at the same time. Returns which components there were.
    ///
    /// # Errors
    /// The disk.
    pub fn keep_only(&self, needed: &HashSet<Digest>) -> Result<Vec<Digest>, InstalledError> {
        let wrong = |error| InstalledError::io(&self.folder, error);
        let mut deleted = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_unfinished = stem.is_some_and(|stem| stem.starts_with(private::UNFINISHED));
            let digest = stem.and_then(|stem| Digest::parse(stem).ok());
            let unneeded = digest.filter(|digest| !needed.contains(digest));
            if is_unfinished || unneeded.is_some() {
                fs::remove_file(&path).map_err(|error| InstalledError::io(&path, error))?;
                deleted.extend(unneeded);
            }
        }
        Ok(deleted)
    }

    /// Returns where a component lies.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.as_str()).with_extension(EXTENSION)
    }
}
