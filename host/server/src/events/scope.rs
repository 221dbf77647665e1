//! The files that an app watches and may read, as they are in the tree.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use syft_protocol::address::Datasite;
use syft_protocol::file_events::{FileStamp, LookResult};
use syft_protocol::pattern::{Effort, Globs};

use super::hints::HintQueue;
use super::walk::{Branch, FOLDERS_AT_ONCE, FolderRead, OPENING, Walk};
use syft_runtime::capability::files::{
    DatasitesDir, FilePolicy, GuestPath, MAX_PATH_BYTES, stamp_at,
};
use syft_system::{Dir, DirCursor, FileType};

/// Files that an app may watch.
pub(super) const MAX_FILES: usize = 100_000;

/// What of the tree concerns an app.
pub(super) struct WatchScope {
    root: Arc<DatasitesDir>,
    /// Whose app it is.
    datasite: Datasite,
    coverage: Coverage,
}

/// The files that any of some patterns means and that a policy lets an app read.
pub(super) struct Coverage {
    globs: Vec<Globs>,
    policy: Arc<FilePolicy>,
}

/// What a part of a scan found.
#[derive(Default)]
pub(super) struct FileScan {
    pub(super) files: HashMap<Arc<str>, FileStamp>,
    /// Datasites of which all was read, with the files that were found there, and those that
    /// are no longer there.
    pub(super) over: Vec<(Arc<str>, HashSet<Arc<str>>)>,
    pub(super) gone: Vec<Arc<str>>,
    /// The datasite is not there, so nothing is known of any file.
    pub(super) is_vain: bool,
    /// There is more to be read.
    pub(super) is_cut: bool,
}

impl Coverage {
    pub(super) fn new(globs: Vec<Globs>, policy: Arc<FilePolicy>) -> Self {
        Self { globs, policy }
    }

    /// Tells whether a file concerns the app, as far as patterns say.
    pub(super) fn covers(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        self.means(&names) && self.policy.decide(&names).read.is_granted()
    }

    /// Tells whether there could be a file that it covers. It may say so where there cannot.
    pub(super) fn may_cover_any(&self) -> bool {
        let mut effort = Effort::default();
        self.globs.iter().any(|globs| {
            globs.each().any(|glob| {
                let start = glob.literal_start();
                self.policy
                    .may_read_any(&start, |granted| glob.overlaps(granted, &mut effort))
            })
        })
    }

    fn means(&self, names: &[&str]) -> bool {
        self.globs.iter().any(|globs| globs.matches(names))
    }

    fn leads_on_from(&self, names: &[&str]) -> bool {
        self.globs.iter().any(|globs| globs.leads_on_from(names))
    }
}

impl WatchScope {
    pub(super) fn new(root: Arc<DatasitesDir>, datasite: Datasite, coverage: Coverage) -> Self {
        Self {
            root,
            datasite,
            coverage,
        }
    }

    /// Tells whether a file concerns the app, as it lies there.
    pub(super) fn covers(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        self.covers_names(&names)
    }

    /// Nobody sends an event, so what is read on behalf of senders is not for it.
    fn covers_names(&self, names: &[&str]) -> bool {
        let policy = &self.coverage.policy;
        self.coverage.means(names) && policy.decide_in(&self.root, names).read.is_granted()
    }

    /// Tells whether a folder may hold files that concern the app.
    fn leads_on_from(&self, names: &[&str]) -> bool {
        let policy = &self.coverage.policy;
        self.coverage.leads_on_from(names) && policy.decide_in(&self.root, names).see.is_granted()
    }

    /// Looks at one file. One that is gone with the whole datasite was not deleted.
    pub(super) fn look(&self, path: &str) -> LookResult {
        match self.root.stamp_and_tick(&GuestPath::of(path)) {
            Ok(Some((stamp, tick))) if self.covers(path) => LookResult::File {
                age: age(&stamp),
                stamp,
                tick,
            },
            Ok(_) if !self.root.is_current(self.datasite.as_str()) => LookResult::Unclear,
            Ok(_) => LookResult::Absent,
            Err(error) => {
                tracing::debug!(path, "cannot look at a file: {error}");
                LookResult::Unclear
            }
        }
    }

