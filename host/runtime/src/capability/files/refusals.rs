//! The log of what a call was refused of files, and of what it was given. Where a worker runs the
//! call it has nothing to log: it tells the owner's host, which looks for itself.

use std::collections::HashSet;
use std::sync::Mutex;

use syft_manifest::units::show_size;

use super::access::Refusal;
use super::guard::Guard;
use super::guest_path::{GuestPath, MAX_PATH_BYTES, Mount};
use super::moves::MAX_ENTRIES;
use super::policy::{Denied, Want};
use crate::capability::{Advice, CallLabel};
use crate::wire::{FileLimit, FileNote};

/// Refusals of one call that are logged. A guest that goes on is known by then.
const MAX_LOGGED: usize = 32;

const UNPOISONED: &str = "no holder of this lock panics";

/// The log of what a call was refused, each thing once.
pub(super) struct RefusalLog {
    label: CallLabel,
    logged: Mutex<HashSet<(GuestPath, Option<Want>)>>,
    /// Few, so that looking through them is faster than making one to look up.
    granted: Mutex<Vec<(GuestPath, Want)>>,
}

impl RefusalLog {
    pub(super) fn new(label: &CallLabel) -> Self {
        Self {
            label: label.clone(),
            logged: Mutex::default(),
            granted: Mutex::default(),
        }
    }

    pub(super) fn label(&self) -> &CallLabel {
        &self.label
    }

    /// Tells whether it is to be logged that something was refused.
    fn is_first(&self, path: &GuestPath, want: Option<Want>) -> bool {
        let mut logged = self.logged.lock().expect(UNPOISONED);
        logged.len() < MAX_LOGGED && logged.insert((path.clone(), want))
    }

    /// Tells whether it is to be logged that something was granted.
    fn is_first_grant(&self, path: &GuestPath, want: Want) -> bool {
        let mut granted = self.granted.lock().expect(UNPOISONED);
        let is_first = granted.len() < MAX_LOGGED
            && !granted
                .iter()
                .any(|(known, wanted)| known == path && *wanted == want);
        if is_first {
            granted.push((path.clone(), want));
        }
        is_first
    }
}

impl Guard {
    /// Logs something once, or has the owner's host do that.
    fn log_once(
        &self,
        path: &GuestPath,
        want: Option<Want>,
        note: impl FnOnce() -> FileNote,
        write: impl FnOnce(&CallLabel, &str),
    ) {
        if !self.log().is_first(path, want) {
            return;
        }
        match self.mirror() {
            Some(mirror) => mirror.note(note()),
            None => write(self.log().label(), &path.shown()),
        }
    }

    pub(super) fn log_unfit(&self, path: &GuestPath, what: &str) {
        let note = || FileNote::Unfit(path.noted());
        self.log_once(path, None, note, |label, path| {
            let (app, endpoint, request) = label.fields();
            tracing::warn!(
                name: "denied_file", app, endpoint, request, path, "not a file for apps: {what}"
            );
        });
    }

    /// Says that a path leads out of the folders that a guest sees.
    pub(super) fn log_outside(&self, folder: &GuestPath, path: &str) {
        let hint = self.log().label().advice.outside();
        let path = &path[..path.floor_char_boundary(MAX_PATH_BYTES)];
        let note = || FileNote::Outside(folder.noted(), path.to_owned());
        self.log_once(folder, None, note, |label, _| {
            let (app, endpoint, request) = label.fields();
            tracing::warn!(
                name: "denied_file", app, endpoint, request, access = "open", path, hint,
                "file access denied"
            );
        });
    }

    pub(super) fn log_limit(&self, path: &GuestPath, limit: FileLimit) {
        let note = || FileNote::Limit(path.noted(), limit);
        self.log_once(path, None, note, |label, path| {
            let (app, endpoint, request) = label.fields();
            let limit = self.in_words(limit);
            tracing::warn!(name: "denied_file", app, endpoint, request, path, "file refused: {limit}");
        });
    }

    fn in_words(&self, limit: FileLimit) -> String {
        let limits = self.limits();
        let written = show_size(limits.written_bytes);
        match limit {
            FileLimit::Open => format!("a call has at most {} files open", limits.open_files),
            FileLimit::Written => format!("a call writes at most {written} to files"),
            FileLimit::Copied => format!(
                "a call that changes files in place copies them first, {written} at most: replace \
                 the file, or write [files] immediate-writes = true into syft-app.toml"
            ),
            FileLimit::OwnFolder => {
                let held = self.own_folder().map_or(0, |own| own.limit());
                let held = show_size(held);
                format!("the app's own folder holds at most {held}: delete files in it")
            }
            FileLimit::Moved => {
                format!("a folder is moved with at most {MAX_ENTRIES} things in it: copy it")
            }
            FileLimit::Noted => "the app changes more files than can be taken note of".to_owned(),
        }
    }

    /// Says which file of a datasite was granted, for who looks at what apps do.
    pub(super) fn log_granted(&self, path: &GuestPath, want: Want) {
        let log = self.log();
        if path.mount() != Mount::Datasites || !log.is_first_grant(path, want) {
            return;
        }
        if let Some(mirror) = self.mirror() {
            return mirror.note(FileNote::Granted(path.noted(), want.into()));
        }
        let (app, _, request) = log.label().fields();
        let access = want.as_str();
        tracing::debug!(
            name: "touched_file", target: "syft_runtime::touched", app, request, access,
            path = path.shown(), "file opened"
        );
    }

    pub(super) fn log_refusal(&self, refusal: &Refusal<'_>) {
        let Refusal { path, want, denied } = refusal;
        let note = || FileNote::Refused(path.noted(), (*want).into());
        self.log_once(path, Some(*want), note, |label, shown| {
            let hint = hint(path, *want, denied, label.advice);
            let access = want.as_str();
            let (app, endpoint, request) = label.fields();
            match denied {
                // Nothing is wrong with the app: its callers ask for what they may not.
                Denied::SenderMayNot(_) => tracing::info!(
                    name: "denied_file", app, endpoint, request, access, path = shown, hint,
                    "file access denied"
                ),
                _ => tracing::warn!(
                    name: "denied_file", app, endpoint, request, access, path = shown, hint,
                    "file access denied"
                ),
            }
        });
    }
}

/// Says which line would allow it.
pub(super) fn hint(path: &GuestPath, want: Want, denied: &Denied, advice: Advice) -> String {
    match path.mount() {
        Mount::Datasites => {}
        Mount::Temporary => return advice.to_ask_for("[files] own-folder = true"),
        Mount::Program => {
            return advice.for_author(
                "write to the app's own folder, for which [files] own-folder = true in \
                 syft-app.toml asks, since the files of a program are there to be read",
            );
        }
    }
    let path = match path.text() {
        path if path.is_empty() => "**".to_owned(),
        path => path,
    };
    let (list, option) = match want {
        Want::See | Want::Read => ("read", "--allow-read"),
        Want::Write | Want::MakeFolder => ("write", "--allow-write"),
    };
    match denied {
        Denied::NotRequested => advice.to_ask_for(&format!("[files] {list} = [{path:?}]")),
        Denied::NotApproved => advice.to_approve(&format!("{option} {path:?}")),
        Denied::ByOwner => advice.denied(),
        Denied::Never => "no app gets this: it is the host's or the owner's alone".to_owned(),
        Denied::SenderMayNot(why) => why.clone(),
    }
}
