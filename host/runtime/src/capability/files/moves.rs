//! Renaming: a file at once, a folder file by file.
//!
//! A folder that was renamed would take along whatever is below it, also what came there since it
//! was looked at: rules, requests, or what is denied. So nothing but files is ever renamed, each
//! of which may be written at both places.
//!
//! Why: docs/decisions/66-folders-are-moved-file-by-file.md

use syft_system::{Dir, SetTimes, SystemError};

use super::access::{Granted, ToWrite};
use super::bindings::{ErrorCode, FsError, FsResult};
use super::datasites_dir::Known;
use super::guard::{Guard, Slot};
use super::guest_path::{GuestPath, NamedPath};
use super::listing::Entries;
use super::mirror::Need;
use super::open::{NAME_BYTES, taken_if};
use super::recorded::noted_done;
use crate::wire::{FileLimit, ListPurpose};

/// More than these in a folder are not moved in one operation.
pub(super) const MAX_ENTRIES: usize = 10_000;

/// Entries that are looked at together.
const ENTRIES_AT_ONCE: usize = 32;

/// Steps before others have their turn.
const STEPS_AT_ONCE: usize = 128;

/// Renames what a guest named.
pub(super) async fn rename(files: &Guard, from: NamedPath, to: NamedPath) -> FsResult<()> {
    if from.is_dots() || to.is_dots() {
        return Err(ErrorCode::Busy.into());
    }
    let noting = files.noting_move(&from.path, &to.path);
    noted_done(noting, move_named(files, from, to).await)
}

async fn move_named(files: &Guard, from: NamedPath, to: NamedPath) -> FsResult<()> {
    let is_folder = from.is_folder() || to.is_folder();
    let (from, to) = (from.path, to.path);
    match look_at_both(files, &from, &to)? {
        Known::File if is_folder => Err(ErrorCode::NotDirectory.into()),
        Known::File => {
            let renamed = [(from, to)];
            files.prepare_renames(&renamed).await?;
            let [(from, to)] = renamed;
            move_file(files, &from, &to)
        }
        Known::Folder => move_folder(files, from, to).await,
    }
}

/// Makes sure that both paths may be written, and returns what is to be renamed.
fn look_at_both(files: &Guard, from: &GuestPath, to: &GuestPath) -> FsResult<Known> {
    let (from, to) = (files.access(from.clone()), files.access(to.clone()));
    let (from, to) = (files.enforce(from.write())?, files.enforce(to.write())?);
    from.check_parent()?;
    to.check_parent()?;
    Ok(files.find_at(&from)?)
}

/// Renames a file, and never a folder.
fn move_file(files: &Guard, from: &GuestPath, to: &GuestPath) -> FsResult<()> {
    let (from, to) = (files.access(from.clone()), files.access(to.clone()));
    let (from, to) = (files.enforce(from.write())?, files.enforce(to.write())?);
    if from.staging().is_some() || to.staging().is_some() {
        return move_staged(files, &from, &to);
    }
    let (from_folder, from_name) = from.open_parent()?;
    let (to_folder, to_name) = to.open_parent()?;
    let (found, stat) = files.find(from.path(), &from_folder, from_name)?;
    if found == Known::Folder {
        return Err(ErrorCode::IsDirectory.into());
    }
    if target(files, to.path(), &to_folder, to_name)? == Some(Known::Folder) {
        return Err(ErrorCode::IsDirectory.into());
    }
    files.spend_moved(from.path(), to.path(), stat.bytes)?;
    let rename = || from_folder.rename_file(from_name, &to_folder, to_name);
    let rename = || files.changing_name(&to, rename);
    Ok(files.changing_name(&from, rename)???)
}

/// Renames a file where what the call changes is staged.
fn move_staged(
    files: &Guard,
    from: &Granted<'_, ToWrite>,
    to: &Granted<'_, ToWrite>,
) -> FsResult<()> {
    let stat = from.look()?;
    let found = files.known(from.path(), &stat)?;
    if found == Known::Folder || staged_target(files, to)? == Some(Known::Folder) {
        return Err(ErrorCode::IsDirectory.into());
    }
    files.spend_moved(from.path(), to.path(), stat.bytes)?;
    let moved = match (from.staging(), to.staging()) {
        (Some(staging), Some(_)) => {
            let rename = || staging.rename(from.path(), to.path());
            let rename = || files.changing_name(to, rename);
            files.changing_name(from, rename)??
        }
        // Out of the temporary folder.
        (None, Some(staging)) => {
            let (folder, name) = from.open_parent()?;
            let take_in = || staging.take_in(&folder, name, to.path());
            files.changing_name(to, take_in)?
        }
        (_, None) => return Err(ErrorCode::CrossDevice.into()),
    };
    moved.map_err(|error| files.not_copied(from.path(), error).into())
}

