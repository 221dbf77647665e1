//! The private folder of a worker for the files of calls: parts that are kept, what calls stage,
//! and their temporary folders.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use syft_manifest::Limits;
use syft_system::{Dir, SystemError, private};

use super::super::guard::{Budget, Folders, Guard};
use super::super::guest_path::GuestPath;
use super::super::refusals::RefusalLog;
use super::super::sender::CallSender;
use super::super::staging::{Staging, StagingPlace};
use super::super::temporary::{Temporary, TemporaryPlace};
use super::super::tree::Tree;
use super::Mirror;
use super::part_cache::PartCache;
use crate::cache_bounds;
use crate::capability::CallLabel;
use crate::meter::{Meter, Part};
use crate::scratch::Scratch;
use crate::wire::{HandedFiles, OwnerLink};

/// Where a worker has the files of the calls that it runs. All but the parts that are kept is
/// deleted when this is dropped, or by the next one if the worker was killed.
pub struct MirrorPlace {
    scratch: Scratch,
    staging: Arc<StagingPlace>,
    temporary: Arc<TemporaryPlace>,
    cache: PartCache,
}

impl MirrorPlace {
    /// Opens a private folder, which is made if need be. Of files that were read it keeps at most
    /// so many bytes.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(folder: &Path, cache_bytes: u64) -> io::Result<Self> {
        private::make_folder(folder)?;
        cache_bounds::delete_forgotten(folder, SystemTime::now())?;
        let scratch = Scratch::new(folder)?;
        let staged = scratch.path().join("staged");
        let temporary = scratch.path().join("temporary");
        let staging = StagingPlace::open(&staged, GuestPath::default(), false)?;
        Ok(Self {
            staging: Arc::new(staging),
            temporary: Arc::new(TemporaryPlace::new(temporary)?),
            cache: PartCache::open(folder.join("parts"), cache_bytes)?,
            scratch,
        })
    }

    pub(super) fn cache(&self) -> &PartCache {
        &self.cache
    }

    /// Opens the folder in which private files are made.
    pub(super) fn open_folder(&self) -> Result<Dir, SystemError> {
        Dir::open_ambient(self.scratch.path())
    }

    /// Makes a private file without a name, which is gone once it is closed.
    pub(super) fn make_file(&self) -> Result<File, SystemError> {
        Ok(tempfile::tempfile_in(self.scratch.path())?)
    }
}

impl std::fmt::Debug for MirrorPlace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("MirrorPlace");
        shown
            .field("folder", &self.scratch.path())
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// Returns the files of a call that a worker runs for the owner of datasites.
    ///
    /// # Errors
    /// The private folder of the worker is gone.
    pub(crate) fn mirrored(
        place: &Arc<MirrorPlace>,
        (owner, handed): (&str, &HandedFiles),
        link: OwnerLink,
        limits: &Limits,
        label: &CallLabel,
        meter: &Meter,
    ) -> io::Result<Self> {
        let tree = Tree::Away(Arc::new(Mirror::new(place, owner, handed, link)?));
        let charge = meter.nothing(Part::Held);
        let staging = Arc::clone(&place.staging);
        let staging = Staging::new(staging, tree.clone(), limits.written_bytes, charge);
        let temporary = handed.has_temporary.then(|| Arc::clone(&place.temporary));
        let folders = Folders {
            tree: Some(tree),
            temporary: Temporary::new(temporary),
            own_folder: None,
            program: None,
            staging: Some(staging),
        };
        Ok(Self::new(
            folders,
            Arc::default(),
            CallSender::new(None, None),
            Budget::new(limits, meter),
            None,
            RefusalLog::new(label),
        ))
    }
}
