//! What a call may still do with files: the policy, and the budgets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use syft_manifest::Limits;
use syft_protocol::file_events::FileStamp;
use syft_system::{Dir, Stat, SystemError};

use super::access::{Access, Granted, Refusal, Root, ToWrite};
use super::bindings::ErrorCode;
use super::datasites_dir::{DatasitesDir, Known, known};
use super::guest_path::{GuestPath, Mount};
use super::mirror::Mirror;
use super::own_folder::{OwnFolder, StagedRoom};
use super::own_writes::CallWrites;
use super::policy::{FilePolicy, PathRights, Want};
use super::refusals::RefusalLog;
use super::sender::CallSender;
use super::staging::Staging;
use super::temporary::Temporary;
use super::tree::Tree;
use crate::capability::{CallSpan, SpanOf};
use crate::meter::{Charge, MemoryRefused, Meter, Part};
use crate::recording::Recorder;
use crate::state::Effects;
use crate::wire::FileLimit;

/// The files of one call.
#[derive(Clone)]
pub(crate) struct Guard(Arc<Inner>);

struct Inner {
    tree: Option<Tree>,
    temporary: Temporary,
    own_folder: Option<Arc<OwnFolder>>,
    program: Option<Arc<DatasitesDir>>,
    staging: Option<Staging>,
    /// What is staged for the app's own folder.
    staged_room: Option<StagedRoom>,
    policy: Arc<FilePolicy>,
    sender: CallSender,
    budget: Budget,
    /// Kept where events of what others write are delivered to the app.
    own_writes: Option<CallWrites>,
    log: RefusalLog,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(Tree::Away(mirror)) = &self.tree {
            mirror.forget();
        }
    }
}

/// The folders that a call reaches.
pub(super) struct Folders {
    pub(super) tree: Option<Tree>,
    pub(super) temporary: Temporary,
    pub(super) own_folder: Option<Arc<OwnFolder>>,
    /// The files of the program itself, where they are apart from its component.
    pub(super) program: Option<Arc<DatasitesDir>>,
    /// What the call changes below the datasites, where that is not done at once.
    pub(super) staging: Option<Staging>,
}

/// The note that a call changes a file.
pub(super) struct OwnFileWrite<'a> {
    writes: &'a CallWrites,
    path: &'a GuestPath,
}

impl OwnFileWrite<'_> {
    /// Takes note of how it left the file.
    pub(super) fn end(self, after: Option<FileStamp>) {
        self.writes.end(self.path, after);
    }
}

/// What is left of the limits of a call.
pub(super) struct Budget {
    limits: Limits,
    meter: Meter,
    written_bytes: AtomicU64,
    open_files: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limits: &Limits, meter: &Meter) -> Self {
        Self {
            limits: limits.clone(),
            meter: meter.clone(),
            written_bytes: AtomicU64::new(0),
            open_files: AtomicUsize::new(0),
        }
    }
}

impl Guard {
    /// Returns the folder of all datasites, if it is on this machine.
    pub(super) fn root(&self) -> Option<&DatasitesDir> {
        Some(self.0.tree.as_ref()?.here()?)
    }

    /// Returns what stands for the datasites of another machine, if they are there.
    pub(super) fn mirror(&self) -> Option<&Arc<Mirror>> {
        match &self.0.tree {
            Some(Tree::Away(mirror)) => Some(mirror),
            _ => None,
        }
    }

    /// Returns the limits of the call.
    pub(super) fn limits(&self) -> &Limits {
        &self.0.budget.limits
    }

    /// Returns the meter of the call.
    pub(super) fn meter(&self) -> &Meter {
        &self.0.budget.meter
    }

    /// Returns the app's own folder, where it has one.
    pub(super) fn own_folder(&self) -> Option<&Arc<OwnFolder>> {
        self.0.own_folder.as_ref()
    }

    /// Returns what is told of what the call may not.
    pub(super) fn log(&self) -> &RefusalLog {
        &self.0.log
    }

