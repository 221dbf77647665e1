//! `wasi:filesystem`: what was granted of the datasites.
//!
//! Each operation finds its path by name, has `guard::Guard` decide about it, and touches
//! the tree only by what was granted. Regular files and folders exist for guests, nothing else.

mod access;
mod bindings;
mod bindings_0_3;
mod datasites_dir;
mod guard;
mod guest_path;
mod interface;
mod interface_0_3;
mod listing;
mod mirror;
mod moves;
mod open;
mod operations;
mod other_apps;
mod own_folder;
mod own_writes;
mod owner;
mod policy;
mod recorded;
mod refusals;
mod rules;
mod sender;
mod staging;
mod stamp;
mod streams;
mod streams_0_3;
mod temporary;
mod times;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use syft_manifest::{Grants, Limits};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;
use wasmtime::component::{HasData, Linker, ResourceTable};

use bindings::types::DescriptorFlags;
use bindings::{ErrorCode, preopens, types};
pub use datasites_dir::DatasitesDir;
pub(crate) use guard::Guard;
use guard::{Budget, Folders, Slot};
pub use guest_path::MAX_PATH_BYTES;
pub use guest_path::{GuestPath, NamedPath, PathEnd, PathError};
pub use listing::Listing;
pub use mirror::MirrorPlace;
use own_folder::OwnFolder;
use own_writes::CallWrites;
pub use own_writes::OwnWrites;
pub(crate) use owner::OwnerFiles;
pub use policy::FilePolicy;
use policy::{Denied, ReadRight, Want};
use refusals::{RefusalLog, hint};
pub use rules::{Broken, Rules, Ruling};
pub(crate) use sender::CallSender;
use staging::{StagedWrites, Staging, StagingPlace};
pub use stamp::stamp_at;
use temporary::{Temporary, TemporaryPlace};
use tree::{Tree, TreeFile};

use super::{Advice, CallLabel};
use crate::meter::{Meter, Part};
use crate::recording::Recorder;
use crate::state::Store;

/// All that the operations can reach.
pub(crate) struct FilesView<'a> {
    pub(crate) files: &'a Guard,
    pub(crate) table: &'a mut ResourceTable,
}

struct Files;

impl HasData for Files {
    type Data<'a> = FilesView<'a>;
}

/// Links the operations, each of which gets this view of a call.
pub(crate) fn add_to_linker<T: Send>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> FilesView<'_>,
) -> wasmtime::Result<()> {
    types::add_to_linker::<T, Files>(linker, view)?;
    preopens::add_to_linker::<T, Files>(linker, view)
}

/// Links those of WASI 0.3.
pub(crate) fn add_0_3_to_linker<T: Send>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> FilesView<'_>,
) -> wasmtime::Result<()> {
    bindings_0_3::types::add_to_linker::<T, Files>(linker, view)?;
    bindings_0_3::preopens::add_to_linker::<T, Files>(linker, view)
}

/// What an app may do with files: nothing, as long as nothing was granted.
#[derive(Default)]
pub struct FileAccess {
    root: Option<Arc<DatasitesDir>>,
    grants: Grants,
    policy: Arc<FilePolicy>,
    own_writes: Option<Arc<OwnWrites>>,
    own_folder: Option<Arc<OwnFolder>>,
    temporary: Option<Arc<TemporaryPlace>>,
    staging: Option<Arc<StagingPlace>>,
}

