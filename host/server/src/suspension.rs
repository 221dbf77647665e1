//! Suspension of apps during whose calls the host crashed several times, or was ended by the kernel
//! for want of memory. The owner resumes them.
//!
//! Only requests and events that were given up for crashes count. In the end each of those runs
//! alone, with no other suspected one of any app beside it, so an app that was merely at work
//! when another one crashed the host is not blamed. Once enough of an app was given up, the next
//! crash suspends it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use syft_manifest::clock::now;
use syft_protocol::timestamp::Timestamp;
use syft_system::private;
use thiserror::Error;
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

use crate::private_folder::PrivateFolder;

const FILE: &str = "suspension.json";
const MAX_BYTES: u64 = 64 << 10;

/// A request with this many crashes runs with no other such request beside it.
pub(crate) const CRASHES_BEFORE_ALONE: u32 = 2;

/// The next crash suspends an app of which so many things were given up within so many minutes.
/// A single one may be the fault of its sender.
const MOST_GIVEN_UP: usize = 3;
const WITHIN_MINUTES: i64 = 24 * 60;

const MINUTE: i64 = 60 * 1_000_000;

// Why: docs/decisions/31-apps-that-crash-the-host-are-suspended.md
/// An app that is not served until its owner resumes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[error("the app is suspended since {}: {why}", Timestamp::from_micros(*since))]
pub struct Suspended {
    /// Since when, in microseconds since 1970.
    pub since: i64,
    /// What happened.
    pub why: String,
}

/// What is kept of an app.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    /// What was given up, by its name, and when, in microseconds since 1970.
    given_up: BTreeMap<String, i64>,
    suspended: Option<Suspended>,
}

/// Returns why an app is suspended, if it is.
///
/// # Errors
/// The record cannot be read.
pub fn suspended(folder: &PrivateFolder) -> io::Result<Option<Suspended>> {
    Ok(read(folder)?.suspended)
}

/// Lets an app be served again; returns whether it was suspended.
///
/// # Errors
/// It cannot be written down.
pub fn resume(folder: &PrivateFolder) -> io::Result<bool> {
    let _turn = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let was_suspended = read(folder)?.suspended.is_some();
    if was_suspended {
        write(folder, &Record::default())?;
    }
    Ok(was_suspended)
}

/// Records that something of an app was given up because the host crashed too often during it.
///
/// # Errors
/// The record cannot be written.
pub(crate) fn note_given_up(folder: &PrivateFolder, name: &str) -> io::Result<()> {
    let _turn = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let mut record = read(folder)?;
    record.note_given_up(name, now().micros());
    write(folder, &record)
}

/// Records that the host crashed during a call of an app, which suspends the app if enough was
/// given up before.
///
/// # Errors
/// The record cannot be written.
pub(crate) fn note_crash(folder: &PrivateFolder) -> io::Result<()> {
    let _turn = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let mut record = read(folder)?;
    if record.note_crash(now().micros()) {
        write(folder, &record)
    } else {
        Ok(())
    }
}

static LOCK: Mutex<()> = Mutex::new(());

impl Record {
    fn note_given_up(&mut self, name: &str, at: i64) {
        self.forget_old(at);
        self.given_up.insert(name.to_owned(), at);
    }

    /// Tells whether the app is suspended by that.
    fn note_crash(&mut self, at: i64) -> bool {
        self.forget_old(at);
        let is_new = self.suspended.is_none() && self.given_up.len() >= MOST_GIVEN_UP;
        if is_new {
            self.suspended = Some(Suspended {
                since: at,
                why: "the host crashed several times during its calls".to_owned(),
            });
        }
        is_new
    }

    fn forget_old(&mut self, at: i64) {
        // What a clock says that was put back is as old as it gets.
        let is_recent = |then: i64| (0..=WITHIN_MINUTES * MINUTE).contains(&(at - then));
        self.given_up.retain(|_, then| is_recent(*then));
    }
}

/// Waits until no other request is at work during which the host has crashed repeatedly.
pub async fn alone() -> OwnedMutexGuard<()> {
    static ALONE: LazyLock<Arc<Turns<()>>> = LazyLock::new(Arc::default);
    Arc::clone(&ALONE).lock_owned().await
}

fn read(folder: &PrivateFolder) -> io::Result<Record> {
    match private::read(&folder.join(FILE), MAX_BYTES)? {
        Some(json) => Ok(serde_json::from_slice(&json)?),
        None => Ok(Record::default()),
    }
}

fn write(folder: &PrivateFolder, record: &Record) -> io::Result<()> {
    private::write(&folder.join(FILE), &serde_json::to_vec(record)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_suspended_by_what_comes_up_again_and_again_and_resumed() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = &PrivateFolder::new(place.path());
        let give_up = |name| note_given_up(folder, name).expect("noted");
        let is_suspended_by_a_crash = || {
            note_crash(folder).expect("noted");
            suspended(folder).expect("read").is_some()
        };
        ["one", "one", "another", "one"]
            .iter()
            .for_each(|name| give_up(name));
        assert!(!is_suspended_by_a_crash());
        give_up("a third");
        assert!(suspended(folder).expect("read").is_none());
        assert!(is_suspended_by_a_crash());
        assert!(resume(folder).expect("resumed"));
        give_up("one");
        assert!(!is_suspended_by_a_crash());
        assert!(!resume(folder).expect("nothing to resume"));
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        for (hours, is_suspended) in [(23, true), (25, false), (-1, false)] {
            let mut record = Record::default();
            for name in ["one", "another", "a third"] {
                record.note_given_up(name, 0);
            }
            assert_eq!(
                record.note_crash(hours * 60 * MINUTE),
                is_suspended,
                "{hours}"
            );
        }
    }
}
