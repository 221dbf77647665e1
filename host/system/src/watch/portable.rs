//! What the system tells of folders, for all apps of the process: each folder is watched by itself,
//! and known by the path that its handle has.
//!
//! Systems tell by that path. Where a folder was moved and another one lies there, hints are wrong
//! until the other one is covered, which it is before it is read.

#[cfg(target_os = "macos")]
mod by_kqueue;
#[cfg(not(target_os = "macos"))]
mod by_notify;

use std::collections::{BTreeMap, HashMap, HashSet};
#[cfg(not(target_os = "macos"))]
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

#[cfg(target_os = "macos")]
use by_kqueue::Watcher;
#[cfg(not(target_os = "macos"))]
use by_notify::Watcher;

#[cfg(not(target_os = "macos"))]
use super::{ChangeKind, FolderChange};
use super::{ChangeObserver, WatchMask};
use crate::folder::portable::Dir;
use crate::{FileId, SystemError};

/// The most folders that are watched: each costs a handle, of which Unix lets a process have few.
const MOST: usize = 8_192;

static TABLE: Mutex<Table> = Mutex::new(Table::new());

/// Is never locked by whoever holds the table: it waits for its thread, which tells of events and
/// needs the table for that.
static WATCHER: Mutex<Option<Watcher>> = Mutex::new(None);

/// Watches folders for an observer until it is dropped.
#[derive(Debug)]
pub struct FolderWatcher {
    number: u32,
}

/// Who watches what.
struct Table {
    observers: BTreeMap<u32, Looking>,
    next_number: u32,
    folders: BTreeMap<PathBuf, Folder>,
    is_told: bool,
}

struct Looking {
    observer: Arc<dyn ChangeObserver>,
    places: BTreeMap<Arc<str>, PathBuf>,
}

/// Something happened at a path.
#[cfg(not(target_os = "macos"))]
struct PlaceChange<'a> {
    path: &'a Path,
    /// It is a folder, where that is known.
    is_folder: Option<bool>,
    what: ChangeKind,
}

/// A folder that is watched: which one it is, and who calls it how.
#[derive(Default)]
struct Folder {
    id: FileId,
    names: HashMap<u32, Arc<str>>,
}

/// What is watched at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The folder that lies there.
    Itself,
    /// Another one, which lay there before.
    Other,
    Nothing,
    /// Nothing, and no more may be.
    Full,
}

impl FolderWatcher {
    /// Returns a watcher of no folder yet.
    pub fn new(observer: Arc<dyn ChangeObserver>) -> Self {
        let mut table = table();
        table.next_number += 1;
        let number = table.next_number;
        let looking = Looking {
            observer,
            places: BTreeMap::new(),
        };
        table.observers.insert(number, looking);
        Self { number }
    }

    /// Watches a folder that is open under this path, if that can be; tells whether it is
    /// watched. It may take the place of another one, which is watched no more.
    pub fn cover(
        &self,
        folder: &Dir,
        path: &Arc<str>,
        _interest: WatchMask,
        instead: Option<&str>,
    ) -> bool {
        if let Some(other) = instead {
            self.release(|path| path == other);
        }
        match self.try_to_cover(folder, path) {
            Ok(is_covered) => is_covered,
            Err(error) => {
                tracing::warn!(%path, "a folder is not watched, only scanned: {error}");
                false
            }
        }
    }

    fn try_to_cover(&self, folder: &Dir, path: &Arc<str>) -> Result<bool, SystemError> {
        let (place, id) = (folder.path()?, folder.look_at_itself()?.id);
        let mut watcher = watcher();
        let Some(watcher) = started(&mut watcher) else {
            return Ok(false);
        };
        let found = table().find(&place, id);
        match found {
            Found::Full => return Ok(false),
            Found::Itself => {}
            Found::Nothing | Found::Other => {
                if found == Found::Other {
                    unwatch(watcher, &place);
                }
                if let Err(error) = watcher.watch(folder, &place) {
                    table().refused(&error.to_string());
                    return Ok(false);
                }
            }
        }
        let ended = table().enter(self.number, path, place, id);
        if let Some(place) = ended {
            unwatch(watcher, &place);
        }
        Ok(true)
    }

    /// Returns the paths of the folders that are watched.
    pub fn paths(&self) -> HashSet<Arc<str>> {
        let table = table();
        let looking = table.observers.get(&self.number);
        looking.map_or_else(HashSet::new, |looking| {
            looking.places.keys().cloned().collect()
        })
    }

    /// Watches a folder and those below it no more, since they are gone from there.
    pub fn forget(&self, path: &str) {
        let start = format!("{path}/");
        self.release(|other| other == path || other.starts_with(&start));
    }

    fn release(&self, is_meant: impl Fn(&str) -> bool) {
        let mut watcher = watcher();
        let ended = table().release(self.number, is_meant);
        if let Some(watcher) = &mut *watcher {
            ended.iter().for_each(|place| unwatch(watcher, place));
        }
    }
}

impl Drop for FolderWatcher {
    fn drop(&mut self) {
        self.release(|_| true);
        table().observers.remove(&self.number);
    }
}

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().expect("no holder of this lock panics")
}

