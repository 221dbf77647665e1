//! Finds the requests that lie in the tree. The watcher only hints; this is the
//! truth.
//!
//! A folder is read in slices, each of which goes on where the one before stopped, and the
//! folders take turns. So any number of names, whatever they are, delays what lies among
//! them and beside them, and hides nothing.
//!
//! Why: docs/decisions/01-scans-are-the-truth.md

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::sync::Arc;

use syft_protocol::address::{Address, Endpoint, Folder, RequestId};
use syft_protocol::inbox::{Found, Stamp};
use syft_system::{Dir, DirCursor, SystemError};

use super::names::{Names, read_names};
use super::quiet::Quiet;
use super::read::stamp;
use super::watch::{FolderGrade, TreeWatcher, WatchResult};
use super::{Tree, path_of};

/// Names that are read of an endpoint before others have their turn, and what it costs in
/// names to open a folder.
const SLICE: usize = 50_000;
const OPENING: usize = 8;

/// Names of an endpoint's own folder that are read at once: the folders of senders among
/// them are kept in mind until they are read.
const OWN_AT_ONCE: usize = 10_000;

/// A scan, and what it found.
#[derive(Default)]
pub struct TreeScan {
    /// Which requests it is for.
    pub which: ScanFilter,
    /// Watches the folders that are read, before they are.
    pub watcher: Option<Arc<TreeWatcher>>,
    /// The requests.
    pub found: Vec<Found>,
    /// A folder has more names than were read.
    pub is_cut: bool,
}

/// How far the scan of an endpoint has come: it goes over the endpoint's own folder and
/// those of its senders, and begins anew when it has seen all of it.
#[derive(Debug)]
pub struct EndpointScan {
    endpoint: Endpoint,
    own: DirCursor,
    is_own_over: bool,
    /// Senders whose folders were not read yet, and those that have more names.
    senders: VecDeque<String>,
    cut: VecDeque<(String, DirCursor)>,
    /// Looks at the sizes of answers, and takes empty ones for none. That costs a
    /// system call for each, and a running host leaves no such files.
    is_thorough: bool,
    /// What need not be read.
    quiet: Quiet,
    skipped: SkippedEntries,
    last_skipped: SkippedEntries,
    /// Names in a slice.
    slice: usize,
}

/// Which requests a scan is for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum ScanFilter {
    /// Those without an answer.
    #[default]
    Unanswered,
    /// All of them.
    All,
}

/// Counts of things that look like requests and are none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SkippedEntries {
    /// `*.request` files whose stem is no UUID.
    pub not_ids: usize,
    /// `*.request` names that are folders, symlinks, FIFOs or devices.
    pub not_files: usize,
    /// Symlinks in the place of a sender's folder.
    pub linked_folders: usize,
    /// Folders that could not be read.
    pub unreadable: usize,
}

impl AddAssign for SkippedEntries {
    fn add_assign(&mut self, other: Self) {
        self.not_ids += other.not_ids;
        self.not_files += other.not_files;
        self.linked_folders += other.linked_folders;
        self.unreadable += other.unreadable;
    }
}

impl TreeScan {
    /// Returns a scan for unanswered requests that has the folders watched.
    pub fn watching(watcher: Option<Arc<TreeWatcher>>) -> Self {
        Self {
            watcher,
            ..Self::default()
        }
    }

    /// Returns where the requests lie.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.found.iter().flat_map(|found| {
            let at = |id: &RequestId| Address::new(Arc::clone(&found.folder), *id);
            found.ids.iter().map(at)
        })
    }

    /// Has a folder watched that is open.
    fn cover(&self, dir: &Dir, folder: &Folder, grade: FolderGrade) -> WatchResult {
        let watcher = self.watcher.as_ref();
        watcher.map_or(WatchResult::Watched, |watcher| {
            watcher.cover(dir, folder, grade)
        })
    }
}

impl EndpointScan {
    /// Returns the beginning of the first scan of an endpoint, one of so many.
    pub fn new(endpoint: Endpoint, n_endpoints: usize) -> Self {
        Self {
            endpoint,
            own: DirCursor::default(),
            is_own_over: false,
            senders: VecDeque::new(),
            cut: VecDeque::new(),
            is_thorough: true,
            quiet: Quiet::new(n_endpoints),
            skipped: SkippedEntries::default(),
            last_skipped: SkippedEntries::default(),
            slice: SLICE,
        }
    }