    /// Tells whether the app was granted anything.
    pub(super) fn has_some(&self) -> bool {
        match self.mirror() {
            Some(mirror) => mirror.has_some(),
            None => !self.0.policy.is_empty(),
        }
    }

    /// Tells whether the call has a temporary folder.
    pub(super) fn has_temporary(&self) -> bool {
        self.0.temporary.is_there()
    }

    /// Returns what takes note of the call, if anything does.
    pub(super) fn recorder(&self) -> Option<&Recorder> {
        self.0.sender.recorder()
    }

    pub(super) fn new(
        folders: Folders,
        policy: Arc<FilePolicy>,
        sender: CallSender,
        budget: Budget,
        own_writes: Option<CallWrites>,
        log: RefusalLog,
    ) -> Self {
        let Folders {
            tree,
            temporary,
            own_folder,
            program,
            staging,
        } = folders;
        let staged_room = own_folder.clone().filter(|_| staging.is_some());
        let staged_room = staged_room.map(StagedRoom::new);
        Self(Arc::new(Inner {
            tree,
            temporary,
            own_folder,
            program,
            staging,
            staged_room,
            policy,
            sender,
            budget,
            own_writes,
            log,
        }))
    }

    /// Returns the folders that a guest finds at the top.
    pub(super) fn mounts(&self) -> impl Iterator<Item = Mount> {
        let has_temporary = self.has_some() && self.has_temporary();
        let temporary = has_temporary.then_some(Mount::Temporary);
        let program = self.0.program.is_some().then_some(Mount::Program);
        // There also where nothing in it is granted, so that who asks is told in the log what
        // would allow it.
        let mounts = [temporary, Some(Mount::Datasites), program];
        mounts.into_iter().flatten()
    }

