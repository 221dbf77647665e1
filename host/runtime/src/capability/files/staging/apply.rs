//! Carrying out what a call has changed, once it is kept; and finishing what a host began that was
//! killed.
//!
//! Each step opens its folder anew and follows no links. Whatever others have put in the way in
//! the meantime stays: what cannot be done for that reason is said in the log.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Dir, Mode, OFlags, fchmod, fdatasync, fstat, fsync, futimens, mkdirat, openat,
    renameat, unlinkat,
};
use rustix::io::Errno;
use syft_protocol::file_events::FileStamp;

use super::super::datasites_dir::{DatasitesDir, Known, known, look_at};
use super::super::guard::Guard;
use super::super::guest_path::GuestPath;
use super::super::stamp::stamp_at;
use super::place::{StagedFile, StagingPlace};
use super::plan::{FileNumber, Plan, Step};
use super::{Ordering, Staging, copy_bytes, hands_down_rights, times_of};
use crate::failpoint;
use crate::state::Effects;

/// The most plans that wait for a disk with room.
const MAX_UNFINISHED: usize = 64;

/// What a call has changed, when it has ended.
pub(in super::super) struct StagedWrites {
    plan: Plan,
    /// Held until they are in their place.
    files: Vec<Arc<StagedFile>>,
    /// Files of the tree as the call found them, of those that it changes.
    found: BTreeMap<String, FileStamp>,
    place: Arc<StagingPlace>,
    root: Arc<DatasitesDir>,
    /// What takes note that the app itself changes these files.
    guard: Guard,
    is_claimed: bool,
    is_written: bool,
}

impl Staging {
    /// Returns what the call has changed, if that is anything. Nothing more can be staged then.
    pub(in super::super) fn take(&self, guard: &Guard) -> Option<StagedWrites> {
        if self.is_untouched.load(Ordering::Relaxed) {
            return None;
        }
        let mut overlay = self.overlay();
        overlay.has_ended = true;
        let plan = Plan::new(self.number, &overlay);
        if plan.steps.is_empty() {
            return None;
        }
        let paths: HashSet<&str> = plan.paths().collect();
        let found = overlay.found.iter();
        let found = found.filter(|(path, _)| paths.contains(path.as_str()));
        let found = found.map(|(path, stamp)| (path.clone(), *stamp)).collect();
        Some(StagedWrites {
            files: overlay.staged_files(),
            found,
            plan,
            place: Arc::clone(&self.place),
            root: Arc::clone(&self.root),
            guard: guard.clone(),
            is_claimed: false,
            is_written: false,
        })
    }
}

impl Effects for StagedWrites {
    fn number(&self) -> u128 {
        self.plan.number
    }

    fn prepare(&mut self, force: bool) -> io::Result<()> {
        let text = serde_json::to_vec(&self.plan)?;
        let mut file = self.place.make(&self.plan.file_name())?;
        self.is_written = true;
        file.write_all(&text)?;
        if force {
            for staged in &self.files {
                fdatasync(staged.open(OFlags::RDONLY)?)?;
            }
            fdatasync(&file)?;
            fsync(self.place.folder())?;
        }
        Ok(())
    }

    fn claim(&mut self) -> bool {
        let mut under_way = self.place.under_way();
        let is_as_found = |(path, found): (&String, &FileStamp)| {
            let there = self.root.stamp(&GuestPath::of(path));
            !under_way.contains_key(path) && there.is_ok_and(|there| there == Some(*found))
        };
        let is_as_seen = self.found.iter().all(is_as_found);
        for path in self.plan.paths() {
            *under_way.entry(path.to_owned()).or_default() += 1;
        }
        self.is_claimed = true;
        is_as_seen
    }

    fn apply(mut self: Box<Self>) -> bool {
        self.place.retry(&self.root);
        let paths: HashSet<GuestPath> = self.plan.paths().map(GuestPath::of).collect();
        self.guard.begin_own(&paths);
        let done = self.place.carry_out(&self.root, &self.plan);
        self.guard.end_own(&paths);
        if done.is_err() {
            self.keep();
            self.place.try_later(self.plan.clone());
        }
        done.is_ok()
    }

    fn leave(mut self: Box<Self>) {
        self.keep();
    }
}

impl StagedWrites {
    /// Leaves all that is staged where it is.
    fn keep(&mut self) {
        for staged in &self.files {
            staged.keep();
        }
        self.is_written = false;
    }
}