fn watcher() -> MutexGuard<'static, Option<Watcher>> {
    WATCHER.lock().expect("no holder of this lock panics")
}

/// Returns the watcher, which is made for the first folder and stays.
fn started(watcher: &mut Option<Watcher>) -> Option<&mut Watcher> {
    if watcher.is_none() {
        match Watcher::new() {
            Ok(made) => *watcher = Some(made),
            Err(error) => table().refused(&error.to_string()),
        }
    }
    watcher.as_mut()
}

/// Returns how many folders may be watched: a quarter of the files that this process may open.
#[cfg(unix)]
fn most_watched() -> usize {
    use rustix::process::{Resource, getrlimit};
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 4).map_or(MOST, |files| files.min(MOST))
}

/// Returns how many folders may be watched.
#[cfg(windows)]
fn most_watched() -> usize {
    MOST
}

/// It may have gone with its folder.
fn unwatch(watcher: &mut Watcher, place: &Path) {
    if let Err(error) = watcher.unwatch(place) {
        tracing::debug!("a watch is gone already: {error}");
    }
}

impl Table {
    const fn new() -> Self {
        Self {
            observers: BTreeMap::new(),
            next_number: 0,
            folders: BTreeMap::new(),
            is_told: false,
        }
    }

    /// Returns what is watched at a place where a folder lies.
    fn find(&mut self, place: &Path, id: FileId) -> Found {
        match self.folders.get(place) {
            Some(known) if known.id == id => Found::Itself,
            Some(_) => Found::Other,
            None if self.folders.len() < most_watched() => Found::Nothing,
            None => {
                self.refused(&format!("at most {} are", self.folders.len()));
                Found::Full
            }
        }
    }

    /// Takes note of where a folder of somebody's lies. Returns the place of the one that had its
    /// path before, if nobody looks there any more.
    fn enter(
        &mut self,
        number: u32,
        path: &Arc<str>,
        place: PathBuf,
        id: FileId,
    ) -> Option<PathBuf> {
        let looking = self.observers.get_mut(&number)?;
        let before = looking.places.insert(Arc::clone(path), place.clone());
        let folder = self.folders.entry(place.clone()).or_default();
        folder.id = id;
        folder.names.insert(number, Arc::clone(path));
        let before = before.filter(|before| *before != place)?;
        self.leave(number, path, before)
    }

    /// Takes note that somebody does not look at a place any more. Returns it if nobody does.
    fn leave(&mut self, number: u32, path: &Arc<str>, place: PathBuf) -> Option<PathBuf> {
        let folder = self.folders.get_mut(&place)?;
        if folder.names.get(&number) == Some(path) {
            folder.names.remove(&number);
        }
        if !folder.names.is_empty() {
            return None;
        }
        self.folders.remove(&place);
        Some(place)
    }

    /// Forgets folders of an observer. Returns the places at which nobody looks any more.
    fn release(&mut self, number: u32, is_meant: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let Some(looking) = self.observers.get_mut(&number) else {
            return Vec::new();
        };
        let meant = looking.places.extract_if(.., |path, _| is_meant(path));
        let meant: Vec<_> = meant.collect();
        let left = meant.into_iter();
        left.filter_map(|(path, place)| self.leave(number, &path, place))
            .collect()
    }

    fn refused(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(
                "not all folders are watched: what comes to others is found by scanning, some \
                 seconds later: {why}"
            );
        }
    }

    /// Tells of a change of something.
    #[cfg(not(target_os = "macos"))]
    fn tell(&self, change: &PlaceChange<'_>) {
        // No request and no guest could name what is no text.
        let name = change.path.file_name().and_then(OsStr::to_str);
        let folder = change.path.parent();
        let folder = folder.and_then(|parent| self.folders.get(parent));
        let (Some(folder), Some(name)) = (folder, name) else {
            return;
        };
        // Of what is gone not every system says what it was.
        let kinds: &[bool] = match change.is_folder {
            Some(true) => &[true],
            Some(false) => &[false],
            None => &[true, false],
        };
        for (number, folder) in &folder.names {
            let Some(looking) = self.observers.get(number) else {
                continue;
            };
            for is_folder in kinds {
                looking.observer.note(&FolderChange {
                    folder,
                    name,
                    is_folder: *is_folder,
                    what: change.what,
                });
            }
        }
    }

    /// Tells that something in a folder changed, where the system does not say what.
    #[cfg(target_os = "macos")]
    fn changed(&self, place: &Path) {
        let Some(folder) = self.folders.get(place) else {
            return;
        };
        for (number, folder) in &folder.names {
            if let Some(looking) = self.observers.get(number) {
                looking.observer.changed(folder);
            }
        }
    }

    /// Takes note that a folder is no longer there, if it was watched.
    #[cfg(not(target_os = "macos"))]
    fn gone(&mut self, place: &Path) {
        self.folders.remove(place);
    }

    fn lost(&self) {
        for looking in self.observers.values() {
            looking.observer.lost();
        }
    }
}
