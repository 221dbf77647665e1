//! The `rpc/` folder of one app in the datasites tree, held as a directory
//! handle.
//!
//! Strangers write below it. Every path is walked from the handle one name at a
//! time and no symlink is followed, at any level below the datasites root.
//!
//! Why: docs/decisions/06-what-is-gone-is-waited-for.md

mod folders;
mod names;
mod prepare;
mod quiet;
mod read;
mod scan;
mod shared_folder;
mod sweep;
mod wake;
mod watch;
mod watch_slots;
mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use syft_protocol::address::{AppName, Datasite, Folder};
use syft_system::lock::{Lock, try_for_folder};
use syft_system::{Dir, NamelessFiles, Stat, SystemError};

use folders::Folders;
pub use prepare::write_access_rules;
pub use read::{OpenedRequest, RequestFile};
pub use scan::{EndpointScan, ScanFilter, SkippedEntries, TreeScan};
pub use shared_folder::{FolderContents, SharedFolder};
pub use sweep::Sweep;
pub use watch::{TreeHints, TreeWatcher};
pub use write::WriteResult;

/// The `rpc/` folder of one app.
#[derive(Debug)]
pub struct Tree {
    rpc: Arc<Dir>,
    path: PathBuf,
    folders: Folders,
    /// Where answers are made that have no name yet.
    nameless: Option<NamelessFiles>,
    /// Holds the lock of the app, where this is the server's side.
    lock: Option<Lock>,
}

impl Tree {
    /// Opens the folder, making what is missing of it.
    ///
    /// # Errors
    /// A part of the path is a symlink or no folder, or cannot be made.
    pub fn open(datasites: &Path, datasite: &Datasite, app: &AppName) -> anyhow::Result<Self> {
        let own = datasites.join(datasite.as_str());
        fs::create_dir_all(datasites)
            .and_then(|()| Ok(Dir::open_ambient(datasites)?))
            .and_then(|root| Ok(root.open_or_make(std::iter::once(datasite.as_str()))?))
            .with_context(|| format!("create {}", own.display()))?;
        Self::open_in(datasites, datasite, app)
    }

    /// Opens the folder in a datasite that is there, making what is missing below it. A
    /// host that runs makes no datasite: where there is none, the disk is not mounted or
    /// the folder is on its way to another place, and would find ours in its way when it
    /// comes back.
    ///
    /// # Errors
    /// There is no such datasite; a part of the path is a symlink or no folder, or cannot
    /// be made.
    pub fn open_in(datasites: &Path, datasite: &Datasite, app: &AppName) -> anyhow::Result<Self> {
        let datasites =
            fs::canonicalize(datasites).with_context(|| format!("find {}", datasites.display()))?;
        let path = datasites.join(datasite.as_str());
        let own = Dir::open_ambient(&datasites)
            .and_then(|root| root.open_folder(datasite.as_str()))
            .map_err(io::Error::from)
            .with_context(|| format!("open {} without following links", path.display()))?;
        let names = names_of_rpc(app);
        let path = names.clone().fold(path, |path, name| path.join(name));
        let rpc = own
            .open_or_make(names)
            .map_err(io::Error::from)
            .with_context(|| format!("open {} without following links", path.display()))?;
        Ok(Self {
            rpc: Arc::new(rpc),
            path,
            folders: Folders::default(),
            // SyftBox's client watches the datasites, and nothing beside them.
            nameless: datasites.parent().and_then(NamelessFiles::in_folder),
            lock: None,
        })
    }

    /// Opens the folder where it is there, to look at it.
    pub fn find(datasites: &Path, datasite: &Datasite, app: &AppName) -> Option<Self> {
        let root = Dir::open_ambient(datasites).ok()?;
        let names = std::iter::once(datasite.as_str()).chain(names_of_rpc(app));
        let rpc = root.open_folder_below(&path_of(names.clone())).ok()?;
        let path = names.fold(datasites.to_owned(), |path, name| path.join(name));
        Some(Self {
            rpc: Arc::new(rpc),
            path,
            folders: Folders::default(),
            nameless: None,
            lock: None,
        })
    }

    /// Returns the path of the folder, for messages and for the watcher.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether the folder is still the one at its path. Somebody may have
    /// moved or removed it.
    pub fn is_current(&self) -> bool {
        match (self.rpc.look_at_itself(), Stat::at(&self.path)) {
            (Ok(held), Ok(found)) => held.id == found.id,
            _ => false,
        }
    }

    /// Makes sure that no other host serves the app, as long as this is open.
    ///
    /// # Errors
    /// Another one does.
    pub fn lock(&mut self) -> anyhow::Result<()> {
        match try_for_folder(&self.rpc) {
            Ok(None) => {
                anyhow::bail!(
                    "another host, perhaps of another user or with another data folder, serves {} already",
                    self.path.display()
                )
            }
            Err(error) => {
                tracing::warn!("cannot lock {}: {error}", self.path.display());
                Ok(())
            }
            Ok(locked) => {
                self.lock = locked;
                Ok(())
            }
        }
    }

    /// Opens the folder of a sender.
    pub(crate) fn open_folder(&self, folder: &Folder) -> Result<Dir, SystemError> {
        self.rpc.open_folder_below(&path_of(folder.segments()))
    }

    /// Opens the folder of a sender, making what is missing of it. A file keeps it from being
    /// empty: SyftBox's client may otherwise remove the folder after a call, and miss what is
    /// put into it later.
    pub(crate) fn create_folder(&self, folder: &Folder) -> io::Result<Dir> {
        let folder = self.rpc.open_or_make(folder.segments())?;
        prepare::create_keep_file(&folder)?;
        Ok(folder)
    }
}

/// Returns the path that names lead along.
fn path_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    names.join("/")
}

/// Returns the names that lead from a datasite to the folder of an app's requests.
fn names_of_rpc(app: &AppName) -> impl Iterator<Item = &str> + Clone {
    let below = std::iter::once("app_data").chain(app.parts());
    below.chain(std::iter::once("rpc"))
}