    /// As [`EndpointScan::new`], and trusts the sizes of answers.
    pub fn brief(endpoint: Endpoint) -> Self {
        Self {
            is_thorough: false,
            ..Self::new(endpoint, 1)
        }
    }

    /// Has folders read as well that do not seem to have changed.
    pub fn read_whole(&mut self) {
        self.quiet.forget();
    }

    /// Returns what was skipped when all was seen for the last time.
    pub fn last_skipped(&self) -> SkippedEntries {
        self.last_skipped
    }

    fn segments(&self) -> Vec<&str> {
        self.endpoint.segments().collect()
    }

    fn is_at_start(&self) -> bool {
        !self.is_own_over && self.own.is_at_start()
    }

    fn end(&mut self) {
        self.own = DirCursor::default();
        self.is_own_over = false;
        self.is_thorough = false;
        self.quiet.turn();
        self.last_skipped = std::mem::take(&mut self.skipped);
    }
}

impl Tree {
    /// Scans a slice of an endpoint, and tells whether all of it was seen.
    pub fn scan_slice(&self, course: &mut EndpointScan, scan: &mut TreeScan) -> bool {
        if course.is_at_start() {
            self.cover_way(course, scan);
        }
        let parent = self
            .rpc
            .open_folder_below(&path_of(course.endpoint.segments()));
        let (mut left, mut is_turn_of_cut) = (course.slice, true);
        loop {
            if left == 0 {
                return false;
            }
            let cost = if let Some(sender) = course.senders.pop_front() {
                self.read_sender(course, &parent, sender, DirCursor::default(), left, scan)
            } else if (is_turn_of_cut || course.is_own_over)
                && let Some((sender, cursor)) = course.cut.pop_front()
            {
                is_turn_of_cut = false;
                self.read_sender(course, &parent, sender, cursor, left, scan)
            } else if !course.is_own_over {
                is_turn_of_cut = true;
                self.read_own(course, left.min(OWN_AT_ONCE), scan)
            } else {
                course.end();
                return true;
            };
            left = left.saturating_sub(cost);
        }
    }

    /// Scans the beginning of one folder that is new, or may be.
    pub fn scan_folder(&self, folder: Folder, scan: &mut TreeScan) {
        let dir = self.open_to_read(&folder);
        let mut reading = Reading {
            grade: FolderGrade::New,
            ..Reading::of(folder, SLICE)
        };
        match dir.and_then(|dir| reading.take(dir, scan)) {
            Ok(_) => scan.is_cut |= reading.is_cut,
            Err(error) if error.is_absent() => {}
            Err(error) => self.tell(error),
        }
    }

    /// Has the folders watched that lead to an endpoint.
    fn cover_way(&self, course: &EndpointScan, scan: &TreeScan) {
        let segments = course.segments();
        for end in 0..segments.len() {
            let way = segments[..end].join("/");
            if let (Some(watcher), Ok(dir)) = (&scan.watcher, self.rpc.open_folder_below(&way)) {
                watcher.cover_way(&dir, &way);
            }
        }
    }

    /// Reads on in an endpoint's own folder.
    fn read_own(&self, course: &mut EndpointScan, most: usize, scan: &mut TreeScan) -> usize {
        let Some(folder) = Folder::parse(&course.segments()) else {
            course.is_own_over = true;
            return 0;
        };
        let dir = self.open_to_read(&folder);
        let mut reading = Reading {
            cursor: std::mem::take(&mut course.own),
            is_thorough: course.is_thorough,
            ..Reading::of(folder, most)
        };
        let names = self.read(dir, &mut reading, course, scan);
        course.own = reading.cursor;
        course.is_own_over = !reading.is_cut;
        course.senders.extend(names.senders);
        names.n_read + OPENING
    }

