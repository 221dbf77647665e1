//! Temporary folders. Each is deleted when it is dropped, and those of a host that was killed
//! are recognized and deleted by a later one.
//!
//! Their makers hold a lock on them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use syft_system::Stat;
use syft_system::lock::{Held, Hold, hold};
use syft_system::private::{self, UNFINISHED};
use tempfile::TempDir;

/// How the names of folders begin that are deleted in the end.
const SCRATCH: &str = ".scratch-";

/// How the names begin of what nobody locks: files that are not complete, and what older
/// releases left.
const UNLOCKED: &[&str] = &[UNFINISHED, ".tmp", "build-"];

/// Nobody works with such a thing for so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// A private folder that is deleted when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// `None` once it is to be deleted, which Windows refuses as long as it is held.
    held: Option<Held>,
}

impl Scratch {
    /// Makes an empty one in a folder, which is made if need be.
    pub fn new(parent: &Path) -> io::Result<Self> {
        private::make_folder(parent)?;
        loop {
            let folder = private::make_temporary(parent, SCRATCH)?;
            // Between the two somebody may take it for a forgotten one.
            let held = hold(folder.path(), Hold::Shared)?;
            if held.is_some() {
                return Ok(Self { folder, held });
            }
        }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if cfg!(windows) {
            self.held = None;
        }
    }
}

/// Tells whether a name is one of what is not there for long.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let known = UNLOCKED.iter().chain([&SCRATCH]);
    known
        .into_iter()
        .any(|beginning| name.starts_with(beginning))
}

/// Deletes what is not there for long and whose maker is gone; tells whether it did.
///
/// # Errors
/// It cannot be deleted.
pub fn delete_forgotten(path: &Path, now: SystemTime) -> io::Result<bool> {
    let Some(held) = hold(path, Hold::Alone)? else {
        return Ok(false);
    };
    let found = held.look()?;
    let name = path.file_name().and_then(|name| name.to_str());
    let is_old = name.is_some_and(|name| UNLOCKED.iter().any(|prefix| name.starts_with(prefix)));
    if is_old && age(&found, now) < FORGOTTEN_AFTER {
        return Ok(false);
    }
    if found.is_folder() {
        fs::remove_dir_all(path)?;
    } else {
        fs::remove_file(path)?;
    }
    Ok(true)
}

fn age(found: &Stat, now: SystemTime) -> Duration {
    let changed = found.modified.system_time().unwrap_or(now);
    now.duration_since(changed).unwrap_or_default()
}

/// Returns what lies in a folder that is not there for long.
///
/// # Errors
/// The folder cannot be listed.
pub fn unfinished(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_unfinished) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> TempDir {
        tempfile::tempdir().expect("make a folder")
    }

    #[test]
    fn what_somebody_works_with_stays() {
        let parent = place();
        let place = parent.path().join("place");
        let scratch = Scratch::new(&place).expect("make a folder");
        let now = SystemTime::now();
        for path in unfinished(&place).expect("list") {
            assert!(!delete_forgotten(&path, now).expect("look"));
        }
        drop(scratch);
        assert!(unfinished(&place).expect("list").is_empty());
    }

    #[test]
    fn what_is_of_nobody_is_deleted() {
        let parent = place();
        let path = parent.path().join(".scratch-x");
        fs::create_dir_all(path.join("deep")).expect("make a folder");
        assert!(delete_forgotten(&path, SystemTime::now()).expect("look"));
        assert!(!path.exists());
        assert!(!delete_forgotten(&path, SystemTime::now()).expect("it is gone"));
    }

    /// Nothing tells whether an older release still works with it.
    #[test]
    fn what_nobody_locks_is_deleted_after_a_time() {
        let parent = place();
        let path = parent.path().join(".tmpAbC");
        fs::write(&path, "").expect("write");
        let now = SystemTime::now();
        assert!(!delete_forgotten(&path, now).expect("look"));
        let later = now + FORGOTTEN_AFTER + Duration::from_secs(1);
        assert!(delete_forgotten(&path, later).expect("look"));
    }
}
