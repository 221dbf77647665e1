//! What a call has changed, when it has ended: its place among others of the app, and what becomes
//! of it.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::sync::Arc;

use syft_protocol::file_events::FileStamp;
use syft_system::{Open, SystemError};

use super::super::datasites_dir::{DatasitesDir, Known, known};
use super::super::guard::Guard;
use super::super::guest_path::GuestPath;
use super::place::{StagedFile, StagingPlace};
use super::plan::{Plan, Step};
use super::{Ordering, Staging};
use crate::state::Effects;

/// What is done in next to no time, also if the files are copied.
const MAX_QUICK_STEPS: usize = 8;
const MAX_QUICK_BYTES: u64 = 1 << 20;

/// What a call has changed, when it has ended.
pub(in super::super) struct StagedWrites {
    plan: Plan,
    /// Deleted with this, unless they are put in their place or left.
    files: Vec<Arc<StagedFile>>,
    /// What was in the tree as the call found it, where it changes that.
    found: Vec<(String, Option<FileStamp>)>,
    /// The call wrote to a file that others had replaced.
    is_stale: bool,
    place: Arc<StagingPlace>,
    root: Arc<DatasitesDir>,
    /// What takes note that the app itself changes these files; none after a restart.
    guard: Option<Guard>,
    is_claimed: bool,
    /// The file that was put in its place first, where it is to be forced to the disk.
    first: Option<File>,
    /// It was said already that it cannot be put in place.
    is_reported: bool,
}

/// What a call has changed, wherever it ran.
pub(in super::super) struct Ended {
    pub(in super::super) plan: Plan,
    pub(in super::super) files: Vec<Arc<StagedFile>>,
    pub(in super::super) found: Vec<(String, Option<FileStamp>)>,
    pub(in super::super) is_stale: bool,
}

impl Staging {
    /// Returns what the call has changed, if that is anything. Nothing more can be staged then.
    pub(in super::super) fn end(&self) -> Option<Ended> {
        if self.is_untouched.load(Ordering::Relaxed) {
            return None;
        }
        let mut overlay = self.overlay();
        overlay.has_ended = true;
        let plan = Plan::new(&overlay);
        if plan.steps.is_empty() && !overlay.is_stale {
            return None;
        }
        let paths: HashSet<&str> = plan.paths().collect();
        let found = overlay.found.iter();
        let found = found.filter(|(path, _)| paths.contains(path.as_str()));
        let found = found.map(|(path, stamp)| (path.clone(), *stamp)).collect();
        Some(Ended {
            files: overlay.staged_files(),
            found,
            is_stale: overlay.is_stale,
            plan,
        })
    }

    /// Returns what is to be done where the datasites are on this machine.
    pub(in super::super) fn writes(&self, ended: Ended, guard: &Guard) -> Option<StagedWrites> {
        let mut writes = StagedWrites::of(ended.plan, &self.place, self.tree.here()?);
        writes.files = ended.files;
        writes.found = ended.found;
        writes.is_stale = ended.is_stale;
        writes.guard = Some(guard.clone());
        Some(writes)
    }
}

impl StagedWrites {
    fn of(plan: Plan, place: &Arc<StagingPlace>, root: &Arc<DatasitesDir>) -> Self {
        Self {
            plan,
            files: Vec::new(),
            found: Vec::new(),
            is_stale: false,
            place: Arc::clone(place),
            root: Arc::clone(root),
            guard: None,
            is_claimed: false,
            first: None,
            is_reported: false,
        }
    }

    /// Returns what earlier calls have changed, by its records, and deletes what is left of calls
    /// that were not kept.
    pub(in super::super) fn restore(
        place: &Arc<StagingPlace>,
        root: &Arc<DatasitesDir>,
        records: &[Vec<u8>],
    ) -> io::Result<Vec<Box<dyn Effects>>> {
        let plans = records.iter().map(|record| serde_json::from_slice(record));
        let plans: Vec<Plan> = plans.collect::<Result<_, _>>()?;
        let needed: HashSet<&str> = plans.iter().flat_map(Plan::staged_names).collect();
        place.keep_only(|name| needed.contains(name))?;
        let restored = plans.iter().map(|plan| {
            let mut writes = Self::of(plan.clone(), place, root);
            let names = plan.staged_names().map(str::to_owned);
            let files = names.map(|name| Arc::new(StagedFile::there(place, name)));
            writes.files = files.collect();
            writes.claim();
            Box::new(writes) as Box<dyn Effects>
        });
        Ok(restored.collect())
    }

