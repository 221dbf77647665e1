//! Files of the datasites, which the host of the owner has.
//!
//! Paths are below the folder of all datasites, without a slash at an end; the empty one is that
//! folder.

use serde::{Deserialize, Serialize};
use syft_protocol::file_events::{FileStamp, FileTime};

use super::bounds::at_most;

/// The most paths that are looked at in one call.
pub const MOST_LOOKED_AT: usize = 64;

/// The most bytes of a file in one message.
pub const MOST_FILE_BYTES: usize = 512 << 10;

/// The most entries of a folder in one message.
pub const MOST_ENTRIES: usize = 1_024;

/// The most that is noted between two calls: a guest that goes on after that is known.
pub const MOST_NOTES: usize = 256;

/// What a call finds of files before it asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedFiles {
    /// Something is granted at all.
    pub has_some: bool,
    /// It has a temporary folder.
    pub has_temporary: bool,
    /// The app's own folder, where that is bounded.
    pub own_folder: Option<OwnRoom>,
}

/// The app's own folder, and what still fits into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnRoom {
    /// Its path.
    pub path: String,
    /// The bytes that fit into it.
    pub bytes: u64,
}

/// What a worker asks about files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCall {
    /// What it has to say first.
    #[serde(deserialize_with = "at_most::<MOST_NOTES, _, _>")]
    pub notes: Vec<FileNote>,
    /// What it wants.
    pub want: FileWant,
}

/// What a worker wants of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileWant {
    /// Nothing: it has something to say.
    Nothing,
    /// To know what is at paths, and what may be done with it.
    Look(#[serde(deserialize_with = "at_most::<MOST_LOOKED_AT, _, _>")] Vec<String>),
    /// To open what is at a path, to read it or also to write it.
    Open {
        /// The path.
        path: String,
        /// It is to be written as well.
        writes: bool,
    },
    /// A part of an open file.
    Read {
        /// Which.
        handle: u32,
        /// From which byte on.
        offset: u64,
        /// At most so many bytes.
        bytes: u32,
    },
    /// What is in a folder.
    List {
        /// The folder.
        path: String,
        /// What for.
        purpose: ListPurpose,
    },
    /// More of it.
    ListOn {
        /// Which.
        handle: u32,
    },
    /// To give a part of a file that the call has written.
    Write {
        /// The number of the file among those that the call gives.
        blob: u32,
        /// At which byte.
        offset: u64,
        /// The bytes.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
}

/// What a folder is listed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListPurpose {
    /// The guest wants to know what is in it.
    Show,
    /// All that is in it is to be moved.
    Move,
    /// It is to be removed, if nothing is in it.
    Remove,
}

/// Something about files that is to be logged or forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileNote {
    /// The guest was refused something.
    Refused(NotedPath, FileRight),
    /// It was given something.
    Granted(NotedPath, FileRight),
    /// There is something that does not exist for guests.
    Unfit(NotedPath),
    /// A path leads out of the folders that the guest sees: the one that it starts from, and the
    /// path.
    Outside(NotedPath, String),
    /// The guest has come to a limit.
    Limit(NotedPath, FileLimit),
    /// What was open is not needed any more.
    Closed(u32),
}

/// A path of a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotedPath {
    /// One below the datasites.
    Datasites(String),
    /// One in the temporary folder of the call.
    Temporary(String),
}

/// What a guest may do with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the policy says it")]
pub enum FileRight {
    See,
    Read,
    Write,
    MakeFolder,
}

/// A limit of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileLimit {
    /// Of files that are open at a time.
    Open,
    /// Of bytes that are written.
    Written,
    /// Of bytes that are copied to be changed.
    Copied,
    /// Of what the app's own folder holds.
    OwnFolder,
    /// Of what a folder has in it that is moved.
    Moved,
    /// Of files of which the host takes note that the app itself changes them.
    Noted,
}

/// Why something cannot be done, as the number that Linux has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFault(pub i32);

