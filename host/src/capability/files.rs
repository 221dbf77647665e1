//! `wasi:filesystem`: the datasites, as far as they were granted.
//!
//! Each operation finds its place by name, asks `guard::Guard`, and only then
//! touches the tree. Regular files and folders exist for guests, nothing else.

mod bindings;
mod deeds;
mod guard;
mod interface;
mod listing;
mod open;
mod place;
mod policy;
mod rules;
mod sender;
mod stamp;
mod streams;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use syft_manifest::{Grants, Limits};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;
use wasmtime::component::{HasSelf, Linker};

use bindings::types::DescriptorFlags;
use bindings::{ErrorCode, preopens, types};
use deeds::CallDeeds;
pub(crate) use deeds::{Deed, Deeds};
pub(crate) use guard::Guard;
use guard::{Slot, hint};
pub use listing::Listing;
pub(crate) use place::MAX_PATH_BYTES;
pub use place::{Named, Place, Root};
pub(crate) use policy::{Policy, Want};
pub use rules::{Broken, Rules, Ruling};
pub(crate) use sender::Sender;
pub(crate) use stamp::stamp_at;

use crate::sandbox::Identity;
use crate::sandbox::meter::{Charge, Meter, Part};
use crate::sandbox::store::CallState;

/// Where guests find the datasites.
const MOUNT: &str = "/datasites";

/// Puts our files in the place of those that WASI's own implementation has.
pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    types::add_to_linker::<CallState, HasSelf<CallState>>(linker, |state| state)?;
    preopens::add_to_linker::<CallState, HasSelf<CallState>>(linker, |state| state)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What an app may do with files: nothing, as long as nothing was granted.
#[derive(Default)]
pub struct FileAccess {
    root: Option<Arc<Root>>,
    grants: Grants,
    policy: Arc<Policy>,
    deeds: Option<Arc<Deeds>>,
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
            root: Some(Arc::new(Root::open(datasites)?)),
            grants: grants.clone(),
            policy: Arc::new(Policy::new(grants, datasite, app)),
            deeds: None,
        })
    }

    /// Says which line would allow the app to read what a pattern stands for, of which
    /// a path is an example.
    pub(crate) fn hint_to_read(&self, pattern: &PathPattern, example: &[&str]) -> Option<String> {
        let sender_may_read = || Err(String::new());
        let decided = self.policy.decide(example, Want::Read, sender_may_read);
        let place = Place::of(pattern.as_str());
        decided
            .err()
            .map(|denied| hint(&place, Want::Read, &denied))
    }

    /// Takes note from now on of what calls do to files.
    pub(crate) fn note_deeds(&mut self) {
        self.deeds = Some(Arc::default());
    }

    /// Returns what calls do to files, where note is taken of it.
    pub(crate) fn deeds(&self) -> Option<&Arc<Deeds>> {
        self.deeds.as_ref()
    }

    /// Returns the folder of all datasites, if there are any.
    pub(crate) fn root(&self) -> Option<&Arc<Root>> {
        self.root.as_ref()
    }

    /// Has guests see the datasites folder that lies at its path now, if the datasite is
    /// in it.
    pub(crate) fn stay_current(&self, datasite: &Datasite) {
        let is_there = |root: &Arc<Root>| root.stay_current(datasite.as_str());
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
        let deeds = self.deeds.clone().zip(root.clone());
        let deeds =
            deeds.map(|(deeds, root)| CallDeeds::new(deeds, root, meter.nothing(Part::Held)));
        let app = Arc::clone(&identity.app);
        Guard::new(
            root,
            policy,
            Sender::new(sender),
            limits,
            deeds,
            app,
            Arc::clone(request),
        )
    }
}

/// Something that a guest has open.
pub enum Descriptor {
    /// A folder is only its name: it is opened anew by each operation.
    Folder(Place, Option<(Slot, Charge)>),
    /// A file stays the one that was opened.
    File(Arc<OpenFile>),
}

/// An open file.
pub struct OpenFile {
    file: File,
    place: Place,
    flags: DescriptorFlags,
    guard: Guard,
    _slot: (Slot, Charge),
}

impl Descriptor {
    fn folder(&self) -> Result<&Place, ErrorCode> {
        match self {
            Self::Folder(place, _) => Ok(place),
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
