//! The temporary folder of a call: made when it is first used, deleted with all in it when the call
//! ends.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;
use crate::scratch::Scratch;

/// Deeper folders would take many open files to delete.
const DEEPEST: usize = 32;

/// The temporary folder of a call, if calls have one.
pub(super) struct Temporary {
    parent: Option<PathBuf>,
    made: OnceLock<Option<Made>>,
}

struct Made {
    folder: DatasitesDir,
    _scratch: Scratch,
}

impl Temporary {
    /// Returns one that is made in a private folder of the host.
    pub(super) fn new(parent: Option<PathBuf>) -> Self {
        Self {
            parent,
            made: OnceLock::new(),
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.parent.is_some()
    }

    /// Returns the folder, if there can be such a path in it.
    pub(super) fn folder(&self, path: &GuestPath) -> Option<&DatasitesDir> {
        let parent = self.parent.as_ref()?;
        let is_fit = path.names().len() <= DEEPEST;
        let made = self.made.get_or_init(|| make(parent).ok());
        made.as_ref().filter(|_| is_fit).map(|made| &made.folder)
    }
}

fn make(parent: &Path) -> io::Result<Made> {
    let scratch = Scratch::new(parent).inspect_err(|error| {
        let parent = parent.display();
        tracing::warn!(%parent, "a call gets no temporary folder: {error}");
    })?;
    Ok(Made {
        folder: DatasitesDir::open(scratch.path())?,
        _scratch: scratch,
    })
}
