//! The files that an app watches and may read, as they are in the tree.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{Dir, FileType, OFlags};
use rustix::io::Errno;
use syft_protocol::address::Datasite;
use syft_protocol::file_events::{FileStamp, LookResult};
use syft_protocol::pattern::{Effort, Globs};

use super::hints::HintQueue;
use crate::capability::files::{MAX_PATH_BYTES, Place, Policy, Root, Want, stamp_at};

/// Files that an app may watch, and folders that one scan reads.
pub(super) const MAX_FILES: usize = 100_000;
const MAX_FOLDERS: usize = 200_000;

/// What of the tree concerns an app.
pub(super) struct WatchScope {
    root: Arc<Root>,
    /// Whose app it is.
    datasite: Datasite,
    coverage: Coverage,
}

/// The files that any of some patterns means and that a policy lets an app read.
pub(super) struct Coverage {
    globs: Vec<Globs>,
    policy: Arc<Policy>,
}

/// What a scan found.
#[derive(Default)]
pub(super) struct FileScan {
    pub(super) files: HashMap<Arc<str>, FileStamp>,
    pub(super) n_folders: usize,
    /// The datasite is not there, so nothing is known of any file.
    pub(super) is_vain: bool,
    /// There is more than is read.
    pub(super) is_cut: bool,
}

impl Coverage {
    pub(super) fn new(globs: Vec<Globs>, policy: Arc<Policy>) -> Self {
        Self { globs, policy }
    }

    /// Tells whether a file concerns the app.
    pub(super) fn covers(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        self.covers_names(&names)
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

    fn covers_names(&self, names: &[&str]) -> bool {
        self.globs.iter().any(|globs| globs.matches(names)) && self.may(names, Want::Read)
    }

    /// Tells whether a folder may hold files that concern the app.
    fn leads_on_from(&self, names: &[&str]) -> bool {
        self.globs.iter().any(|globs| globs.leads_on_from(names)) && self.may(names, Want::See)
    }

    /// Nobody sends an event, so what is read on behalf of senders is not for it.
    fn may(&self, names: &[&str], want: Want) -> bool {
        let sender_may_read = || Err(String::new());
        self.policy.decide(names, want, sender_may_read).is_ok()
    }
}

impl WatchScope {
    pub(super) fn new(root: Arc<Root>, datasite: Datasite, coverage: Coverage) -> Self {
        Self {
            root,
            datasite,
            coverage,
        }
    }

    pub(super) fn covers(&self, path: &str) -> bool {
        self.coverage.covers(path)
    }

    /// Looks at one file. One that is gone with the whole datasite was not deleted.
    pub(super) fn look(&self, path: &str) -> LookResult {
        match self.root.stamp(&Place::of(path)) {
            Ok(Some(stamp)) if self.covers(path) => LookResult::File {
                age: age(&stamp),
                stamp,
            },
            Ok(_) if !self.root.is_current(self.datasite.as_str()) => LookResult::Unclear,
            Ok(_) => LookResult::Absent,
            Err(error) => {
                tracing::debug!(path, "cannot look at a file: {error}");
                LookResult::Unclear
            }
        }
    }

    /// Reads folders with all below them, having each watched before it is read.
    pub(super) fn scan(&self, folders: Vec<Arc<str>>, hints: &HintQueue) -> FileScan {
        let mut scan = FileScan {
            is_vain: !self.root.stay_current(self.datasite.as_str()),
            ..FileScan::default()
        };
        if scan.is_vain {
            return scan;
        }
        let mut left = folders;
        while let Some(path) = left.pop() {
            if scan.n_folders >= MAX_FOLDERS || scan.files.len() >= MAX_FILES {
                scan.is_cut = true;
                break;
            }
            scan.n_folders += 1;
            if let Err(error) = self.read(&path, hints, &mut scan, &mut left) {
                tracing::debug!(%path, "cannot read a folder: {error}");
            }
        }
        scan
    }

    fn read(
        &self,
        path: &Arc<str>,
        hints: &HintQueue,
        scan: &mut FileScan,
        left: &mut Vec<Arc<str>>,
    ) -> Result<(), Errno> {
        let parents: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        if !self.coverage.leads_on_from(&parents) {
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let folder = self.root.open_place(&Place::of(path), flags)?;
        hints.cover(folder.as_fd(), path);
        let mut entries = Dir::new(folder)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            // A guest cannot name what is not UTF-8, or what is too long.
            let name = entry.file_name().to_str().unwrap_or(".");
            if matches!(name, "." | "..") || path.len() + 1 + name.len() > MAX_PATH_BYTES {
                continue;
            }
            let names: Vec<&str> = parents.iter().copied().chain([name]).collect();
            let below = || Arc::from(names.join("/"));
            // Some file systems do not say what it is. Then both is tried.
            let (may_be_file, may_be_folder) = match entry.file_type() {
                FileType::RegularFile => (true, false),
                FileType::Directory => (false, true),
                FileType::Unknown => (true, true),
                _ => (false, false),
            };
            if may_be_file && self.coverage.covers_names(&names) {
                let found = stamp_at(entries.fd()?, name)?;
                scan.files.extend(found.map(|stamp| (below(), stamp)));
            }
            if may_be_folder && left.len() < MAX_FOLDERS {
                left.push(below());
            }
            if scan.files.len() >= MAX_FILES {
                break;
            }
        }
        Ok(())
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
            .retain(|path, stamp| match self.root.stamp(&Place::of(path)) {
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
