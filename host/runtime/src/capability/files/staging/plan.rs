//! What is to be done with the tree once a call is kept, step by step. It is kept with the state
//! of the call, so that another process can finish it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use syft_protocol::file_events::FileStamp;
use syft_system::{SetTime, SetTimes, StatTime};

use super::super::guest_path::GuestPath;
use super::overlay::{InTree, Made, MovedFile, Node, Overlay};

/// Steps that can each be done twice: what is done already is recognized.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct Plan {
    pub(in super::super) steps: Vec<Step>,
}

/// One change in the tree. A file of the tree is given by its number, so that no other is taken
/// for it that has come in its place.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum Step {
    Move {
        from: String,
        to: String,
        file: FileNumber,
    },
    /// Makes a folder, in the place of a file if there is one.
    MakeFolder {
        path: String,
        over: Option<FileNumber>,
    },
    Remove {
        path: String,
        file: FileNumber,
    },
    RemoveFolder {
        path: String,
    },
    /// Puts a staged file in its place.
    Put {
        path: String,
        file: String,
    },
    SetTimes {
        path: String,
        times: Times,
    },
}

/// What tells a file from others, also from one that gets its number once it is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct FileNumber {
    pub(in super::super) inode: u64,
    pub(in super::super) born: (i64, u32),
}

/// What stands for nanoseconds where a time becomes that of now, and where it stays: as Linux has
/// them, and plans that earlier hosts wrote.
pub(in super::super) const NOW: i64 = (1 << 30) - 1;
pub(in super::super) const KEEP: i64 = (1 << 30) - 2;

/// Times to be set: seconds and nanoseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(in super::super) struct Times {
    pub(in super::super) access: (i64, i64),
    pub(in super::super) modification: (i64, i64),
}

impl Plan {
    /// Returns what is to be done for what a call has changed: first what takes from the tree what
    /// is in it, then what removes, at last what puts something new there.
    pub(super) fn new(overlay: &Overlay) -> Self {
        let (mut first, mut removed) = (Vec::new(), Vec::new());
        let (mut folders, mut put) = (Vec::new(), Vec::new());
        for (path, Node { in_tree, made }) in &overlay.nodes {
            let path = path.clone();
            let is_folder = matches!(in_tree, Some(InTree::Folder));
            let file = match in_tree {
                Some(InTree::File(file)) => Some(*file),
                _ => None,
            };
            match made {
                Made::Moved(MovedFile { from, file, step }) => {
                    let (from, to, file) = (from.text(), path, *file);
                    first.push((*step, Step::Move { from, to, file }));
                }
                Made::Folder(_) if is_folder => {}
                Made::Folder(step) => {
                    first.push((*step, Step::MakeFolder { path, over: file }));
                }
                Made::Nothing => match file {
                    Some(file) => removed.push(Step::Remove { path, file }),
                    None if is_folder => folders.push(Step::RemoveFolder { path }),
                    None => {}
                },
                Made::File(staged) => {
                    if is_folder {
                        folders.push(Step::RemoveFolder { path: path.clone() });
                    }
                    let file = staged.name().to_owned();
                    put.push(Step::Put { path, file });
                }
            }
        }
        first.sort_by_key(|(step, _)| *step);
        // What is in a folder comes before it.
        folders.reverse();
        let times = overlay.folder_times.iter().rev();
        let times = times.map(|(path, times)| Step::SetTimes {
            path: path.clone(),
            times: *times,
        });
        let first = first.into_iter().map(|(_, step)| step);
        let steps = first.chain(removed).chain(folders).chain(put).chain(times);
        Self {
            steps: steps.collect(),
        }
    }

    /// Returns all paths that are changed, but for times of folders.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| {
            let (one, other) = match step {
                Step::Move { from, to, .. } => (Some(from), Some(to)),
                Step::MakeFolder { path, .. }
                | Step::Remove { path, .. }
                | Step::RemoveFolder { path }
                | Step::Put { path, .. } => (Some(path), None),
                Step::SetTimes { .. } => (None, None),
            };
            one.into_iter().chain(other).map(String::as_str)
        })
    }

    /// Returns the folders in which it makes something, but for those that it makes itself.
    pub(super) fn folders_to_find(&self) -> BTreeSet<&str> {
        let steps = self.steps.iter();
        let made = steps.filter(|step| matches!(step, Step::MakeFolder { .. }));
        let made: BTreeSet<&str> = made.map(Step::text).collect();
        let folders = self.steps.iter().filter(|step| step.makes());
        let folders = folders.map(|step| folder_of(step.text()));
        folders.filter(|folder| !made.contains(folder)).collect()
    }

    /// Returns the folders in which names change.
    pub(super) fn changed_folders(&self) -> BTreeSet<&str> {
        self.paths().map(folder_of).collect()
    }

    /// Returns the names of the staged files that it puts in place.
    pub(super) fn staged_names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Put { file, .. } => Some(file.as_str()),
            _ => None,
        })
    }
}

impl Step {
    /// Returns the path of which it is.
    pub(super) fn path(&self) -> GuestPath {
        GuestPath::of(self.text())
    }

    fn text(&self) -> &str {
        match self {
            Self::Move { to: path, .. }
            | Self::MakeFolder { path, .. }
            | Self::Remove { path, .. }
            | Self::RemoveFolder { path }
            | Self::Put { path, .. }
            | Self::SetTimes { path, .. } => path,
        }
    }

    /// Tells whether a name is made by it.
    fn makes(&self) -> bool {
        matches!(
            self,
            Self::Move { .. } | Self::MakeFolder { .. } | Self::Put { .. }
        )
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl From<&FileStamp> for FileNumber {
    fn from(stamp: &FileStamp) -> Self {
        Self {
            inode: stamp.inode,
            born: (stamp.born.seconds, stamp.born.nanos),
        }
    }
}

impl Times {
    /// Returns what they are for the system.
    pub(super) fn to_set(self) -> SetTimes {
        SetTimes {
            accessed: time_of(self.access),
            modified: time_of(self.modification),
        }
    }

    /// Returns the times that are set, as they are shown meanwhile.
    pub(super) fn shown(self) -> [Option<StatTime>; 2] {
        [self.access, self.modification].map(|pair| match time_of(pair) {
            SetTime::At(time) => Some(time),
            SetTime::Now | SetTime::Keep => None,
        })
    }
}

fn time_of((seconds, nanos): (i64, i64)) -> SetTime {
    match nanos {
        NOW => SetTime::Now,
        KEEP => SetTime::Keep,
        nanos => SetTime::At(StatTime {
            seconds,
            nanos: nanos.try_into().unwrap_or(0),
        }),
    }
}

impl From<&SetTimes> for Times {
    fn from(times: &SetTimes) -> Self {
        let pair = |time| match time {
            SetTime::Now => (0, NOW),
            SetTime::Keep => (0, KEEP),
            SetTime::At(time) => (time.seconds, time.nanos.into()),
        };
        Self {
            access: pair(times.accessed),
            modification: pair(times.modified),
        }
    }
}
