//! What a call may still do with files: the policy, the budgets, and the log of
//! what was refused.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use syft_manifest::Limits;
use syft_protocol::file_events::FileStamp;

use super::bindings::ErrorCode;
use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;
use super::own_writes::CallWrites;
use super::policy::{Denied, Policy, Want};
use super::sender::Sender;
use crate::meter::{Charge, Meter, Part, Refused};

/// Refusals of one call that are logged. A guest that goes on is known by then.
const MAX_LOGGED: usize = 32;

/// The files of one call.
#[derive(Clone)]
pub(crate) struct Guard(Arc<Inner>);

struct Inner {
    root: Option<Arc<DatasitesDir>>,
    policy: Arc<Policy>,
    sender: Sender,
    budget: Budget,
    meter: Meter,
    /// Kept where the app is told of changes that others make.
    writes: Option<CallWrites>,
    app: Arc<str>,
    request: Arc<str>,
    logged: Mutex<HashSet<(GuestPath, Option<Want>)>>,
}

/// What is left of the limits.
struct Budget {
    limits: Limits,
    written_bytes: AtomicU64,
    open_files: AtomicUsize,
}

impl Guard {
    pub(super) fn new(
        root: Option<Arc<DatasitesDir>>,
        policy: Arc<Policy>,
        sender: Sender,
        limits: &Limits,
        meter: &Meter,
        writes: Option<CallWrites>,
        app: Arc<str>,
        request: Arc<str>,
    ) -> Self {
        Self(Arc::new(Inner {
            root,
            policy,
            sender,
            budget: Budget {
                limits: limits.clone(),
                written_bytes: AtomicU64::new(0),
                open_files: AtomicUsize::new(0),
            },
            meter: meter.clone(),
            writes,
            app,
            request,
            logged: Mutex::default(),
        }))
    }

    pub(super) fn root(&self) -> Result<&DatasitesDir, ErrorCode> {
        self.0.root.as_deref().ok_or(ErrorCode::NoEntry)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.policy.is_empty()
    }

    /// Tells whether the guest may, without a word in the log.
    pub(super) fn allows(&self, path: &GuestPath, want: Want) -> bool {
        self.decide(path, want).is_ok()
    }

    /// Makes sure that the guest may. What may not be read does not exist for it;
    /// what may not be written is said to be so.
    pub(super) fn check(&self, path: &GuestPath, want: Want) -> Result<(), ErrorCode> {
        let Err(denied) = self.decide(path, want) else {
            return Ok(());
        };
        self.log_denied(path, want, &denied);
        Err(match want {
            Want::See | Want::Read => ErrorCode::NoEntry,
            Want::Write | Want::MakeFolder => ErrorCode::NotPermitted,
        })
    }

    fn decide(&self, path: &GuestPath, want: Want) -> Result<(), Denied> {
        let names = path.names();
        let sender_may_read = || match &self.0.root {
            Some(root) => self.0.sender.may_read(root, path),
            None => Err("there are no files".to_owned()),
        };
        self.0.policy.decide(&names, want, sender_may_read)
    }

    /// Changes a file, and takes note of it.
    pub(super) fn changing<T>(
        &self,
        path: &GuestPath,
        look: impl Fn() -> Option<FileStamp>,
        change: impl FnOnce() -> T,
    ) -> Result<T, ErrorCode> {
        let Some(writes) = &self.0.writes else {
            return Ok(change());
        };
        if let Err(code) = writes.begin(path, look()) {
            self.log_limit(path, "the app changes more files than can be taken note of");
            return Err(code);
        }
        let result = change();
        writes.end(path, look());
        Ok(result)
    }

    /// As [`Guard::changing`], for what changes the file that has a name.
    pub(super) fn changing_name<T>(
        &self,
        path: &GuestPath,
        change: impl FnOnce() -> T,
    ) -> Result<T, ErrorCode> {
        let look = || self.0.root.as_ref()?.stamp(path).ok()?;
        self.changing(path, look, change)
    }

