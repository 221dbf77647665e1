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
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::{Access, AtFlags, OFlags, Stat, Timestamps, accessat, fstat, futimens};
use rustix::io::Errno;
use uuid::Uuid;

pub(super) use effects::StagedWrites;
pub(super) use overlay::Children;
use overlay::{InTree, Made, MovedFile, Overlay, Seen};
use place::StagedFile;
pub(super) use place::StagingPlace;
use plan::{FileNumber, Times};

use super::datasites_dir::{DatasitesDir, Known, known};
use super::guest_path::GuestPath;
use super::stamp::stamp_of;
use crate::meter::Charge;

/// The number of a folder that is only staged: no file of a disk has such a one.
const STAGED_FOLDER: u64 = 1 << 63;

/// What one call has changed and nobody else sees.
pub(super) struct Staging {
    place: Arc<StagingPlace>,
    root: Arc<DatasitesDir>,
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
    AtOnce(OwnedFd),
    /// One of the tree: it is copied before it is changed.
    InTree(OwnedFd),
    Staged(OwnedFd),
}

impl Opened {
    pub(super) fn file(&self) -> &OwnedFd {
        match self {
            Self::AtOnce(file) | Self::InTree(file) | Self::Staged(file) => file,
        }
    }

    pub(super) fn into_file(self) -> OwnedFd {
        match self {
            Self::AtOnce(file) | Self::InTree(file) | Self::Staged(file) => file,
        }
    }
}

impl Staging {
    pub(super) fn new(
        place: Arc<StagingPlace>,
        root: Arc<DatasitesDir>,
        most_copied: u64,
        charge: Charge,
    ) -> Self {
        Self {
            place,
            root,
            number: Uuid::new_v4().as_u128(),
            n_files: AtomicU64::new(0),
            is_untouched: AtomicBool::new(true),
            overlay: Mutex::new(Overlay::new(charge)),
            copied_bytes: AtomicU64::new(0),
            most_copied,
        }
    }

    /// Returns the most bytes of files of the tree that a call copies to change them.
    pub(super) fn most_copied(&self) -> u64 {
        self.most_copied
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

    fn put(&self, path: &GuestPath, made: Made, in_tree: Option<InTree>) -> Result<(), Errno> {
        self.is_untouched.store(false, Ordering::Relaxed);
        self.overlay().put(path, made, in_tree)
    }

    /// Looks at what is there for the call. A link is looked at itself.
    pub(super) fn look(&self, path: &GuestPath) -> Result<Stat, Errno> {
        let stat = match self.seen(path) {
            Seen::InTree => self.root.look(path),
            Seen::BelowFile => Err(Errno::NOTDIR),
            Seen::Made(Made::Nothing) => Err(Errno::NOENT),
            Seen::Made(Made::File(staged)) => staged.look(),
            Seen::Made(Made::Moved(moved)) => self.look_moved(&moved),
            Seen::Made(Made::Folder(step)) => {
                let mut stat = fstat(self.place.folder())?;
                stat.st_ino = STAGED_FOLDER | step;
                Ok(stat)
            }
        };
        Ok(self.with_times(path, stat?))
    }

    fn look_moved(&self, moved: &MovedFile) -> Result<Stat, Errno> {
        let stat = self.root.look(&moved.from)?;
        let is_same = stat.st_ino == moved.file.inode;
        is_same.then_some(stat).ok_or(Errno::NOENT)
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
        let nanos = |nanos: i64| u64::try_from(nanos).unwrap_or(0);
        if let Some((seconds, rest)) = access {
            (stat.st_atime, stat.st_atime_nsec) = (seconds, nanos(rest));
        }
        if let Some((seconds, rest)) = modification {
            (stat.st_mtime, stat.st_mtime_nsec) = (seconds, nanos(rest));
        }
        stat
    }

    /// Returns what a folder shows besides what is in the tree, if it does.
    pub(super) fn children(&self, folder: &GuestPath) -> Option<Children> {
        let is_untouched = self.is_untouched.load(Ordering::Relaxed);
        (!is_untouched).then(|| self.overlay().children(folder))
    }

    /// Opens a folder to look at what is in the tree of it, or one that only stands for it.
    pub(super) fn open_folder(&self, path: &GuestPath) -> Result<OwnedFd, Errno> {
        match self.seen(path) {
            Seen::InTree => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY;
                let opened = self.root.open_unchecked(path, flags);
                opened.map_err(|error| self.root.in_the_way(path, error))
            }
            Seen::Made(Made::Folder(_)) => Ok(self.place.open_file(".", OFlags::RDONLY)?.into()),
            Seen::Made(Made::Nothing) => Err(Errno::NOENT),
            Seen::Made(Made::File(_) | Made::Moved(_)) | Seen::BelowFile => Err(Errno::NOTDIR),
        }
    }

