//! Finds out what changes in the tree: by hints, by scans, and by what calls of the app do.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use syft_protocol::file_events::{Event, ScanPart, ScanScope, Scanned};

use super::hints::{HintQueue, Hints};
use super::scope::{FileScan, MAX_FILES, WatchScope};
use super::walk::Walk;
use super::{FileEvents, send};
use crate::scanner_count::ScannerCount;

/// Parts of the scan before the app is served.
const FIRST_PARTS: usize = 10;

impl FileEvents {
    pub(super) fn take_hints(&mut self, hints: Hints) {
        if hints.everything {
            tracing::debug!("too much happened at once: everything is scanned");
            self.handle(Event::HintsLost);
        }
        for folder in hints.gone_folders {
            self.hints.forget(&folder);
            self.handle(Event::FolderLeft(folder));
        }
        for (path, hint) in hints.files {
            let is_covered = self.scope.covers(&path);
            self.handle(Event::Hinted {
                path,
                hint,
                is_covered,
            });
        }
        for folder in hints.new_folders {
            self.handle(Event::FolderCame(folder));
        }
    }

    /// Passes on what calls of the app have begun to change, and have changed.
    pub(super) fn take_own_writes(&mut self) {
        let changes = self.own_writes.changes();
        for path in changes.begun {
            self.queue.handle(super::now(), Event::OwnWriteBegan(path));
        }
        for (path, write) in changes.ended {
            let is_covered = self.scope.covers(&path);
            let event = Event::OwnWriteEnded {
                path,
                write,
                is_covered,
            };
            self.queue.handle(super::now(), event);
        }
    }

    /// Scans new folders, or goes on with the scan of everything.
    pub(super) fn scan(&mut self, scope: ScanScope) {
        let mut walk = match &scope {
            ScanScope::Everything => self.walk.take().unwrap_or_else(Walk::of_everything),
            ScanScope::Folders(folders) => Walk::of(folders.iter().cloned()),
        };
        let (files, hints) = (Arc::clone(&self.scope), Arc::clone(&self.hints));
        let sender = self.sender.clone();
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            let scan = files.scan(&mut walk, &hints);
            drop((files, hints));
            match scope {
                ScanScope::Everything => {
                    send(&sender, Event::Scanned(scanned(scan, start)), Some(walk));
                }
                ScanScope::Folders(_) => {
                    let scanned = Scanned {
                        part: None,
                        ..scanned(scan, start)
                    };
                    send(&sender, Event::Scanned(scanned), None);
                }
            }
        });
    }
}

/// Scans everything before the app is served, or as much of it as the app may be kept
/// waiting for.
pub(super) async fn first_scan(
    scope: &Arc<WatchScope>,
    hints: Arc<HintQueue>,
) -> anyhow::Result<(Scanned, Walk)> {
    let scope = Arc::clone(scope);
    let scan = tokio::task::spawn_blocking(move || {
        let (start, mut walk) = (Instant::now(), Walk::of_everything());
        let mut scan = scope.scan(&mut walk, &hints);
        for _ in 1..FIRST_PARTS {
            if !scan.is_cut || scan.files.len() >= MAX_FILES {
                break;
            }
            let more = scope.scan(&mut walk, &hints);
            scan.files.extend(more.files);
            scan.is_cut = more.is_cut;
        }
        scope.look_again_at_new(&mut scan);
        (scanned(scan, start), walk)
    });
    scan.await.context("scan the datasites")
}

fn scanned(scan: FileScan, start: Instant) -> Scanned {
    let part = ScanPart {
        complete: scan.over,
        gone: scan.gone,
        took: start.elapsed(),
        n_scanners: ScannerCount::total(),
    };
    Scanned {
        files: scan.files,
        is_cut: scan.is_cut,
        part: Some(part),
    }
}
