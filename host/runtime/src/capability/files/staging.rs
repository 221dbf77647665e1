//! What a call changes below the datasites, until it has ended well: others see nothing of it
//! before, and nothing at all of a call that fails.
//!
//! New files, and copies of those that are changed in place, lie in a private folder of the host.
//! What the call has made of which path is in memory (`overlay`). At its end that becomes a plan
//! (`plan`), which is carried out once the state of the call is kept (`effects`, `steps`).
//!
//! Why: docs/decisions/87-what-a-call-writes-to-files-is-staged.md

mod copies;
mod effects;
mod overlay;
mod place;
mod plan;
mod rename;
mod steps;

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use syft_system::{Create, Dir, Open, SetTimes, Stat, SystemError};
use uuid::Uuid;

pub(super) use effects::{Ended, StagedWrites};
pub(super) use overlay::Children;
use overlay::{InTree, Made, MovedFile, Overlay, Seen};
pub(super) use place::StagedFile;
pub(super) use place::StagingPlace;
pub(super) use plan::{FileNumber, KEEP, NOW, Plan, Step, Times};

use super::datasites_dir::{Known, known};
use super::guest_path::GuestPath;
use super::listing::Entries;
use super::tree::{InFolder, Tree, TreeFile};
use crate::meter::Charge;

/// The number of a folder that is only staged: no file of a disk has such a one.
const STAGED_FOLDER: u64 = 1 << 63;

/// What one call has changed and nobody else sees.
pub(super) struct Staging {
    place: Arc<StagingPlace>,
    tree: Tree,
    began: SystemTime,
    number: u128,
    n_files: AtomicU64,
    /// Nothing was changed: then the tree is asked alone.
    is_untouched: AtomicBool,
    overlay: Mutex<Overlay>,
    copied_bytes: AtomicU64,
    most_copied: u64,
}

/// A file that was opened.
pub(super) enum Opened {
    /// It is changed at once.
    AtOnce(TreeFile),
    /// One of the tree: it is copied before it is changed.
    InTree(TreeFile),
    Staged(TreeFile),
}

impl Opened {
    pub(super) fn file(&self) -> &TreeFile {
        match self {
            Self::AtOnce(file) | Self::InTree(file) | Self::Staged(file) => file,
        }
    }

    pub(super) fn into_file(self) -> TreeFile {
        match self {
            Self::AtOnce(file) | Self::InTree(file) | Self::Staged(file) => file,
        }
    }
}

impl Staging {
    pub(super) fn new(
        place: Arc<StagingPlace>,
        tree: Tree,
        most_copied: u64,
        charge: Charge,
    ) -> Self {
        Self {
            place,
            tree,
            began: SystemTime::now(),
            number: Uuid::new_v4().as_u128(),
            n_files: AtomicU64::new(0),
            is_untouched: AtomicBool::new(true),
            overlay: Mutex::new(Overlay::new(charge)),
            copied_bytes: AtomicU64::new(0),
            most_copied,
        }
    }

    /// Returns when the call began.
    pub(super) fn began(&self) -> SystemTime {
        self.began
    }