    /// Reads on in the folder of a sender, if something may have come there.
    fn read_sender(
        &self,
        course: &mut EndpointScan,
        parent: &Result<Dir, SystemError>,
        sender: String,
        cursor: DirCursor,
        most: usize,
        scan: &mut TreeScan,
    ) -> usize {
        let segments = course.segments();
        let path: Vec<&str> = segments.iter().copied().chain([&*sender]).collect();
        let (Ok(parent), Some(folder)) = (parent, Folder::parse(&path)) else {
            return OPENING;
        };
        if cursor.is_at_start() && course.quiet.passes(parent, &sender) {
            return 1;
        }
        let dir = parent.open_folder_to_read(&sender);
        let mut reading = Reading {
            cursor,
            is_thorough: course.is_thorough,
            ..Reading::of(folder, most)
        };
        let names = self.read(dir, &mut reading, course, scan);
        if reading.is_cut {
            course.cut.push_back((sender, reading.cursor));
        }
        names.n_read + OPENING
    }

    fn read(
        &self,
        dir: Result<Dir, SystemError>,
        reading: &mut Reading,
        course: &mut EndpointScan,
        scan: &mut TreeScan,
    ) -> Names {
        match dir.and_then(|dir| reading.take(dir, scan)) {
            Ok(names) => {
                course.skipped += names.skipped;
                if let Some(stamp) = reading.quiet_as {
                    course.quiet.add(stamp);
                }
                names
            }
            Err(error) => {
                reading.is_cut = false;
                if !error.is_absent() {
                    course.skipped.unreadable += 1;
                    self.tell(error);
                }
                Names::default()
            }
        }
    }

    fn open_to_read(&self, folder: &Folder) -> Result<Dir, SystemError> {
        self.rpc
            .open_folder_below_to_read(&path_of(folder.segments()))
    }

    fn tell(&self, error: SystemError) {
        tracing::debug!(path = %self.path.display(), "cannot read a folder: {error}");
    }
}

/// A folder that is being read.
struct Reading {
    folder: Arc<Folder>,
    cursor: DirCursor,
    most: usize,
    is_thorough: bool,
    grade: FolderGrade,
    /// There are more names.
    is_cut: bool,
    /// Nothing waits in it as long as it is like this.
    quiet_as: Option<Stamp>,
}

impl Reading {
    fn of(folder: Folder, most: usize) -> Self {
        Self {
            folder: Arc::new(folder),
            cursor: DirCursor::default(),
            most,
            is_thorough: false,
            grade: FolderGrade::Idle,
            is_cut: false,
            quiet_as: None,
        }
    }

    /// Reads on, and passes on what is found.
    fn take(&mut self, dir: Dir, scan: &mut TreeScan) -> Result<Names, SystemError> {
        let before = dir.look_at_itself()?;
        let is_first = self.cursor.stay_in(before.id);
        let mut covered = if is_first {
            scan.cover(&dir, &self.folder, self.grade)
        } else {
            WatchResult::Watched
        };
        let is_sender = self.folder.sender().is_some();
        let mut names = self.names(&dir, scan.which)?;
        if is_first && is_sender && !names.requests.is_empty() {
            // Who sends is watched before others. What has come since it was read is seen.
            let was_covered = covered;
            covered = scan.cover(&dir, &self.folder, FolderGrade::Active);
            if was_covered != WatchResult::Watched && covered == WatchResult::Watched {
                self.cursor = DirCursor::default();
                self.cursor.stay_in(before.id);
                names = self.names(&dir, scan.which)?;
            }
        }
        let is_whole = is_first && !self.is_cut;
        let is_quiet = names.requests.is_empty() && names.skipped == SkippedEntries::default();
        if is_sender && is_whole && is_quiet && covered != WatchResult::Refused {
            self.quiet_as = Some(stamp(&before));
        }
        let ids = std::mem::take(&mut names.requests);
        if !ids.is_empty() {
            scan.found.push(Found {
                folder: Arc::clone(&self.folder),
                ids,
                is_first,
            });
        }
        Ok(names)
    }

    fn names(&mut self, dir: &Dir, which: ScanFilter) -> Result<Names, SystemError> {
        let is_first = self.cursor.is_at_start();
        let mut names = read_names(dir, &mut self.cursor, self.most, self.is_thorough)?;
        self.is_cut = !self.cursor.is_at_start();
        if which == ScanFilter::Unanswered {
            let is_whole = is_first && !self.is_cut;
            names.leave_out_answered(dir, is_whole, self.is_thorough);
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests;
