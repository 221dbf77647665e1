//! Asking the owner's host about the paths of an operation before it.
//!
//! Each operation asks anew, as one beside the tree looks anew. Answers and the operation follow
//! each other without a pause, so nobody else finds them.

use std::sync::Arc;

use syft_system::SystemError;

use super::super::bindings::FsResult;
use super::super::guard::Guard;
use super::super::guest_path::{GuestPath, Mount};
use super::super::moves::MAX_ENTRIES;
use super::super::staging::Staging;
use super::super::tree::TreeFile;
use super::away_file::MOST_HERE_BYTES;
use super::{Answers, AwayEntries, Mirror};
use crate::wire::{FileReply, FileWant, ListPurpose, MOST_LOOKED_AT};

/// How often a file is opened anew that changes while it is fetched.
const MOST_ATTEMPTS: usize = 3;

/// What an operation needs of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Need {
    /// To know what is there.
    Look,
    /// To read it.
    Read,
    /// To write it: what is copied first has to be here as a whole.
    Write,
    /// To write something else in its place.
    Replace,
    /// To change only its times, for which it is copied as well.
    Touch,
    /// To know what is in it.
    List(ListPurpose),
}

/// What is to be waited for before an operation.
pub(in super::super) struct Preparation {
    guard: Guard,
    needs: Vec<(GuestPath, Need)>,
}

impl Preparation {
    pub(in super::super) fn new(guard: &Guard, needs: Vec<(GuestPath, Need)>) -> Self {
        let guard = guard.clone();
        Self { guard, needs }
    }

    /// Waits for what two operations need at once.
    pub(in super::super) fn and(mut self, other: Self) -> Self {
        self.needs.extend(other.needs);
        self
    }

    async fn wait(self) -> FsResult<()> {
        self.guard.prepare(&self.needs).await
    }
}

impl Guard {
    /// Waits until the owner's host has said what an operation needs to know, where the tree is on
    /// another machine.
    pub(in super::super) async fn prepare(&self, needs: &[(GuestPath, Need)]) -> FsResult<()> {
        let (Some(mirror), Some(staging)) = (self.mirror(), self.all_staged()) else {
            return Ok(());
        };
        let mut asking = Asking {
            mirror,
            staging,
            most_copied: self.most_fetched(),
            answers: Answers::default(),
            paths: Vec::new(),
        };
        let needs = needs.iter();
        for (path, need) in needs.filter(|(path, _)| path.mount() == Mount::Datasites) {
            asking.need(path, *need).await?;
        }
        asking.look().await?;
        mirror.put(asking.answers, |path| staging.has_changed(path));
        Ok(())
    }

    /// Waits until files can be renamed: one that the call has renamed before becomes a copy.
    pub(in super::super) async fn prepare_renames(
        &self,
        renamed: &[(GuestPath, GuestPath)],
    ) -> FsResult<()> {
        let Some(staging) = self.all_staged().filter(|_| self.mirror().is_some()) else {
            return Ok(());
        };
        let needs = renamed.iter().flat_map(|(from, to)| {
            let is_copied = staging.has_changed(from) || staging.has_changed(to);
            let need = if is_copied { Need::Touch } else { Need::Look };
            [(from.clone(), need), (to.clone(), Need::Look)]
        });
        self.prepare(&needs.collect::<Vec<_>>()).await
    }

    /// Returns the largest file that is fetched as a whole, to be changed.
    pub(in super::super) fn most_fetched(&self) -> u64 {
        self.limits().written_bytes.min(MOST_HERE_BYTES)
    }

    /// As [`Guard::prepare`], for paths of which only that is needed.
    pub(in super::super) async fn prepare_looks(&self, paths: &[&GuestPath]) -> FsResult<()> {
        if self.mirror().is_none() {
            return Ok(());
        }
        let needs = paths.iter().map(|path| ((*path).clone(), Need::Look));
        self.prepare(&needs.collect::<Vec<_>>()).await
    }
}

/// Waits for what an operation needs, if it needs anything.
pub(in super::super) async fn wait_for(preparation: Option<Preparation>) -> FsResult<()> {
    match preparation {
        Some(preparation) => preparation.wait().await,
        None => Ok(()),
    }
}

impl Mirror {
    /// Has the next operation find answers. Those of paths that the call has changed are kept.
    fn put(&self, new: Answers, has_changed: impl Fn(&GuestPath) -> bool) {
        let mut answers = self.answers();
        for (path, looked) in &new.looked {
            if has_changed(path) {
                answers.kept.insert(path.clone(), looked.clone());
            }
        }
        let kept = std::mem::take(&mut answers.kept);
        let before = std::mem::replace(&mut *answers, Answers { kept, ..new });
        drop(answers);
        // What was opened and not used is closed, which is noted.
        drop(before);
    }

    fn knows(&self, path: &GuestPath) -> bool {
        self.answers().kept.contains_key(path)
    }
}