/// What a worker is told about files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileReply {
    /// It is done.
    Done,
    /// What is at the paths, in their order.
    Looked(#[serde(deserialize_with = "at_most::<MOST_LOOKED_AT, _, _>")] Vec<Looked>),
    /// What is at the path, and what was opened.
    Opened(Box<Looked>, Result<Opened, FileFault>),
    /// A part of a file; less than was asked for only at its end.
    Part(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Some of what is in a folder.
    Listed(FolderPart),
    /// It cannot be done.
    Fault(FileFault),
    /// The worker asks for what no guest could ask for, and the call will fail.
    Breach,
}

/// What may be done with a path, and what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// The folder may be known.
    pub see: bool,
    /// The file may be read.
    pub read: bool,
    /// It may be written.
    pub write: bool,
    /// A folder may be made.
    pub make_folder: bool,
    /// What is there.
    pub found: Result<FoundThing, FileFault>,
    /// Whether there is a folder around it.
    pub parent: Result<(), FileFault>,
    /// Whether names in that can be changed.
    pub names: Result<(), FileFault>,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FoundThing {
    /// A file.
    File(Seen),
    /// A folder.
    Folder(Seen),
    /// A file of which the call may know nothing else.
    SomeFile,
    /// Something that does not exist for guests.
    Unfit,
}

/// What is known of a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The number of the device.
    pub device: u64,
    /// Which state of which file it is.
    pub stamp: SeenStamp,
    /// When it was last read: seconds and nanoseconds.
    pub accessed: (i64, u32),
}

/// As [`FileStamp`]. Times are seconds and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "`FileStamp` says it")]
pub struct SeenStamp {
    pub inode: u64,
    pub born: (i64, u32),
    pub bytes: u64,
    pub modified: (i64, u32),
    pub changed: (i64, u32),
    pub mode: u32,
}

/// Something that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// What it is.
    pub found: FoundThing,
    /// What is in it.
    pub content: FileContent,
}

/// The content of what was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileContent {
    /// It is no file.
    None,
    /// All of it.
    Whole(#[serde(with = "serde_bytes")] Vec<u8>),
    /// It is large: its parts can be read by this handle until it is closed.
    InParts(u32),
}

/// Some of what is in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderPart {
    /// What is in it.
    #[serde(deserialize_with = "at_most::<MOST_ENTRIES, _, _>")]
    pub entries: Vec<ListedEntry>,
    /// By which more can be asked for, if there may be more.
    pub more: Option<u32>,
}

/// One thing in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedEntry {
    /// Its name; none where it is not the call's to know, or no text.
    pub name: Option<String>,
    /// It is a folder.
    pub is_folder: bool,
}

/// What a call changed in files: one step. Those of a call are done in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileEffect {
    /// What the call does stands on a file as it was then.
    Found {
        /// The path.
        path: String,
        /// How it was; none, where nothing was there.
        stamp: Option<SeenStamp>,
    },
    /// The call wrote to a file that others had replaced: it is to run again.
    Stale,
    /// A file gets another place.
    Move {
        /// Where it is.
        from: String,
        /// Where it goes.
        to: String,
        /// Which file.
        file: WireFileId,
    },
    /// A folder is made, in the place of a file if there is one.
    MakeFolder {
        /// The path.
        path: String,
        /// The file.
        over: Option<WireFileId>,
    },
    /// A file is removed.
    Remove {
        /// The path.
        path: String,
        /// Which file.
        file: WireFileId,
    },
    /// A folder is removed, if nothing is in it.
    RemoveFolder {
        /// The path.
        path: String,
    },
    /// A file that the worker has given gets its place.
    Put {
        /// The path.
        path: String,
        /// The file.
        blob: u32,
        /// Its size.
        bytes: u64,
        /// Where in the tree the file lies that it was made of, which it is like in its mode.
        of: Option<String>,
        /// When it was last read and written.
        times: (FileMoment, FileMoment),
    },
    /// A folder gets other times.
    SetTimes {
        /// The path.
        path: String,
        /// When it was last read and written: seconds, and nanoseconds as `utimensat` takes them.
        times: ((i64, i64), (i64, i64)),
    },
}

/// Which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireFileId {
    /// Its number.
    pub inode: u64,
    /// When it was made: seconds and nanoseconds.
    pub born: (i64, u32),
}

/// A time of a file. The clock of a worker is not that of the owner's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileMoment {
    /// By the guest, or by the file that it was made of: seconds and nanoseconds.
    At(i64, u32),
    /// So many nanoseconds ago, while the call ran.
    Ago(u64),
}

impl From<&FileStamp> for SeenStamp {
    fn from(stamp: &FileStamp) -> Self {
        let pair = |time: FileTime| (time.seconds, time.nanos);
        Self {
            inode: stamp.inode,
            born: pair(stamp.born),
            bytes: stamp.bytes,
            modified: pair(stamp.modified),
            changed: pair(stamp.changed),
            mode: stamp.mode,
        }
    }
}

impl From<&SeenStamp> for FileStamp {
    fn from(stamp: &SeenStamp) -> Self {
        let time = |(seconds, nanos)| FileTime { seconds, nanos };
        Self {
            inode: stamp.inode,
            born: time(stamp.born),
            bytes: stamp.bytes,
            modified: time(stamp.modified),
            changed: time(stamp.changed),
            mode: stamp.mode,
        }
    }
}