impl FileAccess {
    /// Returns what grants allow in a folder of datasites.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn new(
        datasites: &Path,
        grants: &Grants,
        datasite: &Datasite,
        app: &AppName,
    ) -> std::io::Result<Self> {
        Ok(Self {
            root: Some(Arc::new(DatasitesDir::open(datasites)?)),
            grants: grants.clone(),
            policy: Arc::new(FilePolicy::new(grants, datasite, app)),
            own_writes: None,
            own_folder: Some(Arc::new(own_folder(datasite, app))),
            temporary: None,
            staging: None,
        })
    }

    /// Gives each call of an app with its own folder a temporary one, in a private folder of
    /// the host.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn with_temporary(mut self, parent: PathBuf) -> std::io::Result<Self> {
        if self.grants.requested.own_folder {
            self.temporary = Some(Arc::new(TemporaryPlace::new(parent)?));
        }
        Ok(self)
    }

    /// Has others see what a call changes once it has ended well, unless the app wants it
    /// otherwise. Until then it lies in a private folder of the host. What an earlier host kept and
    /// may not have done yet is done first.
    ///
    /// # Errors
    /// The folder cannot be made or read, or the state cannot.
    pub fn with_staging(
        mut self,
        folder: &Path,
        datasite: &Datasite,
        state: &Store,
    ) -> anyhow::Result<Self> {
        let Some(root) = &self.root else {
            return Ok(self);
        };
        let datasite = GuestPath::of(datasite.as_str());
        let place = StagingPlace::open(folder, datasite, state.forces_effects())?;
        let place = Arc::new(place);
        state.finish_effects(|records| StagedWrites::restore(&place, root, records))?;
        if !self.grants.requested.immediate_writes {
            self.staging = Some(place);
        }
        Ok(self)
    }

    /// Says which line would allow the app to read what a pattern stands for, of which
    /// a path is an example.
    pub fn hint_to_read(
        &self,
        pattern: &PathPattern,
        example: &[&str],
        advice: Advice,
    ) -> Option<String> {
        let denied = match self.policy.decide(example).read {
            ReadRight::Granted => return None,
            ReadRight::IfSenderMay => Denied::SenderMayNot(String::new()),
            ReadRight::Denied(denied) => denied,
        };
        let path = GuestPath::of(pattern.as_str());
        Some(hint(&path, Want::Read, &denied, advice))
    }

    /// Tracks from now on what calls write to files.
    pub fn track_own_writes(&mut self) {
        self.own_writes = Some(Arc::default());
    }

    /// Returns what calls write to files, where that is tracked.
    pub fn own_writes(&self) -> Option<&Arc<OwnWrites>> {
        self.own_writes.as_ref()
    }

    /// Returns the folder of all datasites, if there are any.
    pub fn root(&self) -> Option<&Arc<DatasitesDir>> {
        self.root.as_ref()
    }

    /// Has guests see the datasites folder that lies at its path now, if the datasite is
    /// in it.
    pub fn stay_current(&self, datasite: &Datasite) {
        let is_there = |root: &Arc<DatasitesDir>| root.stay_current(datasite.as_str());
        if !self.root.as_ref().is_none_or(is_there) {
            tracing::debug!("the datasite is not there");
        }
    }

    /// Returns what was granted.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Returns what may be done with which file.
    pub fn policy(&self) -> &Arc<FilePolicy> {
        &self.policy
    }

    /// Returns the files of one call, with those of its program if they are apart from its
    /// component. The sender is given where it is known for sure.
    pub(crate) fn for_call(
        &self,
        sender: Option<String>,
        limits: &Limits,
        label: &CallLabel,
        meter: &Meter,
        program: Option<&Arc<DatasitesDir>>,
        recorder: Option<&Recorder>,
    ) -> Guard {
        let tracked = self.own_writes.clone().zip(self.root.clone());
        let call_writes =
            tracked.map(|(all, root)| CallWrites::new(all, root, meter.nothing(Part::Held)));
        let staging = self.staging.clone().zip(self.root.clone());
        let staging = staging.map(|(place, root)| {
            let charge = meter.nothing(Part::Held);
            Staging::new(place, Tree::Here(root), limits.written_bytes, charge)
        });
        Guard::new(
            Folders {
                tree: self.root.clone().map(Tree::Here),
                temporary: Temporary::new(self.temporary.clone()),
                own_folder: self.own_folder.clone(),
                program: program.cloned(),
                staging,
            },
            Arc::clone(&self.policy),
            CallSender::new(sender, recorder.cloned()),
            Budget::new(limits, meter),
            call_writes,
            RefusalLog::new(label),
        )
    }
}

fn own_folder(datasite: &Datasite, app: &AppName) -> OwnFolder {
    /// A synced folder is no place for more.
    const MAX_BYTES: u64 = 1 << 30;
    let path = GuestPath::of(&format!("{datasite}/app_data/{app}"));
    OwnFolder::new(path, MAX_BYTES)
}

/// Something that a guest has open.
pub enum FileDescriptor {
    /// A folder is only its name: it is opened anew by each operation.
    Folder(GuestPath, Option<Slot>),
    /// A file stays the one that was opened.
    File(Arc<OpenFile>),
}

/// An open file.
pub struct OpenFile {
    file: TreeFile,
    /// It lies in the tree, and is copied before it is changed.
    is_in_tree: bool,
    /// The copy of it.
    copy: OnceLock<TreeFile>,
    path: GuestPath,
    flags: DescriptorFlags,
    guard: Guard,
    _slot: Slot,
}

impl FileDescriptor {
    fn folder(&self) -> Result<&GuestPath, ErrorCode> {
        match self {
            Self::Folder(path, _) => Ok(path),
            Self::File(_) => Err(ErrorCode::NotDirectory),
        }
    }

    fn readable(&self) -> Result<&Arc<OpenFile>, ErrorCode> {
        match self {
            Self::Folder(..) => Err(ErrorCode::IsDirectory),
            Self::File(file) if file.flags.contains(DescriptorFlags::READ) => Ok(file),
            Self::File(_) => Err(ErrorCode::BadDescriptor),
        }
    }

    fn writable(&self) -> Result<&Arc<OpenFile>, ErrorCode> {
        match self {
            Self::Folder(..) => Err(ErrorCode::IsDirectory),
            Self::File(file) if file.flags.contains(DescriptorFlags::WRITE) => Ok(file),
            Self::File(_) => Err(ErrorCode::BadDescriptor),
        }
    }
}
