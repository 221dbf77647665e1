//! Keeps a folder of what can be made again within bounds of size and age.
//!
//! When something was used last is the time of its file, which whoever uses it sets.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use syft_system::SetTimes;

use crate::scratch::{self, is_unfinished};

/// What was used just now stays, whatever its size: somebody wrote it and is about to read it.
const FRESH: Duration = Duration::from_secs(60);

/// What may lie in a folder.
#[derive(Debug, Clone, Copy)]
pub struct CacheBounds {
    /// Together.
    pub bytes: u64,
    /// The time after which something that was not used is deleted.
    pub age: Duration,
}

/// What lies in a folder under one name, whatever its extensions.
#[derive(Debug)]
pub struct CacheEntry {
    pub(crate) files: Vec<PathBuf>,
    /// Of all its files.
    pub bytes: u64,
    pub(crate) used: SystemTime,
}

/// Notes that a file is used now.
pub fn touch(path: &Path) {
    // It may be gone, or on a disk that is full: then it counts as not used.
    SetTimes::USED_NOW.set_at(path).ok();
}

/// Deletes what is beyond the bounds, and what those left who were killed.
///
/// # Errors
/// The folder cannot be listed, or nothing can be deleted from it.
pub fn keep_within(folder: &Path, bounds: CacheBounds, now: SystemTime) -> io::Result<()> {
    let mut deleted = delete_forgotten(folder, now);
    for entry in beyond(entries(folder)?, bounds, now) {
        // One that cannot be deleted keeps no other.
        deleted = deleted.and(entry.delete());
    }
    deleted
}

/// Deletes what those left in a folder who were killed.
///
/// # Errors
/// The folder cannot be listed, or nothing can be deleted from it.
pub fn delete_forgotten(folder: &Path, now: SystemTime) -> io::Result<()> {
    let mut deleted = Ok(());
    for path in scratch::unfinished(folder)? {
        deleted = deleted.and(scratch::delete_forgotten(&path, now).map(drop));
    }
    deleted
}

/// Returns what lies there and is finished. What vanishes meanwhile is none of it.
///
/// # Errors
/// The folder cannot be listed.
pub fn entries(folder: &Path) -> io::Result<Vec<CacheEntry>> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut entries: BTreeMap<OsString, CacheEntry> = BTreeMap::new();
    for file in listed {
        let file = file?;
        let name = file.file_name();
        let is_finished = !name.to_str().is_some_and(is_unfinished);
        let metadata = match file.metadata() {
            Ok(metadata) if metadata.is_file() && is_finished => metadata,
            _ => continue,
        };
        let path = file.path();
        let stem = path.file_stem().unwrap_or(&name).to_owned();
        let used = metadata.modified()?;
        let entry = entries.entry(stem).or_insert(CacheEntry {
            files: Vec::new(),
            bytes: 0,
            used,
        });
        entry.files.push(path);
        entry.bytes += metadata.len();
        entry.used = entry.used.max(used);
    }
    Ok(entries.into_values().collect())
}

/// Returns what has to go: what is too old, then what was not used for longest.
fn beyond(mut entries: Vec<CacheEntry>, bounds: CacheBounds, now: SystemTime) -> Vec<CacheEntry> {
    entries.sort_by_key(|entry| entry.used);
    let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
    entries
        .into_iter()
        .filter(|entry| {
            // A clock that was set back makes nothing old.
            let age = now.duration_since(entry.used).unwrap_or_default();
            let goes = age > bounds.age || (bytes > bounds.bytes && age > FRESH);
            if goes {
                bytes -= entry.bytes;
            }
            goes
        })
        .collect()
}

impl CacheEntry {
    /// Returns the name that its files share, without their extensions.
    pub fn name(&self) -> Option<&str> {
        self.files.first()?.file_stem()?.to_str()
    }

    /// Deletes it. A process that has it open keeps what it opened.
    ///
    /// # Errors
    /// It is still there.
    pub fn delete(&self) -> io::Result<()> {
        for file in &self.files {
            match fs::remove_file(file) {
                // Another host may be faster.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                deleted => deleted?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    const BOUNDS: CacheBounds = CacheBounds {
        bytes: 10,
        age: Duration::from_secs(1_000),
    };

    /// Makes files of these ages and sizes, and returns which are left.
    fn left(files: &[(&str, u64, u64)]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("make a folder");
        let now = SystemTime::now();
        for (name, age, bytes) in files {
            let file = File::create(folder.path().join(name)).expect("make a file");
            file.set_len(*bytes).expect("make it as large");
            file.set_modified(now - Duration::from_secs(*age))
                .expect("make it as old");
        }
        keep_within(folder.path(), BOUNDS, now).expect("keep within bounds");
        let left = fs::read_dir(folder.path()).expect("list");
        let mut left: Vec<String> = left
            .map(|file| file.expect("readable").file_name().into_string())
            .map(|name| name.expect("text"))
            .collect();
        left.sort();
        left
    }

    #[test]
    fn what_was_not_used_for_long_goes() {
        assert_eq!(left(&[("a", 999, 1), ("b", 1_001, 1)]), ["a"]);
    }

    #[test]
    fn of_too_much_the_least_recently_used_goes() {
        let files = [("a", 300, 5), ("b", 100, 5), ("c", 200, 5), ("d", 400, 5)];
        assert_eq!(left(&files), ["b", "c"]);
    }

    #[test]
    fn what_is_used_just_now_stays() {
        assert_eq!(left(&[("a", 0, 20), ("b", 100, 5)]), ["a"]);
    }

    #[test]
    fn files_of_one_name_go_together() {
        let files = [
            ("a.wasm", 500, 5),
            ("a.name", 100, 5),
            ("b.wasm", 300, 5),
            ("b.name", 300, 5),
        ];
        assert_eq!(left(&files), ["a.name", "a.wasm"]);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_old() {
        let folder = tempfile::tempdir().expect("make a folder");
        let path = folder.path().join("a");
        fs::write(&path, "").expect("write");
        let long_ago = SystemTime::now() - Duration::from_secs(100_000);
        keep_within(folder.path(), BOUNDS, long_ago).expect("keep within bounds");
        assert!(path.exists());
    }

    #[test]
    fn using_makes_young() {
        let folder = tempfile::tempdir().expect("make a folder");
        let path = folder.path().join("a");
        let file = File::create(&path).expect("make a file");
        let long_ago = SystemTime::now() - Duration::from_secs(100_000);
        file.set_modified(long_ago).expect("make it old");
        touch(&path);
        keep_within(folder.path(), BOUNDS, SystemTime::now()).expect("keep within bounds");
        assert!(path.exists());
    }
}