    /// Goes on with a walk for a while. Each folder is watched before it is read.
    pub(super) fn scan(&self, walk: &mut Walk, hints: &HintQueue) -> FileScan {
        let mut scan = FileScan {
            is_vain: !self.root.stay_current(self.datasite.as_str()),
            ..FileScan::default()
        };
        if !scan.is_vain {
            walk.go_on(&mut scan, |branch, most, scan| {
                self.read_branch(branch, most, hints, scan)
            });
        }
        scan
    }

    /// Reads about so many names.
    fn read_branch(
        &self,
        branch: &mut Branch,
        most: usize,
        hints: &HintQueue,
        scan: &mut FileScan,
    ) -> usize {
        let mut cost = 0;
        while cost < most
            && let Some((path, cursor)) = branch.left.pop()
        {
            cost += OPENING;
            let read = self.read(&path, cursor, most.saturating_sub(cost), hints);
            match read {
                Ok(read) => {
                    cost += read.n_names;
                    branch.take(path, read, scan);
                }
                Err(error) => tracing::debug!(%path, "cannot read a folder: {error}"),
            }
        }
        cost
    }

    fn read(
        &self,
        path: &Arc<str>,
        mut cursor: DirCursor,
        most: usize,
        hints: &HintQueue,
    ) -> io::Result<FolderRead> {
        let mut read = FolderRead::default();
        let parents: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        if !self.leads_on_from(&parents) {
            return Ok(read);
        }
        let folder = self.root.open_folder_to_read(&GuestPath::of(path))?;
        if cursor.stay_in(folder.look_at_itself()?.id) {
            hints.cover(&folder, path);
        }
        folder.read_on(&mut cursor, |entry| {
            read.n_names += 1;
            // A guest cannot name what is not UTF-8, or what is too long.
            if let Some(name) = entry.name
                && path.len() + 1 + name.len() <= MAX_PATH_BYTES
            {
                let names: Vec<&str> = parents.iter().copied().chain([name]).collect();
                self.sort_in(&folder, &names, entry.kind, &mut read);
            }
            let is_enough = read.n_names >= most || read.folders.len() >= FOLDERS_AT_ONCE;
            if is_enough {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        read.rest = (!cursor.is_at_start()).then_some(cursor);
        Ok(read)
    }

    fn sort_in(&self, folder: &Dir, names: &[&str], kind: Option<FileType>, read: &mut FolderRead) {
        let (path, name) = (|| Arc::from(names.join("/")), names[names.len() - 1]);
        // Some file systems do not say what it is. Then both is tried.
        let may_be_file = matches!(kind, Some(FileType::File) | None);
        let may_be_folder = matches!(kind, Some(FileType::Folder) | None);
        if may_be_file && self.covers_names(names) {
            match stamp_at(folder, name) {
                Ok(found) => read.files.extend(found.map(|stamp| (path(), stamp))),
                Err(error) => tracing::debug!(name, "cannot look at a file: {error}"),
            }
        }
        if may_be_folder && self.leads_on_from(names) {
            read.folders.push(path());
        }
    }

    /// Looks again at files that were changed so shortly before a scan that another
    /// change could have the same time.
    pub(super) fn look_again_at_new(&self, scan: &mut FileScan) {
        const TICK: Duration = Duration::from_millis(50);
        let is_new = |stamp: &FileStamp| age(stamp) < TICK;
        if !scan.files.values().any(is_new) {
            return;
        }
        std::thread::sleep(TICK);
        scan.files
            .retain(|path, stamp| match self.root.stamp(&GuestPath::of(path)) {
                Ok(Some(found)) => {
                    *stamp = found;
                    true
                }
                _ => false,
            });
    }
}

/// Returns the time since a file was changed; none where its clock is ahead of ours.
fn age(stamp: &FileStamp) -> Duration {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let changed = &stamp.changed;
    let seconds = u64::try_from(changed.seconds).unwrap_or(0);
    since_epoch.saturating_sub(Duration::new(seconds, changed.nanos))
}

#[cfg(test)]
mod tests;
