//! How each installed app is, in a file that other commands read, and the lock of the one
//! host that serves them.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syft_manifest::Digest;
use syft_system::{lock, private};

use crate::error::CommandError;

const LOCK: &str = "lock";
const STATUS: &str = "status.json";

/// How often, and after which time each, the lock is tried.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// How the installed apps are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStatus {
    /// The process that serves them.
    pub pid: u32,
    /// Each app that was tried, by its name.
    pub apps: BTreeMap<String, AppStatus>,
}

/// How an installed app is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStatus {
    /// The component that is served, if one is.
    pub serving: Option<Digest>,
    /// Why what is installed is not served. An older release may be served instead.
    pub trouble: Option<AppTrouble>,
    /// Since when it is so, in microseconds since 1970.
    pub since: i64,
}

/// Why an app cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppTrouble {
    /// The component that cannot be served; nothing, if the record cannot be read.
    pub sha256: Option<Digest>,
    /// What is wrong.
    pub error: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl HostStatus {
    /// Returns how the apps are that a host serves now, or `None` if no host serves any.
    ///
    /// # Errors
    /// The file cannot be read, or is not as it was written.
    pub fn read(folder: &Path) -> io::Result<Option<Self>> {
        if !is_locked(&folder.join(LOCK))? {
            return Ok(None);
        }
        match fs::read(folder.join(STATUS)) {
            Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
            // It has just begun.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Self::default())),
            Err(error) => Err(error),
        }
    }

    /// Tells whether a host that no longer runs left how the apps are: it did not end by itself.
    pub fn was_left(folder: &Path) -> bool {
        folder.join(STATUS).exists()
    }

    /// Returns how many apps are served, and how many are not as they are installed.
    pub(super) fn counts(&self) -> (usize, usize) {
        let all = self.apps.values();
        let n_serving = all.clone().filter(|app| app.serving.is_some()).count();
        (n_serving, all.filter(|app| app.trouble.is_some()).count())
    }
}

/// Takes the lock. Whoever looks whether a host holds it has it for a moment, so it is tried again.
fn lock_alone(file: &File) -> Result<(), TryLockError> {
    for _ in 0..ATTEMPTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN_ATTEMPTS),
            result => return result,
        }
    }
    Err(TryLockError::WouldBlock)
}

fn is_locked(path: &Path) -> io::Result<bool> {
    match File::open(path) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The file, for as long as this host serves.
pub(super) struct StatusFile {
    path: PathBuf,
    _lock: File,
}

impl StatusFile {
    /// Makes sure that no other host serves the same apps.
    ///
    /// # Errors
    /// Another one does.
    pub(super) fn lock(folder: &Path) -> Result<Self, CommandError> {
        private::make_folder(folder)?;
        let path = folder.join(LOCK);
        let mut lock = lock::open(&path)?;
        match lock_alone(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(already_served(&path)),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        lock.set_len(0)?;
        write!(lock, "{}", std::process::id())?;
        let status = Self {
            path: folder.join(STATUS),
            _lock: lock,
        };
        // What an earlier host says that was killed.
        status.remove();
        Ok(status)
    }

    /// Writes how the apps are. If that fails, serving goes on.
    pub(super) fn write(&self, status: &HostStatus) {
        let temporary = self.path.with_extension("tmp");
        let status = HostStatus {
            pid: std::process::id(),
            ..status.clone()
        };
        let written = serde_json::to_vec_pretty(&status)
            .map_err(io::Error::from)
            .and_then(|json| fs::write(&temporary, json))
            .and_then(|()| fs::rename(&temporary, &self.path));
        if let Err(error) = written {
            tracing::warn!(path = %self.path.display(), "cannot tell how the apps are: {error}");
        }
    }

    pub(super) fn remove(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), "not removed: {error}");
            }
            _ => {}
        }
    }
}

fn already_served(lock: &Path) -> CommandError {
    let by = match fs::read_to_string(lock) {
        Ok(pid) if !pid.is_empty() => format!("process {pid}"),
        _ => "another process".to_owned(),
    };
    CommandError::new(format!(
        "{by} serves the installed apps of this owner already"
    ))
    .hint("it takes up by itself what is installed, updated and removed")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn who_looks_keeps_no_host_from_starting() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("serving");
        drop(StatusFile::lock(&folder).expect("the first"));
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    HostStatus::read(&folder).expect("a status");
                }
            });
            let results: Vec<bool> = (0..300)
                .map(|_| StatusFile::lock(&folder).is_ok())
                .collect();
            is_over.store(true, Ordering::Relaxed);
            assert!(!results.contains(&false));
        });
        let _held = StatusFile::lock(&folder).expect("the last");
        assert!(StatusFile::lock(&folder).is_err());
    }
}