struct Asking<'a> {
    mirror: &'a Arc<Mirror>,
    staging: &'a Staging,
    most_copied: u64,
    answers: Answers,
    /// Those of which nothing else is needed than what is there.
    paths: Vec<GuestPath>,
}

impl Asking<'_> {
    async fn need(&mut self, path: &GuestPath, need: Need) -> FsResult<()> {
        let source = self.staging.source(path);
        match (need, source) {
            (Need::Look, source) => self.also_look(path, source),
            (Need::Read | Need::Write | Need::Replace | Need::Touch, Some(source)) => {
                self.open(&source, need).await?;
                if source != *path {
                    self.also_look(path, None);
                }
            }
            (Need::List(purpose), source) => {
                if source.is_some() {
                    self.list(path, purpose).await?;
                }
                self.also_look(path, source);
                self.also_look_into(path);
            }
            (_, None) => self.also_look(path, None),
        }
        Ok(())
    }

    fn also_look(&mut self, path: &GuestPath, source: Option<GuestPath>) {
        if !self.staging.has_changed(path) || !self.mirror.knows(path) {
            self.paths.push(path.clone());
        }
        self.paths.extend(source.filter(|source| source != path));
    }

    /// Asks about what the call has put into a folder.
    fn also_look_into(&mut self, folder: &GuestPath) {
        let children = self.staging.children(folder);
        for (name, _) in children.into_iter().flat_map(|children| children.added) {
            self.also_look(&folder.child(&name), None);
        }
    }

    async fn look(&mut self) -> FsResult<()> {
        let paths = std::mem::take(&mut self.paths);
        for some in paths.chunks(MOST_LOOKED_AT) {
            let want = FileWant::Look(some.iter().map(GuestPath::text).collect());
            match self.mirror.ask(want).await? {
                FileReply::Looked(looked) if looked.len() == some.len() => {
                    self.answers.looked.extend(some.iter().cloned().zip(looked));
                }
                _ => return Err(self.mirror.mistold()),
            }
        }
        Ok(())
    }

    /// Opens a file. One that is to be copied has to be here before, as far as it may be copied; if
    /// it is changed meanwhile, it is opened anew.
    async fn open(&mut self, path: &GuestPath, need: Need) -> FsResult<()> {
        let mut n_attempts = 0;
        let opened = loop {
            n_attempts += 1;
            let opened = self.try_open(path, need).await?;
            let is_stale = matches!(opened, Err(SystemError::Stale));
            if !is_stale || n_attempts == MOST_ATTEMPTS {
                break opened;
            }
        };
        self.answers.opened.insert(path.clone(), opened);
        Ok(())
    }

    async fn try_open(
        &mut self,
        path: &GuestPath,
        need: Need,
    ) -> FsResult<Result<TreeFile, SystemError>> {
        let want = FileWant::Open {
            path: path.text(),
            writes: matches!(need, Need::Write | Need::Replace),
        };
        let FileReply::Opened(looked, opened) = self.mirror.ask(want).await? else {
            return Err(self.mirror.mistold());
        };
        self.answers.looked.insert(path.clone(), *looked);
        let file = match opened {
            Ok(opened) => self.mirror.file_of(opened),
            Err(fault) => Err(fault.into()),
        };
        let file = match file {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        if matches!(need, Need::Write | Need::Touch)
            && let Some(away) = file.away()
            && file.bytes()? <= self.most_copied
            && let Err(error) = away.fetch_whole(file.file()).await?
        {
            return Ok(Err(error));
        }
        Ok(Ok(file))
    }

    async fn list(&mut self, path: &GuestPath, purpose: ListPurpose) -> FsResult<()> {
        let want = FileWant::List {
            path: path.text(),
            purpose,
        };
        let listed = match self.mirror.ask(want).await? {
            FileReply::Listed(part) => Ok(AwayEntries::new(self.mirror, part)),
            FileReply::Fault(fault) => Err(fault.into()),
            _ => return Err(self.mirror.mistold()),
        };
        let listed = match listed {
            Ok(mut entries) => {
                self.list_on(&mut entries, path, purpose).await?;
                Ok(entries)
            }
            Err(error) => Err(error),
        };
        self.answers.listed.insert(path.clone(), listed);
        Ok(())
    }

    /// Waits for as much as the operation needs at once.
    async fn list_on(
        &self,
        entries: &mut AwayEntries,
        path: &GuestPath,
        purpose: ListPurpose,
    ) -> FsResult<()> {
        let hidden = self.staging.children(path).map(|children| children.hidden);
        let is_hidden = |name: &String| hidden.as_ref().is_some_and(|hidden| hidden.contains(name));
        let is_enough = |entries: &AwayEntries| match purpose {
            ListPurpose::Show => true,
            ListPurpose::Move => entries.here().len() > MAX_ENTRIES,
            ListPurpose::Remove => {
                let mut here = entries.here().iter();
                here.any(|entry| !entry.name.as_ref().is_some_and(is_hidden))
            }
        };
        while !is_enough(entries) && entries.fetch().await? {}
        Ok(())
    }
}