    fn overlay(&self) -> MutexGuard<'_, Overlay> {
        self.overlay.lock().expect("no holder of this lock panics")
    }

    fn seen(&self, path: &GuestPath) -> Seen {
        if self.is_untouched.load(Ordering::Relaxed) {
            return Seen::InTree;
        }
        self.overlay().seen(path)
    }

    fn put(
        &self,
        path: &GuestPath,
        made: Made,
        in_tree: Option<InTree>,
    ) -> Result<(), SystemError> {
        self.is_untouched.store(false, Ordering::Relaxed);
        self.overlay().put(path, made, in_tree)
    }

    /// Looks at what is there for the call. A link is looked at itself.
    pub(super) fn look(&self, path: &GuestPath) -> Result<Stat, SystemError> {
        let stat = match self.seen(path) {
            Seen::InTree => self.tree.look(path),
            Seen::BelowFile => Err(SystemError::NotAFolder),
            Seen::Made(Made::Nothing) => Err(SystemError::NotFound),
            Seen::Made(Made::File(staged)) => staged.look(),
            Seen::Made(Made::Moved(moved)) => self.look_moved(&moved),
            Seen::Made(Made::Folder(step)) => {
                let mut stat = self.place.folder().look_at_itself()?;
                stat.id.file = STAGED_FOLDER | step;
                Ok(stat)
            }
        };
        Ok(self.with_times(path, stat?))
    }

    fn look_moved(&self, moved: &MovedFile) -> Result<Stat, SystemError> {
        let stat = self.tree.look(&moved.from)?;
        let is_same = stat.id.file == moved.file.inode;
        is_same.then_some(stat).ok_or(SystemError::NotFound)
    }

    /// Shows the times that the call has set of a folder.
    fn with_times(&self, path: &GuestPath, mut stat: Stat) -> Stat {
        if self.is_untouched.load(Ordering::Relaxed) {
            return stat;
        }
        let overlay = self.overlay();
        let Some(times) = overlay.folder_times.get(&path.text()) else {
            return stat;
        };
        let [access, modification] = times.shown();
        stat.accessed = access.unwrap_or(stat.accessed);
        stat.modified = modification.unwrap_or(stat.modified);
        stat
    }

    /// Returns what a folder shows besides what is in the tree, if it does.
    pub(super) fn children(&self, folder: &GuestPath) -> Option<Children> {
        let is_untouched = self.is_untouched.load(Ordering::Relaxed);
        (!is_untouched).then(|| self.overlay().children(folder))
    }

    /// Tells whether the call itself has made of a path what it finds there.
    pub(super) fn has_changed(&self, path: &GuestPath) -> bool {
        !matches!(self.seen(path), Seen::InTree)
    }

    /// Returns where what a guest finds at a path lies in the tree, if it lies there.
    pub(super) fn source(&self, path: &GuestPath) -> Option<GuestPath> {
        match self.seen(path) {
            Seen::InTree => Some(path.clone()),
            Seen::Made(Made::Moved(moved)) => Some(moved.from),
            Seen::Made(_) | Seen::BelowFile => None,
        }
    }

    /// Lists a folder.
    pub(super) fn list(&self, path: &GuestPath) -> Result<Entries, SystemError> {
        let in_tree = match self.seen(path) {
            Seen::InTree => self.tree.list(path)?,
            _ => InFolder::Here(self.open_folder(path)?.list()?),
        };
        Ok(Entries::new(in_tree, self.children(path)))
    }

    /// Opens a folder, or one that only stands for it.
    pub(super) fn open_folder(&self, path: &GuestPath) -> Result<Dir, SystemError> {
        match self.seen(path) {
            Seen::InTree => self.tree.open_folder(path),
            Seen::Made(Made::Folder(_)) => self.place.folder().try_clone(),
            Seen::Made(Made::Nothing) => Err(SystemError::NotFound),
            Seen::Made(Made::File(_) | Made::Moved(_)) | Seen::BelowFile => {
                Err(SystemError::NotAFolder)
            }
        }
    }

    /// Opens the file that is there to read it.
    pub(super) fn open_to_read(&self, path: &GuestPath) -> Result<Opened, SystemError> {
        match self.seen(path) {
            Seen::InTree => Ok(Opened::InTree(self.tree.open(path)?)),
            Seen::Made(Made::File(staged)) => Ok(Opened::Staged(staged.open(Open::READ)?.into())),
            Seen::Made(Made::Moved(moved)) => Ok(Opened::InTree(self.open_moved(&moved)?)),
            Seen::Made(Made::Folder(_)) => Err(SystemError::IsAFolder),
            Seen::Made(Made::Nothing) => Err(SystemError::NotFound),
            Seen::BelowFile => Err(SystemError::NotAFolder),
        }
    }

    fn open_moved(&self, moved: &MovedFile) -> Result<TreeFile, SystemError> {
        let opened = self.tree.open(&moved.from)?;
        let is_same = opened.found()?.id.file == moved.file.inode;
        is_same.then_some(opened).ok_or(SystemError::NotFound)
    }

    /// Takes note of a file of the tree that the call reads and may write. One that it has moved
    /// was noted where it was.
    pub(super) fn note_read(&self, path: &GuestPath, file: &TreeFile) {
        if matches!(self.seen(path), Seen::InTree)
            && let Some(stamp) = file.stamp()
        {
            self.overlay().read(path, stamp);
        }
    }

    /// Opens a file, or makes one, as is said. One of the tree that is truncated is replaced
    /// by a new one.
    pub(super) fn open_to_write(
        &self,
        path: &GuestPath,
        how: Open,
        truncates: bool,
    ) -> Result<Opened, SystemError> {
        let creates = how.creates() != Create::Never;
        let is_new = how.creates() == Create::New;
        let how = how.create(Create::Never);
        match self.seen(path) {
            Seen::BelowFile => Err(SystemError::NotAFolder),
            Seen::Made(Made::Nothing) if creates => self.make_file(path),
            Seen::Made(Made::Nothing) => Err(SystemError::NotFound),
            Seen::Made(_) if is_new => Err(SystemError::Exists),
            Seen::Made(Made::Folder(_)) => Err(SystemError::IsAFolder),
            Seen::Made(Made::File(staged)) => Ok(Opened::Staged(staged.open(how)?.into())),
            Seen::Made(Made::Moved(moved)) => {
                self.open_in_tree(path, self.open_moved(&moved)?, truncates)
            }
            Seen::InTree => match self.tree.look(path) {
                Err(SystemError::NotFound) if creates => {
                    let made = self.make_file(path)?;
                    // What is truncated in any case may be there by then.
                    if is_new || !truncates {
                        self.overlay().was_absent(path);
                    }
                    Ok(made)
                }
                Err(error) => Err(error),
                Ok(_) if is_new => Err(SystemError::Exists),
                Ok(stat) => match known(&stat) {
                    Ok(Known::Folder) => Err(SystemError::IsAFolder),
                    Ok(Known::File) => {
                        let file = self.tree.open_writable(path, how)?;
                        self.open_in_tree(path, file, truncates)
                    }
                    Err(_) => Err(SystemError::Link),
                },
            },
        }
    }

    fn open_in_tree(
        &self,
        path: &GuestPath,
        file: TreeFile,
        truncates: bool,
    ) -> Result<Opened, SystemError> {
        if !truncates {
            self.note_read(path, &file);
            return Ok(Opened::InTree(file));
        }
        let staged = self.stands_for(path, &file, true)?;
        Ok(Opened::Staged(staged.open(Open::READ_WRITE)?.into()))
    }

    fn make_file(&self, path: &GuestPath) -> Result<Opened, SystemError> {
        self.may_change_names(path)?;
        let (staged, file) = self.new_file(None)?;
        // What the call has removed there is known already.
        self.put(path, Made::File(Arc::new(staged)), None)?;
        Ok(Opened::Staged(file.into()))
    }

    /// Makes an empty file, to stand for one that lies at a path in the tree if that is given.
    pub(super) fn new_file(&self, of: Option<String>) -> Result<(StagedFile, File), SystemError> {
        StagedFile::make(&self.place, self.next_name(), of)
    }

    /// Returns the name of another staged file.
    fn next_name(&self) -> String {
        let n = self.n_files.fetch_add(1, Ordering::Relaxed);
        format!("{:032x}-{n}", self.number)
    }

    /// Makes sure that there is a folder that holds a path.
    pub(super) fn check_parent(&self, path: &GuestPath) -> Result<(), SystemError> {
        self.find_parent(path, || self.tree.check_parent(path))
    }

    /// Makes sure that names in the folder of a path can be changed.
    pub(super) fn may_change_names(&self, path: &GuestPath) -> Result<(), SystemError> {
        self.find_parent(path, || self.tree.may_change_names(path))
    }

    /// Makes sure that a folder holds a path; one of the tree is looked at.
    fn find_parent(
        &self,
        path: &GuestPath,
        in_tree: impl FnOnce() -> Result<(), SystemError>,
    ) -> Result<(), SystemError> {
        let (parent, _) = path.split().ok_or(SystemError::NotPermitted)?;
        match self.seen(&parent) {
            Seen::Made(Made::Folder(_)) => Ok(()),
            Seen::Made(Made::Nothing) => Err(SystemError::NotFound),
            Seen::Made(Made::File(_) | Made::Moved(_)) | Seen::BelowFile => {
                Err(SystemError::NotAFolder)
            }
            Seen::InTree => in_tree(),
        }
    }

    /// Returns what is in the tree at a path that is about to be changed.
    fn in_tree(&self, path: &GuestPath) -> Result<Option<InTree>, SystemError> {
        if let Some(node) = self.overlay().nodes.get(&path.text()) {
            return Ok(node.in_tree);
        }
        // In a folder that the call has made there is nothing.
        if !matches!(self.seen(path), Seen::InTree) {
            return Ok(None);
        }
        match self.tree.look(path) {
            Err(SystemError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
            Ok(stat) if known(&stat) == Ok(Known::Folder) => return Ok(Some(InTree::Folder)),
            Ok(_) => {}
        }
        let Some(stamp) = self.tree.stamp(path)? else {
            return Ok(None);
        };
        Ok(Some(InTree::File(FileNumber::from(&stamp))))
    }

    /// As [`Staging::in_tree`], for what goes from there: if others change it meanwhile, the call
    /// would have removed or moved something else.
    fn goes(&self, path: &GuestPath) -> Result<Option<InTree>, SystemError> {
        let in_tree = self.in_tree(path)?;
        if let Some(InTree::File(file)) = in_tree
            && let Some(stamp) = self.tree.stamp(path)?
            && FileNumber::from(&stamp) == file
        {
            let mut overlay = self.overlay();
            overlay.found.entry(path.text()).or_insert(Some(stamp));
        }
        Ok(in_tree)
    }

    pub(super) fn make_folder(&self, path: &GuestPath) -> Result<(), SystemError> {
        self.may_change_names(path)?;
        match self.look(path) {
            Ok(_) => return Err(SystemError::Exists),
            Err(SystemError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let is_first = matches!(self.seen(path), Seen::InTree);
        let step = self.overlay().next_step();
        self.put(path, Made::Folder(step), None)?;
        if is_first {
            self.overlay().was_absent(path);
        }
        Ok(())
    }

    /// Removes a file that is there, or a folder in which nothing is.
    pub(super) fn remove(&self, path: &GuestPath) -> Result<(), SystemError> {
        self.may_change_names(path)?;
        let in_tree = self.goes(path)?;
        self.overlay().folder_times.remove(&path.text());
        self.put(path, Made::Nothing, in_tree)
    }

    /// Sets the times of a file that was looked at.
    pub(super) fn set_times(&self, path: &GuestPath, times: &SetTimes) -> Result<(), SystemError> {
        match self.open_to_read(path)? {
            Opened::AtOnce(file) | Opened::Staged(file) => times.set_on(file.file()),
            Opened::InTree(file) => times.set_on(self.copy(path, &file)?.file()),
        }
    }

    pub(super) fn set_folder_times(
        &self,
        path: &GuestPath,
        times: &SetTimes,
    ) -> Result<(), SystemError> {
        self.open_folder(path)?;
        self.is_untouched.store(false, Ordering::Relaxed);
        self.overlay().set_times(path, Times::from(times))
    }
}
