//! What the system tells of folders, for all apps of the process, by `notify`: each folder is
//! watched by itself, at the path that its handle has.
//!
//! Systems tell by that path. Where a folder was moved and another one lies there, hints are wrong
//! until the other one is covered, which it is before it is read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use notify::event::{CreateKind, EventKind, ModifyKind, RemoveKind, RenameMode};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::{ChangeKind, ChangeObserver, FolderChange, WatchMask};
use crate::folder::portable::Dir;
use crate::{FileId, SystemError};

/// The most folders that are watched: each costs a handle.
const MOST: usize = 8_192;

static TABLE: Mutex<Table> = Mutex::new(Table::new());

/// Is never locked by whoever holds the table: `notify` waits for its thread, which tells of events
/// and needs the table for that.
static WATCHER: Mutex<Option<RecommendedWatcher>> = Mutex::new(None);

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

/// A folder that is watched: which one it is, and who calls it how.
struct Folder {
    id: FileId,
    names: HashMap<u32, Arc<str>>,
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
        let (mut watcher, was_other) = (watcher(), {
            let mut table = table();
            let is_full = table.folders.len() >= MOST;
            match table.folders.get_mut(&place) {
                Some(known) if known.id == id => {
                    known.names.insert(self.number, Arc::clone(path));
                    table.note_place(self.number, path, place);
                    return Ok(true);
                }
                Some(_) => true,
                None if is_full => {
                    table.refused(&format!("at most {MOST} are"));
                    return Ok(false);
                }
                None => false,
            }
        });
        let Some(watcher) = started(&mut watcher) else {
            return Ok(false);
        };
        if was_other {
            unwatch(watcher, &place);
        }
        if let Err(error) = watcher.watch(&place, RecursiveMode::NonRecursive) {
            table().refused(&error.to_string());
            return Ok(false);
        }
        let mut table = table();
        let known = table.folders.entry(place.clone()).or_insert(Folder {
            id,
            names: HashMap::new(),
        });
        known.id = id;
        known.names.insert(self.number, Arc::clone(path));
        table.note_place(self.number, path, place);
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

fn watcher() -> MutexGuard<'static, Option<RecommendedWatcher>> {
    WATCHER.lock().expect("no holder of this lock panics")
}

/// Returns the watcher, which is made for the first folder and stays.
fn started(watcher: &mut Option<RecommendedWatcher>) -> Option<&mut RecommendedWatcher> {
    if watcher.is_none() {
        let tell = |told: notify::Result<Event>| match told {
            Ok(event) if !event.need_rescan() => table().tell(&event),
            Ok(_) | Err(_) => table().lost(),
        };
        let config = Config::default().with_follow_symlinks(false);
        match RecommendedWatcher::new(tell, config) {
            Ok(made) => *watcher = Some(made),
            Err(error) => table().refused(&error.to_string()),
        }
    }
    watcher.as_mut()
}

/// It may have gone with its folder.
fn unwatch(watcher: &mut RecommendedWatcher, place: &Path) {
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

    /// Takes note of where somebody's folder lies. Another one may have had its path.
    fn note_place(&mut self, number: u32, path: &Arc<str>, place: PathBuf) {
        let Some(looking) = self.observers.get_mut(&number) else {
            return;
        };
        let before = looking.places.insert(Arc::clone(path), place.clone());
        if let Some(before) = before.filter(|before| *before != place)
            && let Some(folder) = self.folders.get_mut(&before)
            && folder.names.get(&number) == Some(path)
        {
            folder.names.remove(&number);
        }
    }

    /// Forgets folders of an observer. Returns the places at which nobody looks any more.
    fn release(&mut self, number: u32, is_meant: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let Some(looking) = self.observers.get_mut(&number) else {
            return Vec::new();
        };
        let (paths, folders) = (&mut looking.places, &mut self.folders);
        let meant = paths.extract_if(.., |path, _| is_meant(path));
        let mut ended = Vec::new();
        for (path, place) in meant {
            if let Some(folder) = folders.get_mut(&place)
                && folder.names.get(&number) == Some(&path)
            {
                folder.names.remove(&number);
            }
            if folders
                .get(&place)
                .is_some_and(|folder| folder.names.is_empty())
            {
                folders.remove(&place);
                ended.push(place);
            }
        }
        ended
    }

    fn refused(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(
                "not all folders are watched: what comes to others is found by scanning, some \
                 seconds later: {why}"
            );
        }
    }

    fn tell(&mut self, event: &Event) {
        let n_paths = event.paths.len();
        for path in &event.paths {
            if let (1, Some(what)) = (n_paths, what(event.kind, path)) {
                self.tell_of(path, event.kind, what);
            }
            if matches!(event.kind, EventKind::Remove(_)) {
                self.folders.remove(path);
            }
        }
    }

    fn tell_of(&self, path: &Path, kind: EventKind, what: ChangeKind) {
        // No request and no guest could name what is no text.
        let name = path.file_name().and_then(OsStr::to_str);
        let folder = path.parent().and_then(|parent| self.folders.get(parent));
        let (Some(folder), Some(name)) = (folder, name) else {
            return;
        };
        // Of what is gone not every system says what it was.
        let kinds: &[bool] = match is_folder(kind, path) {
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
                    what,
                });
            }
        }
    }

    fn lost(&self) {
        for looking in self.observers.values() {
            looking.observer.lost();
        }
    }
}

/// Returns what happened to the path of an event, if it is anything.
fn what(kind: EventKind, path: &Path) -> Option<ChangeKind> {
    Some(match kind {
        EventKind::Create(_) => ChangeKind::Made,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
            ChangeKind::Gone
        }
        // Our own reading, too.
        EventKind::Access(_) => return None,
        EventKind::Modify(ModifyKind::Name(_)) if path.symlink_metadata().is_err() => {
            ChangeKind::Gone
        }
        EventKind::Modify(ModifyKind::Name(_)) => ChangeKind::MovedIn,
        EventKind::Modify(ModifyKind::Metadata(_)) => ChangeKind::Touched,
        EventKind::Modify(_) | EventKind::Any | EventKind::Other => ChangeKind::Changing,
    })
}

/// Tells whether an event is of a folder, where that is known.
fn is_folder(kind: EventKind, path: &Path) -> Option<bool> {
    match kind {
        EventKind::Create(CreateKind::Folder) | EventKind::Remove(RemoveKind::Folder) => Some(true),
        EventKind::Create(CreateKind::File) | EventKind::Remove(RemoveKind::File) => Some(false),
        _ => Some(path.symlink_metadata().ok()?.is_dir()),
    }
}
