//! Finding out what changes in the tree.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use syft_protocol::file_events::{FileChange, FileEvent, FileHint};
use tokio::time::Instant as TokioInstant;

use super::eyes::{Eyes, Hints};
use super::view::{MAX_FILES, Scan, View};
use super::walk::Walk;
use super::{SCAN_EVERY, Scope, Step, Watching, send};
use crate::capability::files::OwnWrite;

/// The share of the time that scans take at most, and the least time before one where
/// events were lost.
const SCAN_SHARE: u32 = 20;
const URGENT_EVERY: Duration = Duration::from_millis(100);
/// Parts of the scan before the app is served.
const FIRST_PARTS: usize = 10;
/// Files that are looked at before others have their turn.
const LOOKS_AT_ONCE: usize = 1_024;

impl FileEvents {
    pub(super) fn take_hints(&mut self, hints: Hints) {
        let now = Instant::now();
        if hints.everything {
            tracing::debug!("too much happened at once: everything is scanned");
            self.scan_soon();
        }
        for folder in hints.gone_folders {
            self.hints.forget(&folder);
            self.sights.hint_below(now, &folder);
        }
        for (path, hint) in hints.files {
            if self.sights.get(&path).is_some() || self.view.covers(&path) {
                self.sights.hint(now, &path, hint);
            }
        }
        self.new_folders.extend(hints.new_folders);
        self.scan_new_folders();
        self.look();
    }

    /// Looks at the files that are due.
    pub(super) fn look(&mut self) {
        let mut changed = Vec::new();
        for _ in 0..LOOKS_AT_ONCE {
            let now = Instant::now();
            let Some(path) = self.sights.next_look(now) else {
                break;
            };
            let found = self.view.look(&path);
            self.sights.looked(now, &path, found, &mut changed);
        }
        self.take_changed(&changed);
    }

    pub(super) fn take_changed(&mut self, changed: &[Arc<str>]) {
        for (_, told) in &mut self.watches {
            for path in changed {
                told.changed(&self.sights, path);
            }
        }
    }

    pub(super) fn scan_soon(&mut self) {
        self.is_urgent = true;
        self.next_scan = self.next_scan.min(TokioInstant::now() + URGENT_EVERY);
    }

    /// Scans everything, or goes on with that.
    pub(super) fn scan(&mut self) {
        self.is_urgent = false;
        let mut walk = self.walk.take().unwrap_or_else(Walk::of_everything);
        self.start_scan(move |view, eyes| {
            let start = Instant::now();
            let scan = view.scan(&mut walk, eyes);
            let took = start.elapsed();
            Step::Scanned(scan, Scope::Everything { walk, took })
        });
    }

    pub(super) fn scan_new_folders(&mut self) {
        if !self.is_scanning && !self.new_folders.is_empty() {
            let mut walk = Walk::of(self.new_folders.drain());
            self.start_scan(move |view, eyes| {
                Step::Scanned(view.scan(&mut walk, eyes), Scope::Folders)
            });
        }
    }

    fn start_scan(&mut self, scan: impl FnOnce(&View, &Eyes) -> Step + Send + 'static) {
        self.is_scanning = true;
        let (view, hints, sender) = (
            Arc::clone(&self.view),
            Arc::clone(&self.hints),
            self.sender.clone(),
        );
        tokio::task::spawn_blocking(move || send(&sender, scan(&view, &eyes)));
    }

    pub(super) fn take_scan(&mut self, scan: Scan, scope: Scope) {
        let now = Instant::now();
        self.is_scanning = false;
        self.sights.found(now, &scan.files);
        match scope {
            // What was not read is found by the scan of everything.
            Scope::Folders if scan.is_cut => self.scan_soon(),
            Scope::Folders => {}
            Scope::Everything { walk, took } => {
                let is_cut = scan.is_cut;
                for (top, seen) in scan.over {
                    self.sights.scanned_below(now, &top, &seen);
                }
                for top in scan.gone {
                    self.sights.hint_below(now, &top);
                }
                self.mind_bounds();
                self.walk = Some(walk);
                self.took += took;
                let pause = match is_cut || self.is_urgent {
                    true => URGENT_EVERY.max(took),
                    false => SCAN_EVERY.max(self.took * SCAN_SHARE),
                };
                if !is_cut {
                    self.took = Duration::ZERO;
                }
                self.next_scan = TokioInstant::now() + pause;
            }
        }
        self.scan_new_folders();
        self.look();
    }

    /// Warns where the app is not told of all files, once as long as that is so.
    pub(super) fn mind_bounds(&mut self) {
        let n_dropped = self.sights.n_dropped();
        let is_over = n_dropped > self.n_dropped;
        self.n_dropped = n_dropped;
        if is_over && !std::mem::replace(&mut self.is_over, is_over) {
            tracing::warn!(
                most = MAX_FILES,
                "the app watches too many files: it is not told of all; watch fewer"
            );
        }
        self.is_over = is_over;
    }

    /// Takes what calls of the app did themselves as told, apart from the files of events
    /// that are being told: what comes of those comes first.
    pub(super) fn take_deeds(&mut self) {
        let busy = &self.busy;
        for (path, deed) in self.deeds.take(|path| !busy.contains(path)) {
            self.take_deed(path, &deed);
        }
    }

    /// Has an event that failed be about the file as the app itself left it.
    pub(super) fn rebase(&mut self, event: &mut FileEvent) {
        for (path, deed) in self.deeds.take(|path| *path == *event.path) {
            if !deed.had_other_writer {
                event.rebase(deed.before, deed.after);
            }
            self.take_deed(path, &deed);
        }
    }

    fn take_deed(&mut self, path: Arc<str>, deed: &OwnWrite) {
        let now = Instant::now();
        if deed.after.is_some() && !self.view.covers(&path) {
            return;
        }
        if deed.had_other_writer {
            return self.sights.hint(now, &path, Hint::Unknown);
        }
        let stamp = deed.after;
        let change = FileChange { path, stamp };
        for (_, told) in &mut self.watches {
            told.own(deed.before, &change);
        }
        let mut changed = Vec::new();
        self.sights.own(now, &change, &mut changed);
        self.take_changed(&changed);
        // Somebody else may have changed it since.
        self.sights.hint(now, &change.path, FileHint::Whole);
    }
}

/// Scans everything before the app is served, or as much of it as the app may be kept
/// waiting for.
pub(super) async fn first_scan(view: &Arc<View>, eyes: Arc<Eyes>) -> anyhow::Result<(Scan, Walk)> {
    let view = Arc::clone(view);
    let scan = tokio::task::spawn_blocking(move || {
        let mut walk = Walk::of_everything();
        let mut scan = view.scan(&mut walk, &eyes);
        for _ in 1..FIRST_PARTS {
            if !scan.is_cut || scan.files.len() >= MAX_FILES {
                break;
            }
            let more = view.scan(&mut walk, &eyes);
            scan.files.extend(more.files);
            scan.is_cut = more.is_cut;
        }
        view.look_again_at_new(&mut scan);
        (scan, walk)
    });
    scan.await.context("scan the datasites")
}
