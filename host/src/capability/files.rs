//! `wasi:filesystem`: the datasites, as far as they were granted.
//!
//! Each operation finds its path by name, asks `guard::Guard`, and only then
//! touches the tree. Regular files and folders exist for guests, nothing else.

mod bindings;
mod datasites_dir;
mod guard;
mod guest_path;
mod interface;
mod listing;
mod open;
mod own_writes;
mod policy;
mod rules;
mod sender;
mod stamp;
mod streams;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use syft_manifest::Limits;
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;
use wasmtime::component::{HasData, Linker, ResourceTable};

use bindings::types::DescriptorFlags;
use bindings::{ErrorCode, preopens, types};
pub use datasites_dir::DatasitesDir;
pub(crate) use guard::Guard;
use guard::{Slot, hint};
pub(crate) use guest_path::MAX_PATH_BYTES;
pub use guest_path::{GuestPath, NamedPath, PathError};
pub use listing::Listing;
use own_writes::CallWrites;
pub(crate) use own_writes::OwnWrites;
pub use policy::Grants;
pub(crate) use policy::{Policy, Want};
pub use rules::{Broken, Rules, Ruling};
pub(crate) use sender::Sender;
pub(crate) use stamp::stamp_at;

use super::Identity;
use crate::meter::{Meter, Part};

/// Where guests find the datasites.
const MOUNT: &str = "/datasites";

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

/// What an app may do with files: nothing, as long as nothing was granted.
#[derive(Default)]
pub struct FileAccess {
    root: Option<Arc<DatasitesDir>>,
    grants: Grants,
    policy: Arc<Policy>,
    own_writes: Option<Arc<OwnWrites>>,
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
            policy: Arc::new(Policy::new(grants, datasite, app)),
            own_writes: None,
        })
    }

    /// Says which line would allow the app to read what a pattern stands for, of which
    /// a path is an example.
    pub(crate) fn hint_to_read(&self, pattern: &PathPattern, example: &[&str]) -> Option<String> {
        let sender_may_read = || Err(String::new());
        let decided = self.policy.decide(example, Want::Read, sender_may_read);
        let path = GuestPath::of(pattern.as_str());
        decided.err().map(|denied| hint(&path, Want::Read, &denied))
    }

    /// Takes note from now on of what calls do to files.
    pub(crate) fn track_own_writes(&mut self) {
        self.own_writes = Some(Arc::default());
    }

    /// Returns what calls do to files, where note is taken of it.
    pub(crate) fn own_writes(&self) -> Option<&Arc<OwnWrites>> {
        self.own_writes.as_ref()
    }

    /// Returns the folder of all datasites, if there are any.
    pub(crate) fn root(&self) -> Option<&Arc<DatasitesDir>> {
        self.root.as_ref()
    }

    /// Has guests see the datasites folder that lies at its path now, if the datasite is
    /// in it.
    pub(crate) fn stay_current(&self, datasite: &Datasite) {
        let is_there = |root: &Arc<DatasitesDir>| root.stay_current(datasite.as_str());
        if !self.root.as_ref().is_none_or(is_there) {
            tracing::debug!("the datasite is not there");
        }
    }

    /// Returns what was granted.
    pub(crate) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Returns what may be done with which file.
    pub(crate) fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Returns the files of one call. The sender is given where it is known for
    /// sure.
    pub(crate) fn for_call(
        &self,
        sender: Option<String>,
        limits: &Limits,
        identity: &Identity,
        request: &Arc<str>,
        meter: &Meter,
    ) -> Guard {
        let (root, policy) = (self.root.clone(), Arc::clone(&self.policy));
        let own_writes = self.own_writes.clone().zip(root.clone());
        let own_writes = own_writes
            .map(|(own_writes, root)| CallWrites::new(own_writes, root, meter.nothing(Part::Held)));
        let app = Arc::clone(&identity.app);
        Guard::new(
            root,
            policy,
            Sender::new(sender),
            limits,
            meter,
            own_writes,
            app,
            Arc::clone(request),
        )
    }
}

/// Something that a guest has open.
pub enum Descriptor {
    /// A folder is only its name: it is opened anew by each operation.
    Folder(GuestPath, Option<Slot>),
    /// A file stays the one that was opened.
    File(Arc<OpenFile>),
}

/// An open file.
pub struct OpenFile {
    file: File,
    path: GuestPath,
    flags: DescriptorFlags,
    guard: Guard,
    _slot: Slot,
}

impl Descriptor {
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
