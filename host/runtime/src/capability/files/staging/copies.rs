//! Copies of files of the tree that are changed in place.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use syft_system::{Open, SetTimes, Stat, SystemError, copy, rights};

use super::super::guest_path::GuestPath;
use super::super::mirror::AwayFile;
use super::super::tree::TreeFile;
use super::Staging;
use super::overlay::{InTree, Made, Seen};
use super::place::StagedFile;

impl Staging {
    /// Returns the file that stands for one of the tree from now on, if there is one.
    pub(in super::super) fn copy_of(&self, file: &TreeFile) -> Option<TreeFile> {
        if self.is_untouched.load(Ordering::Relaxed) {
            return None;
        }
        let stat = file.stat().ok()?;
        let staged = self.overlay().copies.get(&stat.id).cloned();
        Some(staged?.open(Open::READ_WRITE).ok()?.into())
    }

    /// Copies a file of the tree that was opened at a path and is about to be changed.
    pub(in super::super) fn copy(
        &self,
        path: &GuestPath,
        file: &TreeFile,
    ) -> Result<TreeFile, SystemError> {
        let staged = self.stands_for(path, file, false)?;
        Ok(staged.open(Open::READ_WRITE)?.into())
    }

    /// Has a staged file stand for one of the tree, also for who has it open: a copy, or an empty
    /// one.
    pub(super) fn stands_for(
        &self,
        path: &GuestPath,
        file: &TreeFile,
        truncates: bool,
    ) -> Result<Arc<StagedFile>, SystemError> {
        let stat = file.stat()?;
        if let Some(known) = self.overlay().copies.get(&stat.id) {
            return Ok(Arc::clone(known));
        }
        let stamp = file.stamp();
        let moved = self.overlay().moved_to(stat.id.file);
        let was_at = moved.as_ref().map_or(path, |(_, moved)| &moved.from).text();
        let (staged, new) = self.new_file(Some(was_at.clone()))?;
        if !truncates {
            self.fill(file, &new)?;
        }
        rights::copy(&stat, &new)?;
        let staged = Arc::new(staged);
        let in_tree = stamp.as_ref().map(|stamp| InTree::File(stamp.into()));
        match moved {
            Some((to, _)) => self.put(&to, Made::File(Arc::clone(&staged)), None)?,
            None if truncates || self.is_there(path, &stat) => {
                self.put(path, Made::File(Arc::clone(&staged)), in_tree)?;
            }
            // It has no name any more: what is written to it is lost in the end, unless it were
            // others who took its name.
            None => {
                self.is_untouched.store(false, Ordering::Relaxed);
                let is_stale = matches!(self.seen(path), Seen::InTree);
                self.overlay().is_stale |= is_stale;
            }
        }
        let mut overlay = self.overlay();
        // What is replaced without being read may be another one by then.
        if let Some(stamp) = stamp.filter(|_| !truncates) {
            overlay.found.entry(was_at).or_insert(Some(stamp));
        }
        overlay.copies.insert(stat.id, Arc::clone(&staged));
        Ok(staged)
    }

    /// Tells whether a file that was opened has its name still, as far as is known here.
    fn is_there(&self, path: &GuestPath, stat: &Stat) -> bool {
        let is_in_tree = matches!(self.seen(path), Seen::InTree);
        is_in_tree && self.tree.may_be_at(path, stat.id)
    }

    /// Fills a file with what is in another one.
    fn fill(&self, from: &TreeFile, to: &File) -> Result<(), SystemError> {
        let stat = from.stat()?;
        let is_whole = from.away().is_none_or(AwayFile::is_whole);
        if !is_whole || !copy::clone_into(from.file(), to) {
            let bytes = stat.bytes;
            let within = |sum: u64| {
                sum.checked_add(bytes)
                    .filter(|sum| *sum <= self.most_copied)
            };
            let order = Ordering::Relaxed;
            let counted = self.copied_bytes.fetch_update(order, order, within);
            counted.map_err(|_| SystemError::TooLarge)?;
            // It was too large to be fetched.
            if !is_whole {
                return Err(SystemError::TooLarge);
            }
            copy::bytes(from.file(), to, bytes)?;
        }
        SetTimes::of(&stat).set_on(to)
    }
}
