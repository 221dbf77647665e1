//! Finds the requests that lie in the tree. The watcher only hints; this is the
//! truth.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use cap_std::fs::{Dir, DirEntry};
use syft_protocol::address::{Address, Endpoint, FileKind, Folder, RequestId, request_file};

use super::read::is_absent;
use super::{Tree, Watcher};

/// The most requests that one scan returns, and names that it holds of one folder.
/// More wait for a later scan.
const MAX_FOUND: usize = 200_000;
const MAX_NAMES: usize = 400_000;

/// A scan, and what it found.
#[derive(Default)]
pub struct Scan {
    /// Which requests it is for.
    pub which: Which,
    /// Watches the folders that are read, before they are.
    pub watcher: Option<Arc<Watcher>>,
    /// The folders are new: others of the same names may have been watched before.
    pub is_new: bool,
    /// Looks at the sizes of answers, and takes empty ones for none. That costs a
    /// system call for each, and a running host leaves no such files.
    pub is_thorough: bool,
    /// The requests.
    pub requests: Vec<Address>,
    /// Things that look like requests and are none.
    pub skipped: Skipped,
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
    pub fn watching(watcher: Option<Arc<Watcher>>, is_new: bool) -> Self {
        Self {
            watcher,
            is_new,
            ..Self::default()
        }
    }
}

impl Tree {
    /// Scans an endpoint: its own folder and those of its senders.
    pub fn scan_endpoint(&self, endpoint: &Endpoint, scan: &mut Scan) {
        let segments: Vec<&str> = endpoint.segments().collect();
        if let Some(watcher) = &scan.watcher {
            for end in 1..segments.len() {
                watcher.cover(&segments[..end], scan.is_new);
            }
        }
        let Some(folder) = Folder::parse(&segments) else {
            return;
        };
        let Some(senders) = self.scan_folder(folder, scan) else {
            return;
        };
        for sender in senders {
            let path: Vec<&str> = segments.iter().copied().chain([sender.as_str()]).collect();
            if let Some(folder) = Folder::parse(&path) {
                self.scan_folder(folder, scan);
            }
        }
    }

    /// Scans one folder, and returns the names of the folders in it that are a
    /// sender's, if it can be read.
    pub fn scan_folder(&self, folder: Folder, scan: &mut Scan) -> Option<Vec<String>> {
        if scan.requests.len() >= MAX_FOUND {
            return None;
        }
        if let Some(watcher) = &scan.watcher {
            let names: Vec<&str> = folder.segments().collect();
            watcher.cover(&names, scan.is_new);
        }
        let names = self
            .open_folder(&folder)
            .and_then(|dir| read_names(&dir, scan.is_thorough, &mut scan.skipped));
        match names {
            Ok(names) => {
                let (folder, which) = (Arc::new(folder), scan.which);
                let wanted = names
                    .requests
                    .into_iter()
                    .filter(|id| which == Which::All || !names.responses.contains(id))
                    .map(|id| Address::new(Arc::clone(&folder), id));
                scan.requests.extend(wanted);
                Some(names.senders)
            }
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

#[derive(Default)]
struct Names {
    requests: Vec<RequestId>,
    responses: HashSet<RequestId>,
    senders: Vec<String>,
}

fn read_names(dir: &Dir, is_thorough: bool, skipped: &mut Skipped) -> io::Result<Names> {
    let mut names = Names::default();
    for entry in dir.entries()?.take(MAX_NAMES) {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name();
        // A name that is not UTF-8 is neither an id nor an email.
        let Some(name) = name.to_str() else {
            continue;
        };
        match request_file(name) {
            FileKind::Request(id) if kind.is_file() => names.requests.push(id),
            FileKind::Request(_) => skipped.not_files += 1,
            FileKind::Response(_) if is_thorough && kind.is_file() && is_empty(&entry) => {}
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

fn is_empty(entry: &DirEntry) -> bool {
    entry.metadata().is_ok_and(|found| found.len() == 0)
}

fn is_sender(name: &str) -> bool {
    Folder::parse(&[name]).is_some_and(|folder| folder.sender().is_some())
}