    /// Decides what may be done with a path, without a word in the log.
    pub(super) fn access(&self, path: GuestPath) -> Access<'_> {
        let (root, rights) = match path.mount() {
            Mount::Datasites => self.access_in_tree(&path),
            Mount::Temporary => (Root::Temporary(&self.0.temporary), PathRights::all()),
            Mount::Program => (
                Root::Program(self.0.program.as_deref()),
                PathRights::to_read(),
            ),
        };
        Access::new(path, root, &self.0.sender, rights)
    }

    fn access_in_tree(&self, path: &GuestPath) -> (Root<'_>, PathRights) {
        let staging = self.0.staging.as_ref();
        if let (Some(mirror), Some(staging)) = (self.mirror(), staging) {
            return (Root::Away(staging), mirror.rights(path));
        }
        let (policy, root) = (&self.0.policy, self.root());
        let rights = match root {
            Some(root) => policy.decide_in(root, &path.names()),
            None => policy.decide(&path.names()),
        };
        (Root::Datasites(root, staging), rights)
    }

    /// Makes sure that something was granted.
    pub(super) fn enforce<'a, What>(
        &self,
        decided: Result<Granted<'a, What>, Refusal<'_>>,
    ) -> Result<Granted<'a, What>, ErrorCode> {
        decided.map_err(|refusal| self.refuse(&refusal))
    }

    /// Refuses, and says so in the log. What may not be read does not exist for a guest; what
    /// may not be written is said to be so.
    pub(super) fn refuse(&self, refusal: &Refusal<'_>) -> ErrorCode {
        self.log_refusal(refusal);
        match refusal.want {
            Want::See | Want::Read => ErrorCode::NoEntry,
            Want::Write | Want::MakeFolder => ErrorCode::NotPermitted,
        }
    }

    /// Changes a file, and takes note of it.
    pub(super) fn changing<T>(
        &self,
        path: &GuestPath,
        look: impl Fn() -> Option<FileStamp>,
        change: impl FnOnce() -> T,
    ) -> Result<T, ErrorCode> {
        let writes = self.0.own_writes.as_ref();
        let Some(writes) = writes.filter(|_| path.mount() == Mount::Datasites) else {
            return Ok(change());
        };
        if self.0.staging.is_some() {
            self.reserve(path)?;
            return Ok(change());
        }
        if let Err(code) = writes.begin(path, look()) {
            self.log_limit(path, FileLimit::Noted);
            return Err(code);
        }
        let result = change();
        writes.end(path, look());
        Ok(result)
    }

    /// Takes note that a file of the tree is to be changed.
    pub(super) fn reserve(&self, path: &GuestPath) -> Result<(), ErrorCode> {
        let Some(writes) = &self.0.own_writes else {
            return Ok(());
        };
        let reserved = writes.reserve(path, || self.root()?.stamp(path).ok()?);
        reserved.inspect_err(|_| self.log_limit(path, FileLimit::Noted))
    }

    /// As [`Guard::changing`], for what changes the file that has a name.
    pub(super) fn changing_name<T>(
        &self,
        granted: &Granted<'_, ToWrite>,
        change: impl FnOnce() -> T,
    ) -> Result<T, ErrorCode> {
        self.log_granted(granted.path(), Want::Write);
        let look = || self.root()?.stamp(granted.path()).ok()?;
        self.changing(granted.path(), look, change)
    }

    /// Returns what the call has staged of a path.
    pub(super) fn staging(&self, path: &GuestPath) -> Option<&Staging> {
        let staging = self.0.staging.as_ref();
        staging.filter(|_| path.mount() == Mount::Datasites)
    }

    /// Returns what the call has staged, if it stages anything.
    pub(super) fn all_staged(&self) -> Option<&Staging> {
        self.0.staging.as_ref()
    }

    /// Says why a file was not copied that is to be changed.
    pub(super) fn not_copied(&self, path: &GuestPath, error: SystemError) -> ErrorCode {
        if error != SystemError::TooLarge || self.0.staging.is_none() {
            return error.into();
        }
        self.log_limit(path, FileLimit::Copied);
        ErrorCode::Quota
    }

    /// Returns what the call has changed and nobody else has seen, if it has. It can change
    /// nothing more.
    pub(crate) fn take_staged(&self) -> Option<Box<dyn Effects>> {
        let staging = self.0.staging.as_ref()?;
        Some(Box::new(staging.writes(staging.end()?, self)?))
    }

    /// Takes note that a file is about to be changed, as it was found before, if note is taken of
    /// that at all.
    pub(super) fn own_write<'a>(
        &'a self,
        path: &'a GuestPath,
        before: Option<FileStamp>,
    ) -> Option<OwnFileWrite<'a>> {
        let writes = self.0.own_writes.as_ref()?;
        if writes.begin(path, before).is_err() {
            tracing::debug!("no note is taken of what the app changes itself");
            return None;
        }
        Some(OwnFileWrite { writes, path })
    }

    /// As [`Guard::own_write`], for several files.
    pub(super) fn own_writes<'a>(
        &'a self,
        paths: impl IntoIterator<Item = &'a GuestPath>,
    ) -> Vec<OwnFileWrite<'a>> {
        let Some(root) = self.root() else {
            return Vec::new();
        };
        let begin = |path| self.own_write(path, root.stamp(path).ok().flatten());
        paths.into_iter().filter_map(begin).collect()
    }

    /// Takes note that they are changed.
    pub(super) fn end_own(&self, writes: Vec<OwnFileWrite<'_>>) {
        let Some(root) = self.root() else {
            return;
        };
        for write in writes {
            let found = root.stamp(write.path).ok().flatten();
            write.end(found);
        }
    }

    /// Takes bytes to be written from the budget.
    pub(super) fn spend(&self, path: &GuestPath, bytes: u64) -> Result<(), ErrorCode> {
        let limit = self.0.budget.limits.written_bytes;
        let spent = &self.0.budget.written_bytes;
        let within = |spent: u64| spent.checked_add(bytes).filter(|sum| *sum <= limit);
        let spend = spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        if spend.is_ok() {
            return self.spend_of_own_folder(path, bytes);
        }
        self.log_limit(path, FileLimit::Written);
        Err(ErrorCode::Quota)
    }

    /// Takes what a file that is moved there holds from the room of the app's own folder.
    pub(super) fn spend_moved(
        &self,
        from: &GuestPath,
        to: &GuestPath,
        bytes: u64,
    ) -> Result<(), ErrorCode> {
        if self.is_in_own_folder(from) {
            return Ok(());
        }
        self.spend_of_own_folder(to, bytes)
    }

    fn is_in_own_folder(&self, path: &GuestPath) -> bool {
        match (self.mirror(), &self.0.own_folder) {
            (Some(mirror), _) => mirror.is_in_own_folder(path),
            (None, own) => own.as_ref().is_some_and(|own| own.contains(path)),
        }
    }

    fn spend_of_own_folder(&self, path: &GuestPath, bytes: u64) -> Result<(), ErrorCode> {
        if !self.is_in_own_folder(path) {
            return Ok(());
        }
        let fits = match (self.mirror(), &self.0.own_folder, self.root()) {
            (Some(mirror), ..) => mirror.spend_of_own_folder(bytes),
            (None, Some(own), Some(root)) => own.spend(root, bytes),
            _ => true,
        };
        if !fits {
            self.log_limit(path, FileLimit::OwnFolder);
            return Err(ErrorCode::Quota);
        }
        if let Some(room) = &self.0.staged_room {
            room.add(bytes);
        }
        Ok(())
    }

    /// Takes a place among the open files, until it is dropped, to do something with a path.
    pub(super) fn open_slot(
        &self,
        path: &GuestPath,
        what: &'static str,
    ) -> Result<Slot, ErrorCode> {
        let limit = self.0.budget.limits.open_files;
        if self.0.budget.open_files.fetch_add(1, Ordering::Relaxed) < limit {
            let charge = self.0.budget.meter.nothing(Part::Held);
            return Ok(Slot {
                span: self.span(path, what),
                guard: self.clone(),
                charge,
            });
        }
        self.0.budget.open_files.fetch_sub(1, Ordering::Relaxed);
        self.log_limit(path, FileLimit::Open);
        Err(ErrorCode::Quota)
    }

    /// Begins the span of something that is opened: it has failed until that was done.
    fn span(&self, path: &GuestPath, what: &'static str) -> CallSpan {
        let spans = &self.log().label().spans;
        let mut span = spans.begin(SpanOf::File, || format!("{what} {}", path.shown()));
        span.set_failure(|| "it was not opened".to_owned());
        span
    }

    /// Returns what something is to guests. What is nothing to them is logged, granted or not.
    pub(super) fn known(&self, path: &GuestPath, stat: &Stat) -> Result<Known, ErrorCode> {
        known(stat).map_err(|what| {
            self.log_unfit(path, what);
            ErrorCode::NoEntry
        })
    }

    /// Looks at what is to be changed.
    pub(super) fn find_at(&self, granted: &Granted<'_, ToWrite>) -> Result<Known, ErrorCode> {
        self.known(granted.path(), &granted.look()?)
    }

    /// Looks at what has a name in an open folder, of which the path is given.
    pub(super) fn find(
        &self,
        path: &GuestPath,
        folder: &Dir,
        name: &str,
    ) -> Result<(Known, Stat), ErrorCode> {
        let stat = folder.look(name)?;
        Ok((self.known(path, &stat)?, stat))
    }
}

/// A place among the open files, and what the host holds for the file.
pub struct Slot {
    guard: Guard,
    charge: Charge,
    span: CallSpan,
}

impl Slot {
    /// Takes note that what it is for was opened.
    pub(super) fn opened(&mut self) {
        self.span.unset_failure();
    }

    /// Counts bytes that the host holds for what is open.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), MemoryRefused> {
        self.charge.grow(bytes)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let budget = &self.guard.0.budget;
        budget.open_files.fetch_sub(1, Ordering::Relaxed);
    }
}
