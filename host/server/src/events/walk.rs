//! A walk over the datasites for watched files, which goes on where it stopped.
//!
//! The datasites take turns, and each begins anew a while after all of it was read, whatever
//! is left of others. So anything that one author puts into the tree delays what happens
//! beside it, and hides nothing. What is kept in mind of a datasite is a few folders for each
//! level of it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use syft_protocol::file_events::FileStamp;
use syft_system::DirCursor;

use super::scope::{FileScan, MAX_FILES};

/// What it costs in names to open a folder.
pub(super) const OPENING: usize = 8;

/// Folders of a folder that are kept in mind until they are read.
pub(super) const FOLDERS_AT_ONCE: usize = 64;

/// Names that are read of a datasite before others have their turn, and those after which a
/// part of the walk is over.
const SLICE: usize = 5_000;
const PART: usize = 200_000;

/// The time after which a datasite is read again while others are not over yet.
const AGAIN: Duration = Duration::from_secs(5);

/// How far a walk has come.
pub(super) struct Walk {
    branches: VecDeque<Branch>,
    /// Datasites that have a branch.
    known: HashSet<Arc<str>>,
    slice: usize,
    part: usize,
}

/// How far it has come in one datasite, or among the datasites themselves.
pub(super) struct Branch {
    top: Arc<str>,
    /// Folders that are to be read, from where on. The next one is the last.
    pub(super) left: Vec<(Arc<str>, DirCursor)>,
    /// Files that were found since it began, and the datasites.
    seen: HashSet<Arc<str>>,
    datasites: HashSet<Arc<str>>,
    ended: Option<Instant>,
}

/// What was read of a folder.
#[derive(Default)]
pub(super) struct FolderRead {
    pub(super) n_names: usize,
    pub(super) files: HashMap<Arc<str>, FileStamp>,
    pub(super) folders: Vec<Arc<str>>,
    /// Where there is more.
    pub(super) rest: Option<DirCursor>,
}

impl Walk {
    pub(super) fn of_everything() -> Self {
        Self::of([Arc::from("")])
    }

    /// Returns a walk over some folders and all below them.
    pub(super) fn of(folders: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self {
            branches: folders.into_iter().map(Branch::new).collect(),
            known: HashSet::new(),
            slice: SLICE,
            part: PART,
        }
    }

    #[cfg(test)]
    pub(super) fn of_slices(slice: usize, part: usize) -> Self {
        Self {
            slice,
            part,
            ..Self::of_everything()
        }
    }

    /// Has the branches read in turn, and returns when a part of the walk is over.
    pub(super) fn go_on(
        &mut self,
        scan: &mut FileScan,
        mut read: impl FnMut(&mut Branch, usize, &mut FileScan) -> usize,
    ) {
        let now = Instant::now();
        self.begin_anew(now);
        let mut cost = 0;
        while cost < self.part
            && let Some(mut branch) = self.next()
        {
            cost += read(&mut branch, self.slice, scan);
            if branch.left.is_empty() {
                branch.ended = Some(now);
                self.end(&mut branch, scan);
            }
            self.branches.push_back(branch);
        }
        scan.is_cut = self.branches.iter().any(|branch| !branch.left.is_empty());
    }

    fn begin_anew(&mut self, now: Instant) {
        let is_over = self.branches.iter().all(|branch| branch.left.is_empty());
        for branch in &mut self.branches {
            let is_due = is_over || branch.ended.is_some_and(|ended| now >= ended + AGAIN);
            if branch.left.is_empty() && is_due {
                *branch = Branch::new(Arc::clone(&branch.top));
            }
        }
    }

    /// Returns the branch that has its turn. Those of which all was read are passed over.
    fn next(&mut self) -> Option<Branch> {
        let at = self
            .branches
            .iter()
            .position(|branch| !branch.left.is_empty())?;
        self.branches.rotate_left(at);
        self.branches.pop_front()
    }

    /// Passes on what was found of a branch. Of the datasites, those that are new have a
    /// branch from now on, and those that are gone have none.
    fn end(&mut self, branch: &mut Branch, scan: &mut FileScan) {
        let seen = std::mem::take(&mut branch.seen);
        scan.over.push((Arc::clone(&branch.top), seen));
        if !branch.top.is_empty() {
            return;
        }
        let datasites = std::mem::take(&mut branch.datasites);
        let before = std::mem::replace(&mut self.known, datasites);
        let new = self.known.difference(&before).cloned();
        let gone: HashSet<Arc<str>> = before.difference(&self.known).cloned().collect();
        self.branches.retain(|branch| !gone.contains(&branch.top));
        self.branches.extend(new.map(Branch::new));
        scan.gone.extend(gone);
    }
}

impl Branch {
    fn new(top: Arc<str>) -> Self {
        Self {
            left: vec![(Arc::clone(&top), DirCursor::default())],
            top,
            seen: HashSet::new(),
            datasites: HashSet::new(),
            ended: None,
        }
    }

    /// Takes note of what was read of a folder.
    pub(super) fn take(&mut self, path: Arc<str>, read: FolderRead, scan: &mut FileScan) {
        self.left.extend(read.rest.map(|cursor| (path, cursor)));
        if self.top.is_empty() {
            self.datasites.extend(read.folders)
        } else {
            let folders = read.folders.into_iter();
            let folders = folders.map(|path| (path, DirCursor::default()));
            self.left.extend(folders);
        }
        let room = MAX_FILES.saturating_sub(self.seen.len());
        self.seen.extend(read.files.keys().take(room).cloned());
        scan.files.extend(read.files);
    }
}
