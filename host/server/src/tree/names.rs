//! The names in a folder, read from where the last look at it stopped.
//!
//! Why: docs/decisions/02-scans-read-in-slices.md

use std::collections::HashSet;
use std::ops::ControlFlow;

use syft_protocol::address::{FileKind, Folder, RequestId, request_file};
use syft_system::{Dir, DirCursor, FileType, Stat, SystemError};

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
    dir: &Dir,
    cursor: &mut DirCursor,
    most: usize,
    is_thorough: bool,
) -> Result<Names, SystemError> {
    let mut names = Names::default();
    dir.read_on(cursor, |entry| {
        names.n_read += 1;
        // A name that is not UTF-8 is neither an id nor an email.
        if let Some(name) = entry.name {
            names.sort_in(dir, name, entry.kind, is_thorough);
        }
        let is_enough = names.n_read >= most || names.requests.len() >= MOST_REQUESTS;
        if is_enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(names)
}

impl Names {
    fn sort_in(&mut self, dir: &Dir, name: &str, kind: Option<FileType>, is_thorough: bool) {
        // Some file systems do not say.
        let kind = kind.or_else(|| Some(look(dir, name)?.kind));
        let is = |of| kind == Some(of);
        match request_file(name) {
            FileKind::Request(id) if is(FileType::File) => self.requests.push(id),
            FileKind::Request(_) => self.skipped.not_files += 1,
            FileKind::Response(_) if is_thorough && is(FileType::File) && is_empty(dir, name) => {}
            // A folder there, too, keeps the request from being answered.
            FileKind::Response(id) if is(FileType::File) || is(FileType::Folder) => {
                self.responses.insert(id);
            }
            FileKind::NotAnId => self.skipped.not_ids += 1,
            _ if is(FileType::Folder) && is_sender(name) => self.senders.push(name.to_owned()),
            _ if is(FileType::Link) && is_sender(name) => self.skipped.linked_folders += 1,
            _ => {}
        }
    }

    /// Leaves out the requests that have an answer. Where these are not all names of the
    /// folder, the answer may be among the others.
    pub(super) fn leave_out_answered(&mut self, dir: &Dir, is_whole: bool, is_thorough: bool) {
        let responses = std::mem::take(&mut self.responses);
        let is_answered = |id: &RequestId| {
            let found = look(dir, &id.response_name());
            found.is_some_and(|found| {
                found.is_folder() || (found.is_file() && !(is_thorough && found.bytes == 0))
            })
        };
        let is_done = |id: &RequestId| responses.contains(id) || (!is_whole && is_answered(id));
        // What may have been changed unseen is looked at.
        let may_be_whole_now = |id: &RequestId| is_thorough && is_outdated(dir, id, None);
        self.requests
            .retain(|id| !is_done(id) || may_be_whole_now(id));
    }
}

fn look(dir: &Dir, name: &str) -> Option<Stat> {
    look_at(dir, name).ok().flatten()
}

fn is_empty(dir: &Dir, name: &str) -> bool {
    look(dir, name).is_some_and(|found| found.bytes == 0)
}

fn is_sender(name: &str) -> bool {
    Folder::parse(&[name]).is_some_and(|folder| folder.sender().is_some())
}