fn staged_target(files: &Guard, to: &Granted<'_, ToWrite>) -> FsResult<Option<Known>> {
    match to.look() {
        Err(SystemError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(stat) => {
            let found = files.known(to.path(), &stat);
            Ok(Some(found.map_err(|code| taken_if(true, code))?))
        }
    }
}

/// Returns what is in the place that something is to be renamed to.
fn target(files: &Guard, path: &GuestPath, folder: &Dir, name: &str) -> FsResult<Option<Known>> {
    match folder.look(name) {
        Err(SystemError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(stat) => {
            let found = files.known(path, &stat);
            Ok(Some(found.map_err(|code| taken_if(true, code))?))
        }
    }
}

async fn move_folder(files: &Guard, from: GuestPath, to: GuestPath) -> FsResult<()> {
    if from == to {
        return Ok(());
    }
    if to.below(&from).is_some() {
        return Err(ErrorCode::Invalid.into());
    }
    let empty = Need::List(ListPurpose::Remove);
    files
        .prepare(&[(from.clone(), Need::Look), (to.clone(), empty)])
        .await?;
    let is_there = is_empty_folder(files, &from, &to)?;
    let mut plan = Move::new(files, from, to)?;
    plan.look_around().await?;
    plan.carry_out(is_there).await
}

/// Tells whether there is a folder already where one is to be moved to. Nothing may be in it.
fn is_empty_folder(files: &Guard, from: &GuestPath, to: &GuestPath) -> FsResult<bool> {
    if from.mount() != to.mount() {
        return Err(ErrorCode::CrossDevice.into());
    }
    let (from, to) = (files.access(from.clone()), files.access(to.clone()));
    let (from, to) = (files.enforce(from.write())?, files.enforce(to.write())?);
    let found = if to.staging().is_some() {
        staged_target(files, &to)?
    } else {
        let (folder, name) = to.open_parent()?;
        if from.look()?.id.device != folder.look_at_itself()?.id.device {
            return Err(ErrorCode::CrossDevice.into());
        }
        target(files, to.path(), &folder, name)?
    };
    match found {
        None => Ok(false),
        Some(Known::File) => Err(ErrorCode::NotDirectory.into()),
        Some(Known::Folder) => match to.list()?.next() {
            None => Ok(true),
            Some(entry) => {
                entry?;
                Err(ErrorCode::NotEmpty.into())
            }
        },
    }
}

/// A folder to be moved, and what was found in it.
struct Move<'a> {
    files: &'a Guard,
    from: GuestPath,
    to: GuestPath,
    /// By their names below it; it comes first, and each before those in it.
    folders: Vec<(Vec<String>, SetTimes)>,
    contents: Vec<Vec<String>>,
    slot: Slot,
    n_steps: usize,
}

impl<'a> Move<'a> {
    fn new(files: &'a Guard, from: GuestPath, to: GuestPath) -> FsResult<Self> {
        let mut slot = files.open_slot(&from, "move")?;
        let stat = files.enforce(files.access(from.clone()).write())?.look()?;
        slot.opened();
        Ok(Self {
            files,
            from,
            to,
            folders: vec![(Vec::new(), SetTimes::of(&stat))],
            contents: Vec::new(),
            slot,
            n_steps: 0,
        })
    }

    /// Makes sure that all that is in the folder may be moved.
    async fn look_around(&mut self) -> FsResult<()> {
        let mut at = 0;
        while let Some((names, _)) = self.folders.get(at).cloned() {
            let folder = self.from.join(&names);
            let moved = Need::List(ListPurpose::Move);
            self.files.prepare(&[(folder, moved)]).await?;
            let mut entries = self.open(&names)?;
            loop {
                let some: Vec<Option<String>> = next_names(&mut entries)?;
                if some.is_empty() {
                    break;
                }
                self.prepare_entries(&names, &some).await?;
                for name in some {
                    self.add(&names, name)?;
                }
                self.steps(ENTRIES_AT_ONCE).await;
            }
            at += 1;
        }
        Ok(())
    }

    async fn prepare_entries(&self, folder: &[String], some: &[Option<String>]) -> FsResult<()> {
        let names = some.iter().flatten();
        let names = names.map(|name| [folder, std::slice::from_ref(name)].concat());
        let paths: Vec<GuestPath> = names
            .flat_map(|names| [self.from.join(&names), self.to.join(&names)])
            .collect();
        self.files
            .prepare_looks(&paths.iter().collect::<Vec<_>>())
            .await
    }

    fn open(&self, names: &[String]) -> FsResult<Entries> {
        let access = self.files.access(self.from.join(names));
        Ok(self.files.enforce(access.write())?.list()?)
    }

    fn add(&mut self, folder: &[String], name: Option<String>) -> FsResult<()> {
        let Some(name) = name else {
            let path = self.from.join(folder);
            self.files.log_unfit(&path, "a name in it is no text");
            return Err(ErrorCode::NotPermitted.into());
        };
        let names = [folder, &[name]].concat();
        let (from, to) = (self.from.join(&names), self.to.join(&names));
        if to.is_too_long() {
            return Err(ErrorCode::NameTooLong.into());
        }
        if self.folders.len() + self.contents.len() > MAX_ENTRIES {
            self.files.log_limit(&self.from, FileLimit::Moved);
            return Err(ErrorCode::CrossDevice.into());
        }
        self.slot.hold(from.bytes())?;
        let (from, to) = (self.files.access(from), self.files.access(to));
        let stat = self.files.enforce(from.write())?.look()?;
        match self.files.known(from.path(), &stat) {
            Ok(Known::File) => {
                self.files.enforce(to.write())?;
                self.contents.push(names);
            }
            Ok(Known::Folder) => {
                self.files.enforce(to.make_folder())?;
                self.folders.push((names, SetTimes::of(&stat)));
            }
            Err(_) => return Err(ErrorCode::NotPermitted.into()),
        }
        Ok(())
    }

    async fn carry_out(&mut self, is_there: bool) -> FsResult<()> {
        let (folders, contents) = (
            std::mem::take(&mut self.folders),
            std::mem::take(&mut self.contents),
        );
        let cost = NAME_BYTES.saturating_mul(folders.len() as u64);
        self.files.spend(&self.to, cost)?;
        for (names, _) in folders.iter().skip(usize::from(is_there)) {
            let to = self.to.join(names);
            self.files.prepare_looks(&[&to]).await?;
            let access = self.files.access(to);
            self.files.enforce(access.make_folder())?.make()?;
            drop(access);
            self.steps(1).await;
        }
        for some in contents.chunks(ENTRIES_AT_ONCE) {
            let renamed = some.iter();
            let renamed = renamed.map(|names| (self.from.join(names), self.to.join(names)));
            let renamed: Vec<(GuestPath, GuestPath)> = renamed.collect();
            self.files.prepare_renames(&renamed).await?;
            for (from, to) in &renamed {
                match move_file(self.files, from, to) {
                    // It was deleted since it was found.
                    Err(FsError::Code(ErrorCode::NoEntry)) => {}
                    moved => moved?,
                }
            }
            self.steps(some.len()).await;
        }
        for (names, times) in folders.iter().rev() {
            let (from, to) = (self.from.join(names), self.to.join(names));
            let removed = Need::List(ListPurpose::Remove);
            self.files
                .prepare(&[(from, removed), (to, Need::Look)])
                .await?;
            self.finish(names, times)?;
            self.steps(1).await;
        }
        Ok(())
    }

    /// Deletes a folder whose files were moved. What came into it since stays, and it with that.
    fn finish(&self, names: &[String], times: &SetTimes) -> FsResult<()> {
        let new = self.files.access(self.to.join(names));
        self.files.enforce(new.make_folder())?.set_times(times)?;
        let old = self.files.access(self.from.join(names));
        Ok(self.files.enforce(old.write())?.remove_folder()?)
    }

    /// Counts steps, and lets others have their turn now and then.
    async fn steps(&mut self, n: usize) {
        let turns = self.n_steps / STEPS_AT_ONCE;
        self.n_steps += n;
        if self.n_steps / STEPS_AT_ONCE > turns {
            tokio::task::yield_now().await;
        }
    }
}

/// Returns the next names in a folder; `None` is one that is no text.
fn next_names(entries: &mut Entries) -> Result<Vec<Option<String>>, SystemError> {
    let mut names = Vec::new();
    while names.len() < ENTRIES_AT_ONCE
        && let Some(entry) = entries.next()
    {
        names.push(entry?.name);
    }
    Ok(names)
}