    /// Tells whether the tree is as the call saw it, and nobody before it changes it still.
    fn is_as_seen(&self, under_way: &HashMap<String, usize>) -> bool {
        let is_as_found = |(path, found): &(String, Option<FileStamp>)| {
            !under_way.contains_key(path) && self.is_there(path, found.as_ref())
        };
        let is_folder = |path: &str| {
            let there = self.root.look(&GuestPath::of(path));
            let is_folder = there.is_ok_and(|there| known(&there) == Ok(Known::Folder));
            !under_way.contains_key(path) && is_folder
        };
        !self.is_stale
            && self.found.iter().all(is_as_found)
            && self.plan.folders_to_find().into_iter().all(is_folder)
    }

    /// Returns the path and the name of the staged file, if all it does is to put one in its place,
    /// whatever was there, and no other call is about to change that.
    fn one_file(&self) -> Option<(&str, &str)> {
        let [Step::Put { path, file }] = &*self.plan.steps else {
            return None;
        };
        let is_alone = !self.place.under_way().contains_key(path);
        (is_alone && self.found.is_empty() && !self.is_stale).then_some((path, file))
    }

    fn is_there(&self, path: &str, found: Option<&FileStamp>) -> bool {
        let path = GuestPath::of(path);
        match found {
            Some(found) => self.root.stamp(&path).ok().flatten().as_ref() == Some(found),
            None => self.root.look(&path).err() == Some(SystemError::NotFound),
        }
    }

    fn report(&mut self, path: &GuestPath, why: &str) {
        if !std::mem::replace(&mut self.is_reported, true) {
            tracing::error!(
                path = path.text(),
                "what a call wrote cannot be put into its place: {why}. It is tried again before \
                 the next write of the app, and when it is served again"
            );
        }
    }
}

impl Effects for StagedWrites {
    fn record(&self) -> Vec<u8> {
        serde_json::to_vec(&self.plan).expect("all of it can be written as JSON")
    }

    fn apply_first(&mut self) -> bool {
        let Some((path, staged)) = self.one_file() else {
            return false;
        };
        let mut first = None;
        if self.place.is_forced {
            first = self.place.open_file(staged, Open::TO_FORCE).ok();
            if first.is_none() {
                return false;
            }
        }
        let (path, guard) = (GuestPath::of(path), self.guard.as_ref());
        let put = self.place.put_first(&self.root, &path, staged, guard);
        // Else it has its turn, and says what is wrong if there is anything.
        if put.is_ok() {
            self.first = first;
            self.leave();
        }
        put.is_ok()
    }

    fn force(&self) -> io::Result<()> {
        if let Some(first) = &self.first {
            first.sync_data()?;
            self.force_applied(&mut HashSet::new());
            return Ok(());
        }
        for staged in &self.files {
            staged.open(Open::TO_FORCE)?.sync_data()?;
        }
        if !self.files.is_empty() {
            self.place.folder().force()?;
        }
        Ok(())
    }

    fn are_quick(&self) -> bool {
        let bytes = |staged: &Arc<StagedFile>| {
            let found = staged.look().ok();
            found.map_or(u64::MAX, |found| found.bytes)
        };
        self.plan.steps.len() <= MAX_QUICK_STEPS
            && self.files.iter().map(bytes).fold(0, u64::saturating_add) <= MAX_QUICK_BYTES
    }

    fn claim(&mut self) -> bool {
        let mut under_way = self.place.under_way();
        let is_as_seen = self.is_as_seen(&under_way);
        for path in self.plan.paths() {
            *under_way.entry(path.to_owned()).or_default() += 1;
        }
        self.is_claimed = true;
        is_as_seen
    }

    fn apply(&mut self) -> bool {
        let paths: HashSet<GuestPath> = self.plan.paths().map(GuestPath::of).collect();
        let own = self
            .guard
            .as_ref()
            .map(|guard| (guard, guard.own_writes(&paths)));
        let done = self.place.carry_out(&self.root, &self.plan);
        if let Some((guard, own)) = own {
            guard.end_own(own);
        }
        match done {
            Ok(()) => {
                // They are in their place, or deleted.
                self.leave();
                true
            }
            Err((path, why)) => {
                self.report(&path, &why);
                false
            }
        }
    }

    fn force_applied(&self, forced: &mut HashSet<String>) {
        for folder in self.plan.changed_folders() {
            if !forced.insert(folder.to_owned()) {
                continue;
            }
            let opened = self.root.open_folder_to_read(&GuestPath::of(folder));
            match opened.and_then(|folder| folder.force()) {
                Ok(()) => {}
                // It was deleted.
                Err(error) if error.is_absent() => {}
                Err(error) => tracing::warn!(folder, "what was written is not forced: {error}"),
            }
        }
    }

    fn leave(&mut self) {
        for staged in &self.files {
            staged.keep();
        }
    }
}

impl Drop for StagedWrites {
    fn drop(&mut self) {
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