impl Drop for StagedWrites {
    fn drop(&mut self) {
        if self.is_written {
            self.place.delete(&self.plan.file_name());
        }
        if !self.is_claimed {
            return;
        }
        let mut under_way = self.place.under_way();
        for path in self.plan.paths() {
            if let Some(n_calls) = under_way.get_mut(path) {
                *n_calls -= 1;
                if *n_calls == 0 {
                    under_way.remove(path);
                }
            }
        }
    }
}

impl StagingPlace {
    /// Finishes what was kept and may not be done yet, in its order, and deletes what is left of
    /// calls that were not kept. Returns what could not be done yet.
    pub(in super::super) fn finish(
        &self,
        root: &DatasitesDir,
        kept: &[u128],
    ) -> io::Result<Vec<u128>> {
        for number in kept {
            let plan = Plan {
                number: *number,
                steps: Vec::new(),
            };
            // What is done has no plan any more.
            let Some(plan) = self.read(&plan.file_name())? else {
                continue;
            };
            match self.carry_out(root, &plan) {
                Ok(()) => self.delete(&plan.file_name()),
                Err(_) => self.try_later(plan),
            }
        }
        let unfinished = self.unfinished();
        self.delete_all_but(&unfinished)?;
        Ok(unfinished.iter().map(|plan| plan.number).collect())
    }

    fn read(&self, name: &str) -> io::Result<Option<Plan>> {
        let file = match self.open_file(name, OFlags::RDONLY) {
            Err(Errno::NOENT) => return Ok(None),
            file => file?,
        };
        match serde_json::from_reader(io::BufReader::new(file)) {
            Ok(plan) => Ok(Some(plan)),
            Err(error) => {
                tracing::error!("what a call wrote to files was lost with the power: {error}");
                Ok(None)
            }
        }
    }

    fn delete_all_but(&self, plans: &[Plan]) -> io::Result<()> {
        let mut entries = Dir::read_from(self.folder())?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            let is_of = |plan: &Plan| name.starts_with(&format!("{:032x}", plan.number));
            if !matches!(&*name, "." | "..") && !plans.iter().any(is_of) {
                self.delete(&name);
            }
        }
        Ok(())
    }

    fn try_later(&self, plan: Plan) {
        let mut unfinished = self.unfinished();
        if unfinished.len() < MAX_UNFINISHED {
            unfinished.push(plan);
        }
    }

    /// Tries again what could not be done, as long as it can be.
    fn retry(&self, root: &DatasitesDir) {
        let mut unfinished = self.unfinished();
        while let Some(plan) = unfinished.first() {
            if self.carry_out(root, plan).is_err() {
                return;
            }
            self.delete(&plan.file_name());
            unfinished.remove(0);
        }
    }

    /// Does all steps of a plan.
    ///
    /// # Errors
    /// The disk is full, say: it can be tried again.
    fn carry_out(&self, root: &DatasitesDir, plan: &Plan) -> Result<(), Errno> {
        for step in &plan.steps {
            let path = step.path();
            failpoint::reach(failpoint::Step::Applying, &path.text());
            if is_away(root, &path) {
                tracing::error!(
                    path = path.text(),
                    "what a call wrote cannot be put into its place: the datasite is not there. \
                     It is tried again before the next write of the app, and when it is served \
                     again"
                );
                return Err(Errno::NOENT);
            }
            match self.do_step(root, step, &path) {
                Ok(()) => {}
                Err(Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::NOMEM) => {
                    tracing::error!(
                        path = path.text(),
                        "what a call wrote cannot be put into its place: the disk is full or \
                         fails. It is tried again before the next write of the app, and when it \
                         is served again"
                    );
                    return Err(Errno::NOSPC);
                }
                Err(error) => tracing::warn!(
                    path = path.text(),
                    "what a call did with a file is lost, since others have changed what is \
                     there meanwhile: {error}"
                ),
            }
        }
        failpoint::reach(failpoint::Step::Applied, "");
        Ok(())
    }

    fn do_step(&self, root: &DatasitesDir, step: &Step, path: &GuestPath) -> Result<(), Errno> {
        match step {
            Step::Move { from, file, .. } => move_file(root, &GuestPath::of(from), path, *file),
            Step::MakeFolder { over, .. } => {
                if let Some(file) = over {
                    remove_file(root, path, *file)?;
                }
                make_folder(root, path)
            }
            Step::Remove { file, .. } => remove_file(root, path, *file),
            Step::RemoveFolder { .. } => {
                let (folder, name) = root.open_parent(path)?;
                match unlinkat(folder, name, AtFlags::REMOVEDIR) {
                    // It is done, or others have put something into it: then it stays.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
                    removed => removed,
                }
            }
            Step::Put { file, .. } => self.put(root, path, file),
            Step::SetTimes { times, .. } => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY;
                let folder = root.open_unchecked(path, flags)?;
                futimens(folder, &times.timestamps())
            }
        }
    }

    /// Puts a staged file into its place, in that of the file that is there.
    fn put(&self, root: &DatasitesDir, path: &GuestPath, staged: &str) -> Result<(), Errno> {
        let file = match self.open_file(staged, OFlags::RDONLY) {
            // It is in its place already.
            Err(Errno::NOENT) => return Ok(()),
            file => file?,
        };
        let (folder, name) = root.open_parent(path)?;
        may_replace(&folder, name)?;
        if !hands_down_rights(&folder) {
            match renameat(self.folder(), staged, &folder, name) {
                // They are on different file systems.
                Err(Errno::XDEV) => {}
                renamed => return renamed,
            }
        }
        copy_to(&file, &folder, name, staged)?;
        self.delete(staged);
        Ok(())
    }
}

