//! Carrying out what a call has changed, once it is kept, step by step.
//!
//! Each step opens its folder anew and follows no links. Whatever others have put in the way in
//! the meantime stays: what cannot be done for that reason is said in the log.

use std::fs::File;

use syft_system::{Create, Dir, Open, SetTimes, Stat, SystemError, copy, rights};

use super::super::datasites_dir::{DatasitesDir, Known, known};
use super::super::guard::Guard;
use super::super::guest_path::GuestPath;
use super::super::stamp::stamp_at;
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
    ) -> Result<(), SystemError> {
        let (folder, name) = root.open_parent(path)?;
        if folder.hands_down_rights() {
            return Err(SystemError::CrossesDevices);
        }
        failpoint::reach(failpoint::Step::Applying, &path.text());
        let before = stamp_at(&folder, name)?;
        let own = guard.and_then(|guard| guard.own_write(path, before));
        // What is there, and no file of guests, stays.
        let renamed = match before {
            Some(_) => self.folder().name_own(staged, &folder, name),
            None => self.folder().name_own_new(staged, &folder, name),
        };
        if let Some(own) = own {
            own.end(stamp_at(&folder, name).ok().flatten());
        }
        renamed?;
        failpoint::reach(failpoint::Step::Applied, "");
        Ok(())
    }

    /// Returns how many steps are surely done: those before the last staged file that is in its
    /// place. Doing them again would change what others have done since.
    fn n_done(&self, plan: &Plan) -> usize {
        let is_put = |step: &Step| match step {
            Step::Put { file, .. } => self.folder().look(file).err() == Some(SystemError::NotFound),
            _ => false,
        };
        plan.steps
            .iter()
            .rposition(is_put)
            .map_or(0, |last| last + 1)
    }

    /// Lets go of what cannot be done.
    fn give_up(&self, step: &Step, path: &GuestPath, error: SystemError) {
        tracing::warn!(
            path = path.text(),
            "what a call did with a file is lost, since others have changed what is there \
             meanwhile: {error}"
        );
        if let Step::Put { file, .. } = step {
            self.delete(file);
        }
    }

    fn do_step(
        &self,
        root: &DatasitesDir,
        step: &Step,
        path: &GuestPath,
    ) -> Result<(), SystemError> {
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
                match folder.remove_folder(name) {
                    // It is done, or others have put something into it: then it stays.
                    Err(
                        SystemError::NotFound | SystemError::NotAFolder | SystemError::NotEmpty,
                    ) => Ok(()),
                    removed => removed,
                }
            }
            Step::Put { file, .. } => self.put(root, path, file),
            Step::SetTimes { times, .. } => root.open_folder(path)?.set_times(&times.to_set()),
        }
    }

    /// Puts a staged file into its place, in that of the file that is there.
    fn put(&self, root: &DatasitesDir, path: &GuestPath, staged: &str) -> Result<(), SystemError> {
        let (folder, name) = root.open_parent(path)?;
        may_replace(&folder, name)?;
        if !folder.hands_down_rights() {
            match self.folder().name_own(staged, &folder, name) {
                // They are on different file systems.
                Err(SystemError::CrossesDevices) => {}
                renamed => return renamed,
            }
        }
        self.copy_to(&folder, name, staged)?;
        self.delete(staged);
        Ok(())
    }

    /// Copies a staged file into a folder, where it gets its name once it is whole.
    fn copy_to(&self, folder: &Dir, name: &str, staged: &str) -> Result<(), SystemError> {
        // Sync does not carry such a file.
        let temporary = format!(".{staged}.tmp");
        let delete = || folder.remove_file(&temporary);
        // One that was left when the host was killed.
        match delete() {
            Ok(()) | Err(SystemError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let from = self.open_file(staged, Open::READ)?;
        let new = Open::WRITE.create(Create::New);
        let to = folder.open_own_file(&temporary, new)?;
        let copied = fill(&from, &to, folder, name)
            .and_then(|()| {
                if self.is_forced {
                    Ok(to.sync_data()?)
                } else {
                    Ok(())
                }
            })
            .and_then(|()| folder.name_own(&temporary, folder, name));
        if copied.is_err() {
            delete()?;
        }
        copied
    }
}

/// Tells whether an error is one of the machine, and no fault of what is in the tree.
fn may_pass(error: SystemError) -> bool {
    matches!(
        error,
        SystemError::StorageFull
            | SystemError::Quota
            | SystemError::TooLarge
            | SystemError::Io(_)
            | SystemError::ReadOnly
            | SystemError::OutOfMemory
            | SystemError::TooManyOpen
    ) || (cfg!(windows) && error == SystemError::Busy)
}

/// Makes sure that nothing but a file of guests is replaced.
fn may_replace(folder: &Dir, name: &str) -> Result<(), SystemError> {
    match folder.look(name) {
        Err(SystemError::NotFound) => Ok(()),
        Err(error) => Err(error),
        Ok(stat) => match known(&stat) {
            Ok(Known::File) => Ok(()),
            Ok(Known::Folder) => Err(SystemError::IsAFolder),
            Err(_) => Err(SystemError::Exists),
        },
    }
}

fn fill(from: &File, to: &File, folder: &Dir, name: &str) -> Result<(), SystemError> {
    let stat = Stat::of(from)?;
    copy::bytes(from, to, stat.bytes)?;
    // A file that is replaced keeps its rights.
    if let Ok(before) = folder.look(name) {
        rights::copy(&before, to)?;
    }
    SetTimes::of(&stat).set_on(to)
}

/// Moves a file, if it is still the one that the call has moved.
fn move_file(
    root: &DatasitesDir,
    from: &GuestPath,
    to: &GuestPath,
    file: FileNumber,
) -> Result<(), SystemError> {
    let (from_folder, from_name) = match root.open_parent(from) {
        Err(SystemError::NotFound | SystemError::NotAFolder) => return Ok(()),
        folder => folder?,
    };
    if !is_file(&from_folder, from_name, file)? {
        return Ok(());
    }
    let (to_folder, to_name) = root.open_parent(to)?;
    may_replace(&to_folder, to_name)?;
    from_folder.name_own(from_name, &to_folder, to_name)
}

fn remove_file(root: &DatasitesDir, path: &GuestPath, file: FileNumber) -> Result<(), SystemError> {
    let (folder, name) = match root.open_parent(path) {
        Err(SystemError::NotFound | SystemError::NotAFolder) => return Ok(()),
        folder => folder?,
    };
    if !is_file(&folder, name, file)? {
        return Ok(());
    }
    folder.remove_file(name)
}

/// Tells whether a file has a name in a folder.
fn is_file(folder: &Dir, name: &str, file: FileNumber) -> Result<bool, SystemError> {
    let found = stamp_at(folder, name)?;
    Ok(found.is_some_and(|found| FileNumber::from(&found) == file))
}

fn make_folder(root: &DatasitesDir, path: &GuestPath) -> Result<(), SystemError> {
    let (folder, name) = root.open_parent(path)?;
    match folder.make_folder(name) {
        Err(SystemError::Exists) => {
            let stat = folder.look(name)?;
            let is_there = known(&stat) == Ok(Known::Folder);
            is_there.then_some(()).ok_or(SystemError::Exists)
        }
        made => made,
    }
}
