//! Named steps at which the tests let the host crash. Release builds have no such steps.

/// A step of a server or of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The server of an app begins.
    Serve,
    /// The request was read.
    AfterRead,
    /// A guest writes to its state.
    InCall,
    /// The writes of a call are handed over, and others can see them.
    HandedOver,
    /// The writes of calls are in a transaction.
    BeforeCommit,
    /// They are on the disk.
    AfterCommit,
    /// What a call changed in files is about to be done, path by path.
    Applying,
    /// All of that is done.
    Applied,
    /// The answer lies there under a temporary name.
    BeforeRename,
    /// It lies there under its own.
    AfterRename,
    /// A message is about to be written into the tree.
    BeforeSend,
    /// It lies there.
    AfterSend,
    /// It is known what became of a message, and not kept yet.
    BeforeEnd,
    /// It is kept.
    AfterEnd,
    /// The files of a message are about to be deleted.
    BeforeClear,
}

/// Does nothing here.
#[cfg(not(debug_assertions))]
pub fn arm(_: &str) {}

/// Does nothing here.
#[cfg(not(debug_assertions))]
pub fn reach(_: Step, _: &str) {}

#[cfg(debug_assertions)]
pub use armed::{arm, reach};

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Step;

    static ARMED: OnceLock<Failpoint> = OnceLock::new();

    struct Failpoint {
        step: Step,
        at: At,
        end: End,
    }

    enum At {
        /// When the step was reached so many times more.
        Times(AtomicU32),
        /// Whenever it is reached for something of this name.
        Name(String),
    }

    enum End {
        Kill,
        Panic,
    }

    /// Has the host end at a step: `after-read=3` kills it when it gets there for the
    /// third time, `in-call@key` when it gets there for the key `key`; with `panic:`
    /// before, it panics instead.
    pub fn arm(text: &str) {
        let failpoint = parse(text).unwrap_or_else(|| panic!("`{text}` is no failpoint"));
        ARMED.get_or_init(|| failpoint);
    }

    fn parse(text: &str) -> Option<Failpoint> {
        let (end, text) = match text.strip_prefix("panic:") {
            Some(text) => (End::Panic, text),
            None => (End::Kill, text),
        };
        let (step, at) = match text.split_once('@') {
            Some((step, name)) => (step, At::Name(name.to_owned())),
            None => {
                let (step, times) = text.split_once('=')?;
                (step, At::Times(AtomicU32::new(times.parse().ok()?)))
            }
        };
        let step = match step {
            "serve" => Step::Serve,
            "after-read" => Step::AfterRead,
            "in-call" => Step::InCall,
            "handed-over" => Step::HandedOver,
            "before-commit" => Step::BeforeCommit,
            "after-commit" => Step::AfterCommit,
            "applying" => Step::Applying,
            "applied" => Step::Applied,
            "before-rename" => Step::BeforeRename,
            "after-rename" => Step::AfterRename,
            "before-send" => Step::BeforeSend,
            "after-send" => Step::AfterSend,
            "before-end" => Step::BeforeEnd,
            "after-end" => Step::AfterEnd,
            "before-clear" => Step::BeforeClear,
            _ => return None,
        };
        Some(Failpoint { step, at, end })
    }

    /// Ends the host if it is to end here. `name` is what the step is taken for.
    pub fn reach(step: Step, name: &str) {
        let Some(armed) = ARMED.get().filter(|armed| armed.step == step) else {
            return;
        };
        let is_due = match &armed.at {
            At::Times(left) => left.fetch_sub(1, Ordering::Relaxed) == 1,
            At::Name(wanted) => wanted == name,
        };
        match armed.end {
            _ if !is_due => {}
            End::Panic => panic!("failpoint"),
            End::Kill => syft_system::process::kill_ourselves(),
        }
    }
}