    /// Takes bytes to be written from the budget.
    pub(super) fn spend(&self, path: &GuestPath, bytes: u64) -> Result<(), ErrorCode> {
        let limit = self.0.budget.limits.written_bytes;
        let spent = &self.0.budget.written_bytes;
        let within = |spent: u64| spent.checked_add(bytes).filter(|sum| *sum <= limit);
        let spend = spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        if spend.is_ok() {
            return Ok(());
        }
        self.log_limit(
            path,
            &format!("a call writes at most {limit} bytes to files"),
        );
        Err(ErrorCode::Quota)
    }

    /// Takes a place among the open files, until it is dropped.
    pub(super) fn open_slot(&self, path: &GuestPath) -> Result<Slot, ErrorCode> {
        let limit = self.0.budget.limits.open_files;
        if self.0.budget.open_files.fetch_add(1, Ordering::Relaxed) < limit {
            let charge = self.0.meter.nothing(Part::Held);
            let guard = self.clone();
            return Ok(Slot { guard, charge });
        }
        self.0.budget.open_files.fetch_sub(1, Ordering::Relaxed);
        self.log_limit(path, &format!("a call has at most {limit} files open"));
        Err(ErrorCode::Quota)
    }

    /// Logs that something is there which no guest gets, granted or not.
    pub(super) fn log_unfit(&self, path: &GuestPath, what: &str) {
        self.log(path, None, |app, request, path| {
            tracing::warn!(app, request, path, "not a file for apps: {what}");
        });
    }

    fn log_limit(&self, path: &GuestPath, limit: &str) {
        self.log(path, None, |app, request, path| {
            tracing::warn!(app, request, path, "file refused: {limit}");
        });
    }

    fn log_denied(&self, path: &GuestPath, want: Want, denied: &Denied) {
        let hint = hint(path, want, denied);
        let access = match want {
            Want::See => "see",
            Want::Read => "read",
            Want::Write | Want::MakeFolder => "write",
        };
        self.log(path, Some(want), |app, request, path| match denied {
            // Nothing is wrong with the app: its callers ask for what they may not.
            Denied::SenderMayNot(_) => {
                tracing::info!(app, request, access, path, hint, "file access denied");
            }
            _ => tracing::warn!(app, request, access, path, hint, "file access denied"),
        });
    }

    fn log(&self, path: &GuestPath, want: Option<Want>, write: impl FnOnce(&str, &str, &str)) {
        let mut logged = self.0.logged.lock().expect("no holder of this lock panics");
        if logged.len() >= MAX_LOGGED || !logged.insert((path.clone(), want)) {
            return;
        }
        drop(logged);
        write(&self.0.app, &self.0.request, &path.text());
    }
}

/// Says which line would allow it.
pub(super) fn hint(path: &GuestPath, want: Want, denied: &Denied) -> String {
    let path = match path.text() {
        path if path.is_empty() => "**".to_owned(),
        path => path,
    };
    let (list, option) = match want {
        Want::See | Want::Read => ("read", "--allow-read"),
        Want::Write | Want::MakeFolder => ("write", "--allow-write"),
    };
    match denied {
        Denied::NotRequested => {
            format!("to allow it, add to the app's syft-app.toml: [files] {list} = [{path:?}]")
        }
        Denied::NotApproved => format!("to allow it, run the app with: {option} {path:?}"),
        Denied::ByOwner => "to allow it, take it out of what --deny names".to_owned(),
        Denied::Never => "no app gets this: it is the host's or the owner's alone".to_owned(),
        Denied::SenderMayNot(why) => why.clone(),
    }
}

/// A place among the open files, and what the host holds for the file.
pub struct Slot {
    guard: Guard,
    charge: Charge,
}

impl Slot {
    /// Counts bytes that the host holds for what is open.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Refused> {
        self.charge.grow(bytes)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let budget = &self.guard.0.budget;
        budget.open_files.fetch_sub(1, Ordering::Relaxed);
    }
}
