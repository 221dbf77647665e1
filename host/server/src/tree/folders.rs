//! The folders of callers that are held open, so that a file costs no walk.
//!
//! Why: docs/decisions/05-folders-of-callers-stay-open.md

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use syft_protocol::address::Folder;
use syft_system::Dir;

use super::Tree;
use super::prepare::create_keep_file;

/// Folders that are open at one time.
const MAX_OPEN: usize = 16;

/// Open folders. A folder may be moved and another one put in its place meanwhile, so
/// they are let go of at each scan, and whoever misses a file in one looks into the one
/// that is at its path now.
#[derive(Debug, Default)]
pub(super) struct Folders(Mutex<HashMap<Arc<Folder>, Arc<Held>>>);

/// A folder that is open.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) dir: Dir,
    /// A file that is made elsewhere is as one that is made here.
    pub(super) takes_nameless: bool,
    /// It was seen to that it stays.
    is_kept: AtomicBool,
}

impl Held {
    /// Sees to it that SyftBox's client does not remove the folder once it is empty. It
    /// never sees again what comes into one that it has removed, and answers would take
    /// 5 seconds each. Whatever has the name already is left alone.
    pub(super) fn keep(&self) {
        if self.is_kept.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Err(error) = create_keep_file(&self.dir) {
            tracing::debug!("a caller's folder may be removed by sync: {error}");
        }
    }
}

impl Folders {
    fn open(&self) -> MutexGuard<'_, HashMap<Arc<Folder>, Arc<Held>>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Tree {
    /// Looks for something in a folder, at first in the one that is open. `find` returns
    /// `None` where it is not there.
    pub(super) fn look_in<T>(
        &self,
        folder: &Arc<Folder>,
        find: impl Fn(&Held) -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>> {
        let open = self.folders.open().get(folder).map(Arc::clone);
        if let Some(open) = open
            && let Some(found) = find(&open)?
        {
            return Ok(Some(found));
        }
        let dir = self.open_folder(folder)?;
        let opened = Arc::new(Held {
            takes_nameless: !dir.hands_down_rights(),
            dir,
            is_kept: AtomicBool::new(false),
        });
        let found = find(&opened)?;
        let mut folders = self.folders.open();
        if folders.len() >= MAX_OPEN {
            folders.clear();
        }
        folders.insert(Arc::clone(folder), opened);
        Ok(found)
    }

    /// Closes the folders that are held open.
    pub fn let_go(&self) {
        self.folders.open().clear();
    }
}
