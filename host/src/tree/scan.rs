//! Finds the requests that lie in the tree. The watcher only hints; this is the
//! truth.

use std::collections::HashSet;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Mode, OFlags, RawDir, Stat, fstat, openat};
use syft_protocol::address::{Address, Endpoint, FileKind, Folder, RequestId, request_file};
use syft_protocol::inbox::{Found, Stamp};

use super::read::{is_absent, is_outdated, look_at, stamp};
use super::{Tree, Watcher, open_path};
use crate::eyes::Interest;

/// The most requests that one scan returns, and names that it holds of one folder.
/// More wait for a later scan.
const MAX_FOUND: usize = 200_000;
const MAX_NAMES: usize = 400_000;

/// The age from which on a later change of a folder has another time: some file systems
/// count two seconds at once.
const SETTLED: Duration = Duration::from_secs(3);

/// Bytes of names that the kernel gives at once.
const NAME_BYTES: usize = 32 << 10;

/// A scan, and what it found.
#[derive(Default)]
pub struct Scan {
    /// Which requests it is for.
    pub which: Which,
    /// Watches the folders that are read, before they are.
    pub watcher: Option<Arc<Watcher>>,
    /// Looks at the sizes of answers, and takes empty ones for none. That costs a
    /// system call for each, and a running host leaves no such files.
    pub is_thorough: bool,
    /// What need not be read.
    pub quiet: Quiet,
    /// The requests.
    pub found: Vec<Found>,
    pub(super) n_found: usize,
    /// Things that look like requests and are none.
    pub skipped: Skipped,
}

/// Folders of senders that need not be read again as long as they stay as they are:
/// nothing waited in them, and what comes changes them.
#[derive(Debug, Default)]
pub struct Quiet {
    before: HashSet<Stamp>,
    now: HashSet<Stamp>,
}

/// Which requests a scan is for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those without an answer.
    #[default]
    Unanswered,
    /// All of them.
    All,
}

/// Counts of things that look like requests and are none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// `*.request` files whose stem is no UUID.
    pub not_ids: usize,
    /// `*.request` names that are folders, symlinks, FIFOs or devices.
    pub not_files: usize,
    /// Symlinks in the place of a sender's folder.
    pub linked_folders: usize,
    /// Folders that could not be read.
    pub unreadable: usize,
}

impl Scan {
    /// Returns a scan for unanswered requests that has the folders watched.
    pub fn watching(watcher: Option<Arc<Watcher>>) -> Self {
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

    /// Has a folder watched that is open, and tells whether all is known of it that
    /// can be.
    fn cover(&self, dir: BorrowedFd<'_>, path: &[&str], interest: Interest) -> bool {
        let watcher = self.watcher.as_ref();
        watcher.is_none_or(|watcher| watcher.cover(dir, &path.join("/"), interest))
    }
}

impl Quiet {
    /// Returns what the next scan need not read.
    #[must_use]
    pub fn next(self) -> Self {
        Self {
            before: self.now,
            now: HashSet::new(),
        }
    }

    /// Tells whether a folder need not be read.
    fn passes(&mut self, parent: BorrowedFd<'_>, name: &str) -> bool {
        if self.before.is_empty() {
            return false;
        }
        let found = look(parent, name).map(|found| stamp(&found));
        let known = found.filter(|found| self.before.contains(found));
        self.now.extend(known);
        known.is_some()
    }