    /// Opens what is there to read it.
    pub(super) fn open_to_read(&self, path: &GuestPath) -> Result<Opened, Errno> {
        match self.seen(path) {
            Seen::InTree => {
                let opened = self.root.open_unchecked(path, OFlags::RDONLY)?;
                Ok(Opened::InTree(opened))
            }
            Seen::Made(Made::File(staged)) => {
                Ok(Opened::Staged(staged.open(OFlags::RDONLY)?.into()))
            }
            Seen::Made(Made::Moved(moved)) => Ok(Opened::InTree(self.open_moved(&moved)?)),
            Seen::Made(Made::Folder(_)) => Ok(Opened::Staged(self.open_folder(path)?)),
            Seen::Made(Made::Nothing) => Err(Errno::NOENT),
            Seen::BelowFile => Err(Errno::NOTDIR),
        }
    }

    fn open_moved(&self, moved: &MovedFile) -> Result<OwnedFd, Errno> {
        let opened = self.root.open_unchecked(&moved.from, OFlags::RDONLY)?;
        let is_same = fstat(&opened)?.st_ino == moved.file.inode;
        is_same.then_some(opened).ok_or(Errno::NOENT)
    }

    /// Takes note of a file of the tree that the call reads and may write. One that it has moved
    /// was noted where it was.
    pub(super) fn note_read(&self, path: &GuestPath, file: &OwnedFd) {
        if matches!(self.seen(path), Seen::InTree)
            && let Some(stamp) = stamp_of(file)
        {
            self.overlay().read(path, stamp);
        }
    }

    /// Opens a file, or makes one, as the flags say. One of the tree that is truncated is replaced
    /// by a new one.
    pub(super) fn open_to_write(
        &self,
        path: &GuestPath,
        flags: OFlags,
        truncates: bool,
    ) -> Result<Opened, Errno> {
        let creates = flags.contains(OFlags::CREATE);
        let is_new = creates && flags.contains(OFlags::EXCL);
        let how = flags & (OFlags::ACCMODE | OFlags::SYNC | OFlags::DSYNC);
        match self.seen(path) {
            Seen::BelowFile => Err(Errno::NOTDIR),
            Seen::Made(Made::Nothing) if creates => self.make_file(path),
            Seen::Made(Made::Nothing) => Err(Errno::NOENT),
            Seen::Made(_) if is_new => Err(Errno::EXIST),
            Seen::Made(Made::Folder(_)) => Err(Errno::ISDIR),
            Seen::Made(Made::File(staged)) => Ok(Opened::Staged(staged.open(how)?.into())),
            Seen::Made(Made::Moved(moved)) => {
                self.open_in_tree(path, self.open_moved(&moved)?, truncates)
            }
            Seen::InTree => match self.root.look(path) {
                Err(Errno::NOENT) if creates => {
                    let made = self.make_file(path)?;
                    // What is truncated in any case may be there by then.
                    if is_new || !truncates {
                        self.overlay().was_absent(path);
                    }
                    Ok(made)
                }
                Err(error) => Err(error),
                Ok(_) if is_new => Err(Errno::EXIST),
                Ok(stat) => match known(&stat) {
                    Ok(Known::Folder) => Err(Errno::ISDIR),
                    Ok(Known::File) => {
                        // The owner may have taken the right away.
                        self.root.open_unchecked(path, flags & OFlags::ACCMODE)?;
                        let file = self.root.open_unchecked(path, OFlags::RDONLY)?;
                        self.open_in_tree(path, file, truncates)
                    }
                    Err(_) => Err(Errno::LOOP),
                },
            },
        }
    }

    fn open_in_tree(
        &self,
        path: &GuestPath,
        file: OwnedFd,
        truncates: bool,
    ) -> Result<Opened, Errno> {
        if !truncates {
            self.note_read(path, &file);
            return Ok(Opened::InTree(file));
        }
        let staged = self.stands_for(path, &File::from(file), true)?;
        Ok(Opened::Staged(staged.open(OFlags::RDWR)?.into()))
    }

