//! The private folder of one app.

use std::ops::Deref;
use std::path::{Path, PathBuf};

/// What the host keeps for one app, where nobody else reads it: its state, its journal, and what
/// is parked or suspended of it. The app's folder in the synced tree is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// Returns the folder at a path, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Deref for PrivateFolder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}
