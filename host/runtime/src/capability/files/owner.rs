//! The owner's end of the files of a call that a worker runs: answers what the worker asks, by the
//! call's own guard, and judges at the end what the call has changed.
//!
//! What a worker says is a stranger's. What no guest could ask for is a breach of the rules: nothing
//! of the call counts then.
//!
//! Why: docs/decisions/91-a-worker-mirrors-what-a-call-looks-at.md

mod blobs;
mod effects;
mod handles;
mod listed;
mod look;
mod notes;

use std::sync::{Arc, Mutex, MutexGuard};

use syft_system::SystemError;

use blobs::Blobs;
use handles::{Handles, Held};
use listed::Listed;

use super::bindings::{ErrorCode, FsError};
use super::datasites_dir::DatasitesDir;
use super::guard::Guard;
use super::guest_path::GuestPath;
use super::staging::Staging;
use crate::meter::{Charge, Part};
use crate::wire::{FileCall, FileReply, FileWant, HandedFiles, MOST_FILE_BYTES, OwnRoom};

const UNPOISONED: &str = "no holder of this lock panics";

/// The files of a call that a worker runs.
#[derive(Clone)]
pub(crate) struct OwnerFiles(Arc<Inner>);

struct Inner {
    guard: Guard,
    handles: Mutex<Handles>,
    blobs: Mutex<Blobs>,
    /// For what the worker says that the call changes.
    charge: Mutex<Charge>,
    breach: Mutex<Option<String>>,
}

/// Why a worker does not get what it asks for.
enum Refused {
    Fault(SystemError),
    Breach(&'static str),
}

type Answered = Result<FileReply, Refused>;

impl OwnerFiles {
    /// Returns those of a call with this guard.
    pub(crate) fn new(guard: Guard) -> Self {
        let charge = guard.meter().nothing(Part::Held);
        Self(Arc::new(Inner {
            blobs: Mutex::new(Blobs::new(guard.limits())),
            guard,
            handles: Mutex::default(),
            charge: Mutex::new(charge),
            breach: Mutex::default(),
        }))
    }

    /// Returns what the worker gets with the call.
    pub(crate) fn handed(&self) -> HandedFiles {
        let guard = self.guard();
        let own_folder = guard.own_folder().filter(|_| guard.has_some());
        let own_folder = own_folder.zip(guard.root());
        HandedFiles {
            has_some: guard.has_some(),
            has_temporary: guard.has_temporary(),
            own_folder: own_folder.map(|(own, root)| OwnRoom {
                path: own.path().text(),
                bytes: own.room(root, guard.limits().written_bytes),
            }),
        }
    }

    /// Returns how the worker has broken the rules, if it has.
    pub(crate) fn breach(&self) -> Option<String> {
        self.0.breach.lock().expect(UNPOISONED).clone()
    }

    /// Answers what the worker asks.
    pub(crate) async fn answer(self, call: FileCall) -> FileReply {
        for note in call.notes {
            if let Err(Refused::Breach(why)) = self.take_note(note) {
                return self.break_off(why);
            }
        }
        let answered = match call.want {
            FileWant::Nothing => Ok(FileReply::Done),
            FileWant::Look(paths) => self.look(&paths),
            FileWant::Open { path, writes } => self.open(&path, writes).await,
            FileWant::Read {
                handle,
                offset,
                bytes,
            } => self.read(handle, offset, bytes),
            FileWant::List { path, purpose } => self.list(&path, purpose).await,
            FileWant::ListOn { handle } => self.list_on(handle).await,
            FileWant::Write {
                blob,
                offset,
                bytes,
            } => self.write(blob, offset, &bytes),
        };
        match answered {
            Ok(reply) => reply,
            Err(Refused::Fault(error)) => FileReply::Fault(error.into()),
            Err(Refused::Breach(why)) => self.break_off(why),
        }
    }

    /// Takes note that the worker broke the rules.
    fn break_off(&self, why: &str) -> FileReply {
        let mut breach = self.0.breach.lock().expect(UNPOISONED);
        breach.get_or_insert_with(|| why.to_owned());
        FileReply::Breach
    }

    fn guard(&self) -> &Guard {
        &self.0.guard
    }

    fn handles(&self) -> MutexGuard<'_, Handles> {
        self.0.handles.lock().expect(UNPOISONED)
    }

    fn blobs(&self) -> MutexGuard<'_, Blobs> {
        self.0.blobs.lock().expect(UNPOISONED)
    }

    /// Returns the tree, and what the call stages above it. A call without has nothing granted.
    fn tree(&self) -> Result<(&DatasitesDir, &Staging), Refused> {
        let guard = self.guard();
        let both = guard.root().zip(guard.all_staged());
        both.ok_or(Refused::Fault(SystemError::NotFound))
    }

    fn read(&self, handle: u32, offset: u64, bytes: u32) -> Answered {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes > MOST_FILE_BYTES {
            return Err(Refused::Breach("it reads more at once than it may"));
        }
        match self.handles().get(handle) {
            Some(Held::File(file)) => Ok(FileReply::Part(file.read(offset, bytes)?)),
            _ => Err(Refused::Breach("it reads what is not open")),
        }
    }

    fn write(&self, blob: u32, offset: u64, bytes: &[u8]) -> Answered {
        if bytes.len() > MOST_FILE_BYTES {
            return Err(Refused::Breach("it writes more at once than it may"));
        }
        let (_, staging) = self.tree()?;
        self.blobs().write(staging, blob, offset, bytes)?;
        Ok(FileReply::Done)
    }
}

/// Returns a path that a worker names.
fn path(text: &str) -> Result<GuestPath, Refused> {
    let path = GuestPath::of_worker(text);
    path.ok_or(Refused::Breach("it names what is no path"))
}

impl From<SystemError> for Refused {
    fn from(error: SystemError) -> Self {
        Self::Fault(error)
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self::Fault(match code {
            ErrorCode::Quota => SystemError::Quota,
            ErrorCode::InsufficientMemory => SystemError::OutOfMemory,
            ErrorCode::NoEntry => SystemError::NotFound,
            ErrorCode::NotPermitted => SystemError::NotPermitted,
            _ => SystemError::Io(0),
        })
    }
}

impl From<FsError> for Refused {
    fn from(error: FsError) -> Self {
        match error {
            FsError::Code(code) => code.into(),
            FsError::Trap(_) => Self::Fault(SystemError::Io(0)),
        }
    }
}