    fn add(&mut self, stamp: Stamp) {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let settled = now.saturating_sub(SETTLED).as_nanos();
        if stamp.changed < i128::try_from(settled).unwrap_or(0) {
            self.now.insert(stamp);
        }
    }
}

impl Tree {
    /// Scans an endpoint: its own folder and those of its senders.
    pub fn scan_endpoint(&self, endpoint: &Endpoint, scan: &mut Scan) {
        let segments: Vec<&str> = endpoint.segments().collect();
        for end in 0..segments.len() {
            let way = &segments[..end];
            if let Ok(dir) = open_path(&self.rpc, way.iter().copied()) {
                scan.cover(dir.as_fd(), way, Interest::ArrivalsAndFolders);
            }
        }
        let Some(folder) = Folder::parse(&segments) else {
            return;
        };
        let Some((dir, senders)) = self.scan_folder(folder, scan) else {
            return;
        };
        for sender in senders {
            if scan.quiet.passes(dir.as_fd(), &sender) {
                continue;
            }
            let path: Vec<&str> = segments.iter().copied().chain([sender.as_str()]).collect();
            if let Some(folder) = Folder::parse(&path) {
                self.read_folder(folder, open_to_read(dir.as_fd(), &sender), scan);
            }
        }
    }

    /// Scans one folder. Returns it with the names of the folders in it that are a
    /// sender's, if it can be read.
    pub fn scan_folder(&self, folder: Folder, scan: &mut Scan) -> Option<(OwnedFd, Vec<String>)> {
        let dir = self.open_folder(&folder);
        let dir = dir.and_then(|dir| open_to_read(dir.as_fd(), "."));
        self.read_folder(folder, dir, scan)
    }

    fn read_folder(
        &self,
        folder: Folder,
        dir: io::Result<OwnedFd>,
        scan: &mut Scan,
    ) -> Option<(OwnedFd, Vec<String>)> {
        if scan.n_found >= MAX_FOUND {
            return None;
        }
        match dir.and_then(|dir| take_requests(folder, dir, scan)) {
            Ok(read) => Some(read),
            Err(error) => {
                if !is_absent(&error) {
                    scan.skipped.unreadable += 1;
                    tracing::debug!(path = %self.path.display(), "cannot read a folder: {error}");
                }
                None
            }
        }
    }
}

fn take_requests(
    folder: Folder,
    dir: OwnedFd,
    scan: &mut Scan,
) -> io::Result<(OwnedFd, Vec<String>)> {
    let path: Vec<&str> = folder.segments().collect();
    let interest = match folder.sender() {
        Some(_) => Interest::Arrivals,
        None => Interest::ArrivalsAndFolders,
    };
    let is_covered = scan.cover(dir.as_fd(), &path, interest);
    let (before, skipped) = (fstat(&dir)?, scan.skipped);
    let mut names = read_names(dir.as_fd(), scan.is_thorough, &mut scan.skipped)?;
    if scan.which == Which::Unanswered {
        // What may have been changed unseen is looked at.
        let is_any_outdated = scan.is_thorough || !is_covered;
        let is_done = |id: &RequestId| {
            let is_answered = names.responses.contains(id);
            is_answered && !(is_any_outdated && is_outdated(&dir, id, None))
        };
        names.requests.retain(|id| !is_done(id));
    }
    let is_quiet = names.requests.is_empty() && scan.skipped == skipped;
    if is_covered && is_quiet && !names.is_cut {
        scan.quiet.add(stamp(&before));
    }
    if !names.requests.is_empty() {
        scan.n_found += names.requests.len();
        scan.found.push(Found {
            folder: Arc::new(folder),
            ids: names.requests,
        });
    }
    Ok((dir, names.senders))
}

#[derive(Default)]
struct Names {
    requests: Vec<RequestId>,
    responses: HashSet<RequestId>,
    senders: Vec<String>,
    /// There are more.
    is_cut: bool,
}

fn read_names(dir: BorrowedFd<'_>, is_thorough: bool, skipped: &mut Skipped) -> io::Result<Names> {
    let mut names = Names::default();
    let mut buffer = [MaybeUninit::uninit(); NAME_BYTES];
    let mut entries = RawDir::new(dir, &mut buffer);
    let mut n_left = MAX_NAMES;
    while let Some(entry) = entries.next() {
        if n_left == 0 {
            names.is_cut = true;
            break;
        }
        n_left -= 1;
        let entry = entry?;
        // A name that is not UTF-8 is neither an id nor an email.
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        let kind = match entry.file_type() {
            // Some file systems do not say.
            FileType::Unknown => kind(dir, name),
            kind => kind,
        };
        match request_file(name) {
            FileKind::Request(id) if kind.is_file() => names.requests.push(id),
            FileKind::Request(_) => skipped.not_files += 1,
            FileKind::Response(_) if is_thorough && kind.is_file() && is_empty(dir, name) => {}
            // A folder there, too, keeps the request from being answered.
            FileKind::Response(id) if kind.is_file() || kind.is_dir() => {
                names.responses.insert(id);
            }
            FileKind::NotAnId => skipped.not_ids += 1,
            _ if kind.is_dir() && is_sender(name) => names.senders.push(name.to_owned()),
            _ if kind.is_symlink() && is_sender(name) => skipped.linked_folders += 1,
            _ => {}
        }
    }
    Ok(names)
}

/// Opens a folder that lies in another one.
fn open_to_read(parent: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?)
}

