//! Apps during whose calls the host has crashed again and again, or run out of memory: counted
//! over its runs, and suspended until the owner resumes them.
//!
//! A crash counts against an app only where a request was at work during which the host had
//! crashed before, and no other such request of any app: these run one at a time. So an app
//! that merely was at work when another one brought the host down, or when somebody killed it,
//! is not held to account.

use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use syft_protocol::timestamp::Timestamp;
use thiserror::Error;
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

use crate::clock::now;
use crate::private;

const FILE: &str = "suspension.json";
const MAX_BYTES: u64 = 64 << 10;

/// Crashes during a request from which on it runs with no other such request.
pub(crate) const CRASHES_BEFORE_ALONE: u32 = 2;

const MINUTE: i64 = 60 * 1_000_000;

/// What is held against an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The host has crashed during one of its calls, and not for the first time.
    Crashed,
    /// One of its calls took the memory that is for all.
    Exhausted,
}

/// An app that is not served until its owner resumes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[error("it is suspended since {}: {why}", Timestamp::from_micros(*since))]
pub struct Suspended {
    /// Since when, in microseconds since 1970.
    pub since: i64,
    /// What happened.
    pub why: String,
}

/// What is kept of an app.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    strikes: Vec<(i64, Cause)>,
    suspended: Option<Suspended>,
}

impl Cause {
    /// Returns how often it may come up within how many minutes.
    fn bound(self) -> (usize, i64) {
        match self {
            // One request is given up after six of them, and others are served on.
            Self::Crashed => (8, 24 * 60),
            Self::Exhausted => (32, 10),
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Crashed => "the host has crashed again and again during its calls",
            Self::Exhausted => "its calls took the memory of all apps again and again",
        }
    }
}

/// Tells whether an app is suspended, given its private folder.
///
/// # Errors
/// It cannot be said.
pub fn suspended(folder: &Path) -> io::Result<Option<Suspended>> {
    Ok(read(folder)?.suspended)
}

/// Lets an app be served again; tells whether it was suspended.
///
/// # Errors
/// It cannot be written down.
pub fn resume(folder: &Path) -> io::Result<bool> {
    let _turn = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let was_suspended = read(folder)?.suspended.is_some();
    if was_suspended {
        write(folder, &Record::default())?;
    }
    Ok(was_suspended)
}

/// Takes note of something against an app; tells whether it is suspended by that.
///
/// # Errors
/// It cannot be written down.
pub(crate) fn note(folder: &Path, cause: Cause) -> io::Result<Option<Suspended>> {
    let _turn = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let mut record = read(folder)?;
    record.note(now().micros(), cause);
    write(folder, &record)?;
    Ok(record.suspended)
}

static LOCK: Mutex<()> = Mutex::new(());

impl Record {
    fn note(&mut self, at: i64, cause: Cause) {
        // What a clock says that was put back is as old as it gets.
        let is_recent =
            |(then, cause): &(i64, Cause)| (0..=cause.bound().1 * MINUTE).contains(&(at - then));
        self.strikes.retain(is_recent);
        self.strikes.push((at, cause));
        let count = self.strikes.iter().filter(|it| it.1 == cause).count();
        if count >= cause.bound().0 && self.suspended.is_none() {
            self.suspended = Some(Suspended {
                since: at,
                why: cause.in_words().to_owned(),
            });
        }
    }
}

/// Waits until no other request is at work during which the host has crashed repeatedly.
pub(crate) async fn alone() -> OwnedMutexGuard<()> {
    static ALONE: LazyLock<Arc<Turns<()>>> = LazyLock::new(Arc::default);
    Arc::clone(&ALONE).lock_owned().await
}

fn read(folder: &Path) -> io::Result<Record> {
    match private::read(&folder.join(FILE), MAX_BYTES)? {
        Some(json) => Ok(serde_json::from_slice(&json)?),
        None => Ok(Record::default()),
    }
}

fn write(folder: &Path, record: &Record) -> io::Result<()> {
    private::write(&folder.join(FILE), &serde_json::to_vec(record)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_suspended_by_what_comes_up_again_and_again_and_resumed() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        for _ in 1..8 {
            assert_eq!(note(folder, Cause::Crashed).expect("noted"), None);
            assert_eq!(note(folder, Cause::Exhausted).expect("noted"), None);
        }
        assert!(!resume(folder).expect("nothing to resume"));
        let found = note(folder, Cause::Crashed).expect("noted");
        assert!(found.is_some());
        assert_eq!(suspended(folder).expect("read"), found);
        assert!(resume(folder).expect("resumed"));
        assert_eq!(note(folder, Cause::Crashed).expect("noted"), None);
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        for (cause, minutes, is_suspended) in [
            (Cause::Crashed, 60, true),
            (Cause::Crashed, 4 * 60, false),
            (Cause::Exhausted, 0, true),
            (Cause::Exhausted, 1, false),
        ] {
            let mut record = Record::default();
            for n in 0..100 {
                record.note(n * minutes * MINUTE, cause);
            }
            let case = format!("{cause:?} each {minutes} minutes");
            assert_eq!(record.suspended.is_some(), is_suspended, "{case}");
        }
    }
}
