//! Carrying out what a call has changed, once it is kept, step by step.
//!
//! Each step opens its folder anew and follows no links. Whatever others have put in the way in
//! the meantime stays: what cannot be done for that reason is said in the log.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, fchmod, fdatasync, fstat, futimens, mkdirat, openat,
    renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::super::datasites_dir::{DatasitesDir, Known, known, look_at};
use super::super::guard::Guard;
use super::super::guest_path::GuestPath;
use super::super::stamp::stamp_at;
use super::copies::{copy_bytes, times_of};
use super::place::StagingPlace;
use super::plan::{FileNumber, Plan, Step};
use crate::failpoint;

impl StagingPlace {
    /// Does all steps of a plan that are not done yet.
    ///
    /// # Errors
    /// The disk is full, say: it can be tried again. Returned are the path where it failed, and why.
    pub(super) fn carry_out(
        &self,
        root: &DatasitesDir,
        plan: &Plan,
    ) -> Result<(), (GuestPath, String)> {
        let mut is_any = false;
        for step in plan.steps.iter().skip(self.n_done(plan)) {
            let path = step.path();
            // What is not there now may be there again, as a disk that is not mounted.
            if !is_any && root.look(&self.datasite).is_err() {
                return Err((path, "the datasite is not there".to_owned()));
            }
            is_any = true;
            failpoint::reach(failpoint::Step::Applying, &path.text());
            match self.do_step(root, step, &path) {
                Ok(()) => {}
                Err(error) if may_pass(error) => return Err((path, error.to_string())),
                Err(error) => self.give_up(step, &path, error),
            }
        }
        failpoint::reach(failpoint::Step::Applied, "");
        Ok(())
    }

    /// Puts a staged file into its place, by one rename and as few looks as there can be.
    ///
    /// # Errors
    /// It cannot be done in this way. Nothing was changed.
    pub(super) fn put_first(
        &self,
        root: &DatasitesDir,
        path: &GuestPath,
        staged: &str,
        guard: Option<&Guard>,
    ) -> Result<(), Errno> {
        let (folder, name) = root.open_parent(path)?;
        if hands_down_rights(&folder) {
            return Err(Errno::XDEV);
        }
        failpoint::reach(failpoint::Step::Applying, &path.text());
        let before = stamp_at(folder.as_fd(), name)?;
        // What is there, and no file of guests, stays.
        let how = match before {
            Some(_) => RenameFlags::empty(),
            None => RenameFlags::NOREPLACE,
        };
        let own = guard.and_then(|guard| guard.own_write(path, before));
        let renamed = renameat_with(self.folder(), staged, &folder, name, how);
        if let Some(own) = own {
            own.end(stamp_at(folder.as_fd(), name).ok().flatten());
        }
        renamed?;
        failpoint::reach(failpoint::Step::Applied, "");
        Ok(())
    }

    /// Returns how many steps are surely done: those before the last staged file that is in its
    /// place. Doing them again would change what others have done since.
    fn n_done(&self, plan: &Plan) -> usize {
        let is_put = |step: &Step| match step {
            Step::Put { file, .. } => {
                look_at(self.folder().as_fd(), file).err() == Some(Errno::NOENT)
            }
            _ => false,
        };
        plan.steps
            .iter()
            .rposition(is_put)
            .map_or(0, |last| last + 1)
    }

    /// Lets go of what cannot be done.
    fn give_up(&self, step: &Step, path: &GuestPath, error: Errno) {
        tracing::warn!(
            path = path.text(),
            "what a call did with a file is lost, since others have changed what is there \
             meanwhile: {error}"
        );
        if let Step::Put { file, .. } = step {
            self.delete(file);
        }
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
        let (folder, name) = root.open_parent(path)?;
        may_replace(&folder, name)?;
        if !hands_down_rights(&folder) {
            match renameat(self.folder(), staged, &folder, name) {
                // They are on different file systems.
                Err(Errno::XDEV) => {}
                renamed => return renamed,
            }
        }
        self.copy_to(&folder, name, staged)?;
        self.delete(staged);
        Ok(())
    }

    /// Copies a staged file into a folder, where it gets its name once it is whole.
    fn copy_to(&self, folder: &OwnedFd, name: &str, staged: &str) -> Result<(), Errno> {
        // Sync does not carry such a file.
        let temporary = format!(".{staged}.tmp");
        let delete = || unlinkat(folder, temporary.as_str(), AtFlags::empty());
        // One that was left when the host was killed.
        match delete() {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
        let from = self.open_file(staged, OFlags::RDONLY)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let to = File::from(openat(folder, temporary.as_str(), flags, mode)?);
        let copied = fill(&from, &to, folder, name)
            .and_then(|()| {
                if self.is_forced {
                    fdatasync(&to)
                } else {
                    Ok(())
                }
            })
            .and_then(|()| renameat(folder, temporary.as_str(), folder, name));
        if copied.is_err() {
            delete()?;
        }
        copied
    }
}

/// Tells whether an error is one of the machine, and no fault of what is in the tree.
fn may_pass(error: Errno) -> bool {
    let of_disk = [
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::FBIG,
        Errno::IO,
        Errno::ROFS,
    ];
    let of_host = [Errno::NOMEM, Errno::MFILE, Errno::NFILE];
    of_disk.contains(&error) || of_host.contains(&error)
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

/// Tells whether a folder gives its group or its access list to files that are made in it.
fn hands_down_rights(folder: impl AsFd) -> bool {
    use std::os::fd::AsRawFd;
    let is_set_group = fstat(&folder).is_ok_and(|found| found.st_mode & 0o2000 != 0);
    let path = format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd());
    let name = "system.posix_acl_default";
    is_set_group || rustix::fs::getxattr(path, name, &mut [0_u8; 0][..]).is_ok()
}
