//! The datasites of another machine, as a call on a worker finds them: what the host of their owner
//! says of each path that the guest names, and nothing before it names that.
//!
//! The operations are those of a call beside the tree. Before each of them `prepare` asks about its
//! paths, and the operation finds the answers here. What is read lies in private files of the
//! worker (`away_file`, `part_cache`), what is written is staged and given to the owner's host at
//! the end (`effects`).
//!
//! Why: docs/decisions/91-a-worker-mirrors-what-a-call-looks-at.md

mod away_entries;
mod away_file;
mod effects;
mod part_cache;
mod place;
mod prepare;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::file_events::FileStamp;
use syft_system::{Dir, FileId, FileType, Stat, StatTime, SystemError};

pub(super) use away_entries::AwayEntries;
pub(super) use away_file::AwayFile;
pub use place::MirrorPlace;
pub(super) use prepare::{Need, Preparation, wait_for};

use super::bindings::{FsError, FsResult};
use super::datasites_dir::{Known, known};
use super::guest_path::GuestPath;
use super::policy::PathRights;
use super::tree::TreeFile;
use crate::wire::{
    Ask, FileCall, FileNote, FileReply, FileWant, FoundThing, HandedFiles, HostReply, Looked,
    MOST_NOTES, OwnerLink, Seen, Unanswered,
};

const UNPOISONED: &str = "no holder of this lock panics";

/// The owner's host was not asked about a path before an operation on it.
const UNASKED: SystemError = SystemError::Io(0);

/// What stands for the datasites of another machine, for one call.
pub(super) struct Mirror {
    place: Arc<MirrorPlace>,
    link: OwnerLink,
    /// Whose datasites they are: what was read of others is none of the call's business.
    owner: String,
    has_some: bool,
    own_room: Option<Room>,
    /// A folder of this machine.
    stand_in: Dir,
    answers: Mutex<Answers>,
    notes: Mutex<Vec<FileNote>>,
}

/// The app's own folder, and what still fits into it.
struct Room {
    path: GuestPath,
    bytes: AtomicU64,
}

/// What the owner's host has said of paths, for the operation that comes next.
#[derive(Default)]
struct Answers {
    looked: HashMap<GuestPath, Looked>,
    /// Of paths that the call itself has changed: who asks again learns nothing new.
    kept: HashMap<GuestPath, Looked>,
    opened: HashMap<GuestPath, Result<TreeFile, SystemError>>,
    listed: HashMap<GuestPath, Result<AwayEntries, SystemError>>,
}

impl Mirror {
    pub(super) fn new(
        place: &Arc<MirrorPlace>,
        owner: &str,
        handed: &HandedFiles,
        link: OwnerLink,
    ) -> Result<Self, SystemError> {
        let own_room = handed.own_folder.as_ref().map(|own| Room {
            path: GuestPath::of(&own.path),
            bytes: AtomicU64::new(own.bytes),
        });
        Ok(Self {
            place: Arc::clone(place),
            link,
            owner: owner.to_owned(),
            has_some: handed.has_some,
            own_room,
            stand_in: place.open_folder()?,
            answers: Mutex::default(),
            notes: Mutex::default(),
        })
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().expect(UNPOISONED)
    }

    /// Forgets all answers: what was opened and not used holds this.
    pub(super) fn forget(&self) {
        let answers = std::mem::take(&mut *self.answers());
        drop(answers);
    }

    /// Tells whether the app was granted anything.
    pub(super) fn has_some(&self) -> bool {
        self.has_some
    }

    pub(super) fn is_in_own_folder(&self, path: &GuestPath) -> bool {
        let own = self.own_room.as_ref();
        own.is_some_and(|own| path.below(&own.path).is_some())
    }

    /// Takes bytes that are to be written to the app's own folder, and tells whether they fit.
    pub(super) fn spend_of_own_folder(&self, bytes: u64) -> bool {
        let order = Ordering::Relaxed;
        let spend = |left: u64| left.checked_sub(bytes);
        let own = self.own_room.as_ref();
        own.is_none_or(|own| own.bytes.fetch_update(order, order, spend).is_ok())
    }

    /// Says what may be done with a path.
    pub(super) fn rights(&self, path: &GuestPath) -> PathRights {
        PathRights::of_owner(self.answers().of(path))
    }

    /// Looks at a path that was asked about.
    pub(super) fn look(&self, path: &GuestPath) -> Result<Stat, SystemError> {
        match &self.answers().of(path).ok_or(UNASKED)?.found {
            Ok(found) => Ok(stat(found)),
            Err(fault) => Err((*fault).into()),
        }
    }

