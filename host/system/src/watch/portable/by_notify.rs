//! Watching folders by `notify`: on Windows by `ReadDirectoryChangesW`, one handle for each.

use std::io;
use std::path::Path;

use notify::event::{CreateKind, EventKind, ModifyKind, RemoveKind, RenameMode};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{PlaceChange, table};
use crate::folder::portable::Dir;
use crate::watch::ChangeKind;

/// Watches folders at their paths.
pub(super) struct Watcher(RecommendedWatcher);

impl Watcher {
    /// Begins to watch none.
    pub(super) fn new() -> io::Result<Self> {
        let tell = |told: notify::Result<Event>| match told {
            Ok(event) if !event.need_rescan() => tell_of(&event),
            Ok(_) | Err(_) => table().lost(),
        };
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(tell, config);
        watcher.map(Self).map_err(io::Error::other)
    }

    /// Watches a folder.
    pub(super) fn watch(&mut self, _folder: &Dir, place: &Path) -> io::Result<()> {
        let watched = self.0.watch(place, RecursiveMode::NonRecursive);
        watched.map_err(io::Error::other)
    }

    /// Watches a folder no more.
    pub(super) fn unwatch(&mut self, place: &Path) -> io::Result<()> {
        self.0.unwatch(place).map_err(io::Error::other)
    }
}

fn tell_of(event: &Event) {
    let mut table = table();
    // A move is told of once for each of its paths, and by some systems once more for both.
    if let [path] = &*event.paths
        && let Some(what) = what(event.kind, path)
    {
        let is_folder = is_folder(event.kind, path);
        table.tell(&PlaceChange {
            path,
            is_folder,
            what,
        });
    }
    if matches!(event.kind, EventKind::Remove(_)) {
        event.paths.iter().for_each(|path| table.gone(path));
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
