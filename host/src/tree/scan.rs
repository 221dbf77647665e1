//! Finds the requests that lie in the tree. The watcher only hints; this is the
//! truth.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use cap_std::fs::Dir;
use syft_protocol::address::{Address, Endpoint, FileKind, Folder, RequestId, request_file};

use super::Tree;
use super::read::is_absent;

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// The requests, those that have an answer only if asked for.
    pub requests: Vec<Address>,
    /// Things that look like requests and are none.
    pub skipped: Skipped,
}

/// Which requests a scan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those without an answer.
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

impl Tree {
    /// Adds the requests of an endpoint: in its own folder and in those of its
    /// senders.
    pub fn scan_endpoint(&self, endpoint: &Endpoint, which: Which, scan: &mut Scan) {
        let segments: Vec<&str> = endpoint.segments().collect();
        let Some(folder) = Folder::parse(&segments) else {
            return;
        };
        let Some(senders) = self.scan_folder(folder, which, scan) else {
            return;
        };
        for sender in senders {
            let path: Vec<&str> = segments.iter().copied().chain([sender.as_str()]).collect();
            if let Some(folder) = Folder::parse(&path) {
                self.scan_folder(folder, which, scan);
            }
        }
    }

    /// Adds the requests of one folder, and returns the names of the folders in
    /// it that are a sender's, if it can be read.
    pub fn scan_folder(
        &self,
        folder: Folder,
        which: Which,
        scan: &mut Scan,
    ) -> Option<Vec<String>> {
        let names = self
            .open_folder(&folder)
            .and_then(|dir| read_names(&dir, &mut scan.skipped));
        match names {
            Ok(names) => {
                let folder = Arc::new(folder);
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
                    tracing::warn!(path = %self.path.display(), "cannot read a folder: {error}");
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

fn read_names(dir: &Dir, skipped: &mut Skipped) -> io::Result<Names> {
    let mut names = Names::default();
    for entry in dir.entries()? {
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

fn is_sender(name: &str) -> bool {
    Folder::parse(&[name]).is_some_and(|folder| folder.sender().is_some())
}