    /// Looks for a file at a path that was asked about.
    pub(super) fn stamp(&self, path: &GuestPath) -> Result<Option<FileStamp>, SystemError> {
        match &self.answers().of(path).ok_or(UNASKED)?.found {
            Ok(found) => Ok(stamp(found)),
            Err(fault) => match SystemError::from(*fault) {
                error if error.is_absent() => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Makes sure that there is a folder that holds a path.
    pub(super) fn check_parent(&self, path: &GuestPath) -> Result<(), SystemError> {
        let parent = self.answers().of(path).ok_or(UNASKED)?.parent;
        parent.map_err(SystemError::from)
    }

    /// Makes sure that names in the folder of a path can be changed.
    pub(super) fn may_change_names(&self, path: &GuestPath) -> Result<(), SystemError> {
        let names = self.answers().of(path).ok_or(UNASKED)?.names;
        names.map_err(SystemError::from)
    }

    /// Returns what was opened for the operation.
    pub(super) fn open(&self, path: &GuestPath) -> Result<TreeFile, SystemError> {
        self.answers().opened.remove(path).ok_or(UNASKED)?
    }

    /// Returns what was listed for the operation.
    pub(super) fn list(&self, path: &GuestPath) -> Result<AwayEntries, SystemError> {
        self.answers().listed.remove(path).ok_or(UNASKED)?
    }

    /// Returns a folder that stands for one at a path.
    pub(super) fn open_folder(&self, path: &GuestPath) -> Result<Dir, SystemError> {
        match known(&self.look(path)?) {
            Ok(Known::Folder) => self.stand_in.try_clone(),
            Ok(Known::File) => Err(SystemError::NotAFolder),
            Err(_) => Err(SystemError::NotFound),
        }
    }

    /// Takes something that the owner's host is to know, which leaves with the next question.
    pub(super) fn note(&self, note: FileNote) {
        self.notes.lock().expect(UNPOISONED).push(note);
    }

    fn take_notes(&self) -> Vec<FileNote> {
        let mut notes = self.notes.lock().expect(UNPOISONED);
        let most = notes.len().min(MOST_NOTES);
        notes.drain(..most).collect()
    }

    /// Asks the owner's host.
    async fn ask_owner(&self, want: FileWant) -> Result<FileReply, Unanswered> {
        let notes = self.take_notes();
        match self.link.ask(Ask::Files(FileCall { notes, want })).await? {
            HostReply::Files(reply) if reply != FileReply::Breach => Ok(reply),
            _ => Err(self.link.mistold()),
        }
    }

    async fn ask(&self, want: FileWant) -> FsResult<FileReply> {
        let reply = self.ask_owner(want).await;
        reply.map_err(|unanswered| FsError::Trap(unanswered.into()))
    }

    /// Takes note that a reply is none to what was asked, which ends the call.
    fn mistold(&self) -> FsError {
        FsError::Trap(self.link.mistold().into())
    }
}

impl Answers {
    fn of(&self, path: &GuestPath) -> Option<&Looked> {
        self.looked.get(path).or_else(|| self.kept.get(path))
    }
}

/// What a file looks like of which nothing is to be known.
const NOTHING_KNOWN: Seen = Seen {
    device: 0,
    stamp: crate::wire::SeenStamp {
        inode: 0,
        born: (0, 0),
        bytes: 0,
        modified: (0, 0),
        changed: (0, 0),
        mode: 0,
    },
    accessed: (0, 0),
};

fn stamp(found: &FoundThing) -> Option<FileStamp> {
    match found {
        FoundThing::File(seen) => Some(FileStamp::from(&seen.stamp)),
        FoundThing::Folder(_) | FoundThing::SomeFile | FoundThing::Unfit => None,
    }
}

/// Returns what something looks like here.
fn stat(found: &FoundThing) -> Stat {
    match found {
        FoundThing::File(seen) => stat_of(seen, FileType::File),
        FoundThing::Folder(seen) => stat_of(seen, FileType::Folder),
        FoundThing::SomeFile => stat_of(&NOTHING_KNOWN, FileType::File),
        // Whatever it is, it does not exist for guests.
        FoundThing::Unfit => stat_of(&NOTHING_KNOWN, FileType::Other),
    }
}

fn stat_of(seen: &Seen, kind: FileType) -> Stat {
    let Seen {
        device,
        stamp,
        accessed,
    } = *seen;
    let time = |(seconds, nanos)| StatTime { seconds, nanos };
    Stat {
        kind,
        bytes: stamp.bytes,
        id: FileId {
            device,
            file: stamp.inode,
        },
        links: 1,
        modified: time(stamp.modified),
        changed: time(stamp.changed),
        accessed: time(accessed),
        born: None,
        mode: stamp.mode,
    }
}