    fn make_file(&self, path: &GuestPath) -> Result<Opened, Errno> {
        self.may_change_names(path)?;
        let (staged, file) = self.new_file()?;
        // What the call has removed there is known already.
        self.put(path, Made::File(Arc::new(staged)), None)?;
        Ok(Opened::Staged(file.into()))
    }

    fn new_file(&self) -> Result<(StagedFile, File), Errno> {
        StagedFile::make(&self.place, self.next_name())
    }

    /// Returns the name of another staged file.
    fn next_name(&self) -> String {
        let n = self.n_files.fetch_add(1, Ordering::Relaxed);
        format!("{:032x}-{n}", self.number)
    }

    /// Makes sure that there is a folder that holds a path.
    pub(super) fn check_parent(&self, path: &GuestPath) -> Result<(), Errno> {
        self.find_parent(path).map(drop)
    }

    /// Returns the folder that holds a path; `None` where it is only staged.
    fn find_parent(&self, path: &GuestPath) -> Result<Option<OwnedFd>, Errno> {
        let (parent, _) = path.split().ok_or(Errno::PERM)?;
        match self.seen(&parent) {
            Seen::Made(Made::Folder(_)) => Ok(None),
            Seen::Made(Made::Nothing) => Err(Errno::NOENT),
            Seen::Made(Made::File(_) | Made::Moved(_)) | Seen::BelowFile => Err(Errno::NOTDIR),
            Seen::InTree => Ok(Some(self.root.open_parent(path)?.0)),
        }
    }

    /// Makes sure that names in the folder of a path can be changed.
    fn may_change_names(&self, path: &GuestPath) -> Result<(), Errno> {
        let Some(folder) = self.find_parent(path)? else {
            return Ok(());
        };
        let access = Access::WRITE_OK | Access::EXEC_OK;
        accessat(folder, ".", access, AtFlags::empty())
    }

    /// Returns what is in the tree at a path that is about to be changed.
    fn in_tree(&self, path: &GuestPath) -> Result<Option<InTree>, Errno> {
        if let Some(node) = self.overlay().nodes.get(&path.text()) {
            return Ok(node.in_tree);
        }
        // In a folder that the call has made there is nothing.
        if !matches!(self.seen(path), Seen::InTree) {
            return Ok(None);
        }
        match self.root.look(path) {
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error),
            Ok(stat) if known(&stat) == Ok(Known::Folder) => return Ok(Some(InTree::Folder)),
            Ok(_) => {}
        }
        let Some(stamp) = self.root.stamp(path)? else {
            return Ok(None);
        };
        Ok(Some(InTree::File(FileNumber::from(&stamp))))
    }

    /// As [`Staging::in_tree`], for what goes from there: if others change it meanwhile, the call
    /// would have removed or moved something else.
    fn goes(&self, path: &GuestPath) -> Result<Option<InTree>, Errno> {
        let in_tree = self.in_tree(path)?;
        if let Some(InTree::File(file)) = in_tree
            && let Some(stamp) = self.root.stamp(path)?
            && FileNumber::from(&stamp) == file
        {
            let mut overlay = self.overlay();
            overlay.found.entry(path.text()).or_insert(Some(stamp));
        }
        Ok(in_tree)
    }

    pub(super) fn make_folder(&self, path: &GuestPath) -> Result<(), Errno> {
        self.may_change_names(path)?;
        match self.look(path) {
            Ok(_) => return Err(Errno::EXIST),
            Err(Errno::NOENT) => {}
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
    pub(super) fn remove(&self, path: &GuestPath) -> Result<(), Errno> {
        self.may_change_names(path)?;
        let in_tree = self.goes(path)?;
        self.overlay().folder_times.remove(&path.text());
        self.put(path, Made::Nothing, in_tree)
    }

    /// Sets the times of a file that was looked at.
    pub(super) fn set_times(&self, path: &GuestPath, times: &Timestamps) -> Result<(), Errno> {
        match self.open_to_read(path)? {
            Opened::AtOnce(file) | Opened::Staged(file) => futimens(file, times),
            Opened::InTree(file) => futimens(self.copy(path, &file.into())?, times),
        }
    }

    pub(super) fn set_folder_times(
        &self,
        path: &GuestPath,
        times: &Timestamps,
    ) -> Result<(), Errno> {
        self.open_folder(path)?;
        self.is_untouched.store(false, Ordering::Relaxed);
        self.overlay().set_times(path, Times::from(times))
    }
}
