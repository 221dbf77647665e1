//! Copies of files of the tree that are changed in place.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{Mode, OFlags, Stat, Timespec, Timestamps, fchmod, futimens, ioctl_ficlone};
use rustix::io::Errno;

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
        let staged = self.overlay().copies.get(&number(&stat)).cloned();
        Some(staged?.open(OFlags::RDWR).ok()?.into())
    }

    /// Copies a file of the tree that was opened at a path and is about to be changed.
    pub(in super::super) fn copy(
        &self,
        path: &GuestPath,
        file: &TreeFile,
    ) -> Result<TreeFile, Errno> {
        let staged = self.stands_for(path, file, false)?;
        Ok(staged.open(OFlags::RDWR)?.into())
    }

    /// Has a staged file stand for one of the tree, also for who has it open: a copy, or an empty
    /// one.
    pub(super) fn stands_for(
        &self,
        path: &GuestPath,
        file: &TreeFile,
        truncates: bool,
    ) -> Result<Arc<StagedFile>, Errno> {
        let stat = file.stat()?;
        if let Some(known) = self.overlay().copies.get(&number(&stat)) {
            return Ok(Arc::clone(known));
        }
        let stamp = file.stamp();
        let moved = self.overlay().moved_to(stat.st_ino);
        let was_at = moved.as_ref().map_or(path, |(_, moved)| &moved.from).text();
        let (staged, new) = self.new_file(Some(was_at.clone()))?;
        if !truncates {
            self.fill(file, &new)?;
        }
        fchmod(&new, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
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
        overlay.copies.insert(number(&stat), Arc::clone(&staged));
        Ok(staged)
    }

    /// Tells whether a file that was opened has its name still, as far as is known here.
    fn is_there(&self, path: &GuestPath, stat: &Stat) -> bool {
        let is_in_tree = matches!(self.seen(path), Seen::InTree);
        is_in_tree && self.tree.may_be_at(path, number(stat))
    }

    /// Fills a file with what is in another one.
    fn fill(&self, from: &TreeFile, to: &File) -> Result<(), Errno> {
        let stat = from.stat()?;
        let is_whole = from.away().is_none_or(AwayFile::is_whole);
        if !is_whole || ioctl_ficlone(to, from.file()).is_err() {
            let bytes = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
            let within = |sum: u64| {
                sum.checked_add(bytes)
                    .filter(|sum| *sum <= self.most_copied)
            };
            let order = Ordering::Relaxed;
            let counted = self.copied_bytes.fetch_update(order, order, within);
            counted.map_err(|_| Errno::FBIG)?;
            // It was too large to be fetched.
            if !is_whole {
                return Err(Errno::FBIG);
            }
            copy_bytes(from.file(), to, bytes)?;
        }
        futimens(to, &times_of(&stat))
    }
}

/// Returns the numbers of the device and of the file.
fn number(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

pub(super) fn copy_bytes(from: &File, to: &File, bytes: u64) -> Result<(), Errno> {
    use std::io::{Read, Seek, SeekFrom};
    let io = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let (mut from, mut to) = (from, to);
    from.seek(SeekFrom::Start(0)).map_err(io)?;
    std::io::copy(&mut from.take(bytes), &mut to).map_err(io)?;
    Ok(())
}

pub(super) fn times_of(stat: &Stat) -> Timestamps {
    let time = |tv_sec, nanos: u64| Timespec {
        tv_sec,
        tv_nsec: nanos.try_into().unwrap_or(0),
    };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}
