//! The log of what a call was refused and granted, and of which line would allow it.

use std::collections::HashSet;
use std::sync::Mutex;

use super::access::Refusal;
use super::guard::Guard;
use super::guest_path::{GuestPath, MAX_PATH_BYTES, Mount};
use super::policy::{Denied, Want};
use crate::capability::{Advice, CallLabel};

/// Refusals of one call that are logged. A guest that goes on is known by then.
const MAX_LOGGED: usize = 32;

/// The log of what a call was refused, each thing once.
pub(super) struct RefusalLog {
    pub(super) label: CallLabel,
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

    fn write(&self, path: &GuestPath, want: Option<Want>, write: impl FnOnce(&CallLabel, &str)) {
        let mut logged = self.logged.lock().expect("no holder of this lock panics");
        if logged.len() >= MAX_LOGGED || !logged.insert((path.clone(), want)) {
            return;
        }
        drop(logged);
        write(&self.label, &path.shown());
    }

    /// Tells whether it is to be logged that something was granted.
    fn is_first_grant(&self, path: &GuestPath, want: Want) -> bool {
        let mut granted = self.granted.lock().expect("no holder of this lock panics");
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
    pub(super) fn log_unfit(&self, path: &GuestPath, what: &str) {
        self.log().write(path, None, |label, path| {
            let (app, endpoint, request) = label.fields();
            tracing::warn!(
                name: "denied_file", app, endpoint, request, path, "not a file for apps: {what}"
            );
        });
    }

    /// Says that a path leads out of the folders that a guest sees.
    pub(super) fn log_outside(&self, folder: &GuestPath, path: &str) {
        let hint = self.log().label.advice.outside();
        let path = &path[..path.floor_char_boundary(MAX_PATH_BYTES)];
        self.log().write(folder, None, |label, _| {
            let (app, endpoint, request) = label.fields();
            tracing::warn!(
                name: "denied_file", app, endpoint, request, access = "open", path, hint,
                "file access denied"
            );
        });
    }

    pub(super) fn log_limit(&self, path: &GuestPath, limit: &str) {
        self.log().write(path, None, |label, path| {
            let (app, endpoint, request) = label.fields();
            tracing::warn!(name: "denied_file", app, endpoint, request, path, "file refused: {limit}");
        });
    }

    /// Says which file of a datasite was granted, for who looks at what apps do.
    pub(super) fn log_granted(&self, path: &GuestPath, want: Want) {
        let log = self.log();
        if path.mount() != Mount::Datasites || !log.is_first_grant(path, want) {
            return;
        }
        let (app, _, request) = log.label.fields();
        let access = want.as_str();
        tracing::debug!(
            name: "touched_file", target: "syft_runtime::touched", app, request, access,
            path = path.shown(), "file opened"
        );
    }

    pub(super) fn log_refusal(&self, refusal: &Refusal<'_>) {
        let Refusal { path, want, denied } = refusal;
        let hint = hint(path, *want, denied, self.log().label.advice);
        let access = want.as_str();
        self.log().write(path, Some(*want), |label, path| {
            let (app, endpoint, request) = label.fields();
            match denied {
                // Nothing is wrong with the app: its callers ask for what they may not.
                Denied::SenderMayNot(_) => tracing::info!(
                    name: "denied_file", app, endpoint, request, access, path, hint,
                    "file access denied"
                ),
                _ => tracing::warn!(
                    name: "denied_file", app, endpoint, request, access, path, hint,
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
