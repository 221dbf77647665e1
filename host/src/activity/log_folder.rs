//! The logs of apps, in a private folder: one folder for each app, in it numbered files of which
//! the highest is written. A file that is full is followed by the next, and the lowest is
//! deleted, so who reads never finds a file renamed.

use std::fs::{self, DirEntry, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use syft_protocol::address::AppName;

/// Where lines lie that are about no app. No app has this name.
const OF_HOST: &str = "_host";
const EXTENSION: &str = "jsonl";

/// Files of an app.
pub(super) const FILES_OF_ONE: u64 = 5;

/// The most that logs take.
#[derive(Debug, Clone, Copy)]
pub struct LogBounds {
    /// Of one app, in bytes.
    pub of_one: u64,
    /// Of all apps, in bytes.
    pub of_all: u64,
}

impl Default for LogBounds {
    fn default() -> Self {
        Self {
            of_one: 50 << 20,
            of_all: 1 << 30,
        }
    }
}

/// The folder of the logs of all apps of an owner.
#[derive(Debug, Clone)]
pub struct LogFolder(PathBuf);

/// A file of a log.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

impl LogFolder {
    /// Returns the folder at a path, which need not be there.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Returns where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the folder of an app's log, or of what is about no app.
    pub fn of(&self, app: Option<&AppName>) -> PathBuf {
        let name = app.map_or(OF_HOST.to_owned(), AppName::file_name);
        self.0.join(name)
    }

    /// Returns the apps that have a log, by name.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn apps(&self) -> io::Result<Vec<AppName>> {
        let names = entries(&self.0)?.into_iter().map(|entry| entry.file_name());
        let names = names.filter_map(|name| AppName::of_file_name(name.to_str()?));
        let mut names: Vec<AppName> = names.collect();
        names.sort();
        Ok(names)
    }

    /// Deletes the log of an app, and tells whether there was one.
    ///
    /// # Errors
    /// The disk.
    pub fn delete(&self, app: &AppName) -> io::Result<bool> {
        match fs::remove_dir_all(self.of(Some(app))) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes the oldest files until all together take no more than this, and returns how many
    /// bytes are left. What each app wrote last goes after all that it wrote before.
    ///
    /// # Errors
    /// The disk.
    pub(super) fn prune(&self, most_bytes: u64) -> io::Result<u64> {
        let mut all = Vec::new();
        for entry in entries(&self.0)? {
            let mut files = files(&entry.path())?;
            let last = files.pop();
            all.extend(files.into_iter().map(|file| (false, file)));
            all.extend(last.map(|file| (true, file)));
        }
        all.sort_by_key(|(is_last, file)| (*is_last, file.modified));
        let mut bytes: u64 = all.iter().map(|(_, file)| file.bytes).sum();
        for (_, file) in all {
            if bytes <= most_bytes {
                break;
            }
            remove(&file.path)?;
            bytes -= file.bytes;
        }
        Ok(bytes)
    }
}

/// Returns the files of the logs of all owners, with their sizes.
///
/// # Errors
/// They cannot be listed.
pub fn log_files(root: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut all = Vec::new();
    for owner in entries(root)? {
        for app in entries(&owner.path())? {
            let files = files(&app.path())?.into_iter();
            all.extend(files.map(|file| (file.path, file.bytes)));
        }
    }
    Ok(all)
}

/// Returns the files of a log, the oldest first.
///
/// # Errors
/// They cannot be listed.
pub(super) fn files(folder: &Path) -> io::Result<Vec<LogFile>> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        let Some(number) = number(&entry) else {
            continue;
        };
        match entry.metadata() {
            Ok(metadata) => files.push(LogFile {
                path: entry.path(),
                number,
                bytes: metadata.len(),
                modified: metadata.modified()?,
            }),
            // It was the lowest a moment ago.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    files.sort_by_key(|file| file.number);
    Ok(files)
}

/// Returns the path of a file of a log.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.{EXTENSION}"))
}

/// Opens a file of a log to read it; `None` where it was deleted.
///
/// # Errors
/// It is there and cannot be opened.
pub(super) fn open(folder: &Path, number: u64) -> io::Result<Option<File>> {
    match File::open(path(folder, number)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes a file that may be gone already.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn number(entry: &DirEntry) -> Option<u64> {
    let name = PathBuf::from(entry.file_name());
    let is_log = name
        .extension()
        .is_some_and(|extension| extension == EXTENSION);
    is_log.then(|| name.file_stem()?.to_str()?.parse().ok())?
}

/// Returns what is in a folder: nothing, where there is none.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