fn look(dir: BorrowedFd<'_>, name: &str) -> Option<Stat> {
    look_at(dir, name).ok().flatten()
}

fn kind(dir: BorrowedFd<'_>, name: &str) -> FileType {
    look(dir, name).map_or(FileType::Unknown, |found| {
        FileType::from_raw_mode(found.st_mode)
    })
}

fn is_empty(dir: BorrowedFd<'_>, name: &str) -> bool {
    look(dir, name).is_some_and(|found| found.st_size == 0)
}

fn is_sender(name: &str) -> bool {
    Folder::parse(&[name]).is_some_and(|folder| folder.sender().is_some())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rustix::fs::stat;
    use syft_protocol::address::{AppName, Datasite};

    use super::*;

    const SENDER: &str = "bob@x.org";

    fn scan(tree: &Tree, quiet: Quiet) -> Scan {
        let mut scan = Scan {
            quiet,
            ..Scan::default()
        };
        let endpoint = Endpoint::parse("echo").expect("an endpoint");
        tree.scan_endpoint(&endpoint, &mut scan);
        scan
    }

    fn write(folder: &Path, n: u32) {
        let name = format!("00000000-0000-4000-8000-{n:012}.request");
        fs::write(folder.join(name), "").expect("it can be written");
    }

    fn stamp_of(folder: &Path) -> Stamp {
        stamp(&stat(folder).expect("it is there"))
    }

    #[test]
    fn a_folder_is_read_again_once_something_came() {
        let site = tempfile::tempdir().expect("a folder");
        let (datasite, app) = (Datasite::parse("a@x.org"), AppName::parse("app"));
        let tree = Tree::open(site.path(), &datasite.expect("one"), &app.expect("one"));
        let tree = tree.expect("a tree");
        let folder = tree.path().join("echo").join(SENDER);
        fs::create_dir_all(&folder).expect("it can be made");
        write(&folder, 1);
        assert_eq!(scan(&tree, Quiet::default()).n_found, 1);
        let stamp = stamp_of(&folder);
        let quiet = || Quiet {
            before: HashSet::from([stamp]),
            now: HashSet::new(),
        };
        let passed = scan(&tree, quiet());
        assert_eq!(passed.n_found, 0, "it was told that there is nothing");
        assert_eq!(passed.quiet.now.len(), 1, "and says so to the next");
        for n in 2.. {
            write(&folder, n);
            if stamp_of(&folder) != stamp {
                break;
            }
        }
        assert!(scan(&tree, quiet()).n_found > 1);
    }

    #[test]
    fn a_folder_is_quiet_when_nothing_waits_there_and_its_time_is_past() {
        let mut quiet = Quiet::default();
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("later");
        for (inode, age) in [(1, 0), (2, 2), (3, 4)] {
            let changed = now.saturating_sub(Duration::from_secs(age)).as_nanos();
            quiet.add(Stamp {
                inode,
                bytes: 0,
                changed: i128::try_from(changed).expect("it fits"),
            });
        }
        let inodes: Vec<u64> = quiet.now.iter().map(|stamp| stamp.inode).collect();
        assert_eq!(inodes, [3]);
    }
}
