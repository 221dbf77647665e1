//! The names in a folder, read from where the last look at it stopped.
//!
//! Why: docs/decisions/02-scans-read-in-slices.md

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, Stat, openat};
use syft_protocol::address::{FileKind, Folder, RequestId, request_file};

use super::cursor::Cursor;
use super::read::{is_outdated, look_at};
use super::scan::SkippedEntries;

/// Requests that one look returns.
const MOST_REQUESTS: usize = 20_000;

/// Some of the names in a folder.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) requests: Vec<RequestId>,
    pub(super) senders: Vec<String>,
    pub(super) skipped: SkippedEntries,
    /// How many names there were, of any kind.
    pub(super) n_read: usize,
    responses: HashSet<RequestId>,
}

/// Reads so many names. Afterwards the cursor is where the next ones are, or at the start
/// if there are none.
pub(super) fn read_names(
    dir: BorrowedFd<'_>,
    cursor: &mut Cursor,
    most: usize,
    is_thorough: bool,
) -> io::Result<Names> {
    let mut names = Names::default();
    cursor.read_on(dir, |entry| {
        names.n_read += 1;
        // A name that is not UTF-8 is neither an id nor an email.
        if let Ok(name) = entry.file_name().to_str() {
            names.sort_in(dir, name, entry.file_type(), is_thorough);
        }
        let is_enough = names.n_read >= most || names.requests.len() >= MOST_REQUESTS;
        Ok(if is_enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })?;
    Ok(names)
}

impl Names {
    fn sort_in(&mut self, dir: BorrowedFd<'_>, name: &str, kind: FileType, is_thorough: bool) {
        let kind = match kind {
            // Some file systems do not say.
            FileType::Unknown => kind_of(dir, name),
            kind => kind,
        };
        match request_file(name) {
            FileKind::Request(id) if kind.is_file() => self.requests.push(id),
            FileKind::Request(_) => self.skipped.not_files += 1,
            FileKind::Response(_) if is_thorough && kind.is_file() && is_empty(dir, name) => {}
            // A folder there, too, keeps the request from being answered.
            FileKind::Response(id) if kind.is_file() || kind.is_dir() => {
                self.responses.insert(id);
            }
            FileKind::NotAnId => self.skipped.not_ids += 1,
            _ if kind.is_dir() && is_sender(name) => self.senders.push(name.to_owned()),
            _ if kind.is_symlink() && is_sender(name) => self.skipped.linked_folders += 1,
            _ => {}
        }
    }

    /// Leaves out the requests that have an answer. Where these are not all names of the
    /// folder, the answer may be among the others.
    pub(super) fn leave_out_answered(
        &mut self,
        dir: BorrowedFd<'_>,
        is_whole: bool,
        is_thorough: bool,
    ) {
        let responses = std::mem::take(&mut self.responses);
        let is_answered = |id: &RequestId| {
            let found = look(dir, &id.response_name());
            found.is_some_and(|found| {
                let kind = FileType::from_raw_mode(found.st_mode);
                kind.is_dir() || (kind.is_file() && !(is_thorough && found.st_size == 0))
            })
        };
        let is_done = |id: &RequestId| responses.contains(id) || (!is_whole && is_answered(id));
        // What may have been changed unseen is looked at.
        let may_be_whole_now = |id: &RequestId| is_thorough && is_outdated(dir, id, None);
        self.requests
            .retain(|id| !is_done(id) || may_be_whole_now(id));
    }
}

/// Opens a folder that lies in another one.
pub(super) fn open_to_read(parent: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?)
}

fn look(dir: BorrowedFd<'_>, name: &str) -> Option<Stat> {
    look_at(dir, name).ok().flatten()
}

fn kind_of(dir: BorrowedFd<'_>, name: &str) -> FileType {
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