/// Tells whether the datasite of a path is gone, as where its disk is not mounted.
fn is_away(root: &DatasitesDir, path: &GuestPath) -> bool {
    let datasite = path.names().first().map(|name| GuestPath::of(name));
    datasite.is_some_and(|datasite| root.look(&datasite).is_err())
}

/// Makes sure that nothing but a file of guests is replaced.
fn may_replace(folder: &OwnedFd, name: &str) -> Result<(), Errno> {
    match look_at(folder.as_fd(), name) {
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
        Ok(stat) => match known(&stat) {
            Ok(Known::File) => Ok(()),
            Ok(Known::Folder) => Err(Errno::ISDIR),
            Err(_) => Err(Errno::EXIST),
        },
    }
}

/// Copies a file into a folder, where it gets its name once it is whole.
fn copy_to(from: &File, folder: &OwnedFd, name: &str, staged: &str) -> Result<(), Errno> {
    // Sync does not carry such a file.
    let temporary = format!(".{staged}.tmp");
    let delete = || unlinkat(folder, temporary.as_str(), AtFlags::empty());
    // One that was left when the host was killed.
    match delete() {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o666);
    let to = File::from(openat(folder, temporary.as_str(), flags, mode)?);
    let copied = fill(from, &to, folder, name)
        .and_then(|()| renameat(folder, temporary.as_str(), folder, name));
    if copied.is_err() {
        delete()?;
    }
    copied
}

fn fill(from: &File, to: &File, folder: &OwnedFd, name: &str) -> Result<(), Errno> {
    let stat = fstat(from)?;
    copy_bytes(from, to, u64::try_from(stat.st_size).unwrap_or(0))?;
    // A file that is replaced keeps its rights.
    if let Ok(before) = look_at(folder.as_fd(), name) {
        fchmod(to, Mode::from_raw_mode(before.st_mode & 0o7777))?;
    }
    futimens(to, &times_of(&stat))
}

/// Moves a file, if it is still the one that the call has moved.
fn move_file(
    root: &DatasitesDir,
    from: &GuestPath,
    to: &GuestPath,
    file: FileNumber,
) -> Result<(), Errno> {
    let (from_folder, from_name) = match root.open_parent(from) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        folder => folder?,
    };
    if !is_file(&from_folder, from_name, file)? {
        return Ok(());
    }
    let (to_folder, to_name) = root.open_parent(to)?;
    may_replace(&to_folder, to_name)?;
    renameat(from_folder, from_name, to_folder, to_name)
}

fn remove_file(root: &DatasitesDir, path: &GuestPath, file: FileNumber) -> Result<(), Errno> {
    let (folder, name) = match root.open_parent(path) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        folder => folder?,
    };
    if !is_file(&folder, name, file)? {
        return Ok(());
    }
    unlinkat(folder, name, AtFlags::empty())
}

/// Tells whether a file has a name in a folder.
fn is_file(folder: &OwnedFd, name: &str, file: FileNumber) -> Result<bool, Errno> {
    let found = stamp_at(folder.as_fd(), name)?;
    Ok(found.is_some_and(|found| FileNumber::from(&found) == file))
}

fn make_folder(root: &DatasitesDir, path: &GuestPath) -> Result<(), Errno> {
    let (folder, name) = root.open_parent(path)?;
    match mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
        Err(Errno::EXIST) => {
            let stat = look_at(folder.as_fd(), name)?;
            let is_there = known(&stat) == Ok(Known::Folder);
            is_there.then_some(()).ok_or(Errno::EXIST)
        }
        made => made,
    }
}
