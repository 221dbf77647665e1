//! Scans of the app's folder for requests, and of new folders in it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use syft_protocol::address::{Endpoint, Folder};
use syft_protocol::scan_schedule::ScanSchedule;
use tokio::sync::mpsc;

use super::app_folder::AppFolder;
use super::{ServerEvent, ServerSetup, send};
use crate::app::App;
use crate::router::Router;
use crate::scanner_count::ScannerCount;
use crate::tree::{EndpointScan, SkippedEntries, Tree, TreeScan};

/// The time after which a scan says what it has found. Endpoints of which more is to be
/// seen go on soon after, and those of which all was seen begin anew.
const ROUND: Duration = Duration::from_millis(500);

/// How often folders are read as well that do not seem to have changed. By what some file
/// systems say of them nothing ever does.
const WHOLE_EVERY: Duration = Duration::from_secs(60);

/// What a scan covered.
#[derive(Debug)]
pub(super) enum Scope {
    Folders,
    Everything(Round),
}

/// A part of the scan of everything.
#[derive(Debug)]
pub(super) struct Round {
    courses: VecDeque<EndpointScan>,
    took: Duration,
    /// All was seen of each endpoint.
    is_over: bool,
}

/// The scans of a server.
pub(super) struct RequestScans {
    pub(super) folder: AppFolder,
    schedule: ScanSchedule,
    /// How far the scan has come, while no part of it is in progress.
    courses: VecDeque<EndpointScan>,
    /// When one reads everything.
    next_whole: Instant,
    /// New folders, to be read together.
    new_folders: HashSet<Arc<str>>,
    is_reading_folders: bool,
    skipped: SkippedEntries,
    events: mpsc::UnboundedSender<ServerEvent>,
    _scanner: ScannerCount,
}

impl RequestScans {
    /// Returns the scans of a folder. The first is due at once.
    pub(super) fn new(folder: AppFolder, events: mpsc::UnboundedSender<ServerEvent>) -> Self {
        let now = Instant::now();
        Self {
            courses: courses(&folder.endpoints()),
            folder,
            schedule: ScanSchedule::new(now),
            next_whole: now + WHOLE_EVERY,
            new_folders: HashSet::new(),
            is_reading_folders: false,
            skipped: SkippedEntries::default(),
            events,
            _scanner: ScannerCount::add_one(),
        }
    }

    /// Returns when [`RequestScans::scan`] is due; `None` while a scan is in progress.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.schedule.due_at()
    }

    /// Scans everything, or goes on with that, and first makes sure that this is the
    /// app's folder still.
    pub(super) fn scan(&mut self, app: &App, setup: &ServerSetup) {
        if self.folder.stay_current(app, setup) {
            self.courses = courses(&self.folder.endpoints());
        }
        self.folder.tree.let_go();
        self.schedule.begin();
        if let Some(watcher) = &self.folder.watcher {
            watcher.tidy_up();
        }
        let now = Instant::now();
        let mut courses = std::mem::take(&mut self.courses);
        if self.next_whole <= now {
            courses.iter_mut().for_each(EndpointScan::read_whole);
            self.next_whole = now + WHOLE_EVERY;
        }
        let (tree, events) = (Arc::clone(&self.folder.tree), self.events.clone());
        let mut scan = TreeScan::watching(self.folder.watcher.clone());
        tokio::task::spawn_blocking(move || {
            let round = go_round(&tree, courses, &mut scan);
            drop(tree);
            send(
                &events,
                ServerEvent::Scanned(scan, Scope::Everything(round)),
            );
        });
    }

    /// Has everything scanned as soon as the minimum interval allows.
    pub(super) fn scan_soon(&mut self) {
        self.schedule.request(Instant::now());
    }

    /// Reads new folders: of senders, of an endpoint, or on the way to one. Others
    /// do not concern us.
    pub(super) fn look_into(&mut self, router: &Router, folders: HashSet<Arc<str>>) {
        for path in folders {
            if leads_to(router, &path) {
                self.scan_soon();
            } else if served_folder(router, &path).is_some() {
                self.new_folders.insert(path);
            }
        }
        self.look(router);
    }

    fn look(&mut self, router: &Router) {
        if self.is_reading_folders || self.new_folders.is_empty() {
            return;
        }
        self.is_reading_folders = true;
        let folders: Vec<Folder> = std::mem::take(&mut self.new_folders)
            .iter()
            .filter_map(|path| served_folder(router, path))
            .collect();
        let (tree, events) = (Arc::clone(&self.folder.tree), self.events.clone());
        let mut scan = TreeScan::watching(self.folder.watcher.clone());
        tokio::task::spawn_blocking(move || {
            for folder in folders {
                tree.scan_folder(folder, &mut scan);
            }
            drop(tree);
            send(&events, ServerEvent::Scanned(scan, Scope::Folders));
        });
    }

    /// Takes note of the end of a scan.
    pub(super) fn scanned(&mut self, router: &Router, is_cut: bool, scope: Scope) {
        let Scope::Everything(round) = scope else {
            self.is_reading_folders = false;
            if is_cut {
                self.scan_soon();
            }
            return self.look(router);
        };
        let now = Instant::now();
        if round.is_over {
            self.schedule.end(now, round.took, ScannerCount::total());
            self.report_skipped(&round.courses);
        } else {
            self.schedule.end_part(now, round.took);
        }
        // Another folder has taken the place of the one that was scanned.
        if self.courses.is_empty() {
            self.courses = round.courses;
        }
    }

    fn report_skipped(&mut self, courses: &VecDeque<EndpointScan>) {
        let mut skipped = SkippedEntries::default();
        courses
            .iter()
            .for_each(|course| skipped += course.last_skipped());
        if self.skipped == skipped {
            return;
        }
        self.skipped = skipped;
        tracing::warn!(
            not_ids = skipped.not_ids,
            not_files = skipped.not_files,
            linked_folders = skipped.linked_folders,
            unreadable = skipped.unreadable,
            "the tree holds things that look like requests and are not"
        );
    }
}

/// Returns the beginnings of the first scan.
fn courses(endpoints: &[Endpoint]) -> VecDeque<EndpointScan> {
    let n_endpoints = endpoints.len();
    let all = endpoints.iter();
    all.map(|endpoint| EndpointScan::new(endpoint.clone(), n_endpoints))
        .collect()
}

/// Has the endpoints take turns until all of each was seen, or the time is over. Each has
/// at least one turn, so one of which there is much to see keeps no other from beginning
/// anew.
fn go_round(tree: &Tree, courses: VecDeque<EndpointScan>, scan: &mut TreeScan) -> Round {
    let start = Instant::now();
    let (mut left, mut done) = (VecDeque::new(), VecDeque::new());
    for mut course in courses {
        if tree.scan_slice(&mut course, scan) {
            done.push_back(course)
        } else {
            left.push_back(course)
        }
    }
    while start.elapsed() < ROUND
        && let Some(mut course) = left.pop_front()
    {
        if tree.scan_slice(&mut course, scan) {
            done.push_back(course)
        } else {
            left.push_back(course)
        }
    }
    let is_over = left.is_empty();
    left.append(&mut done);
    Round {
        courses: left,
        took: start.elapsed(),
        is_over,
    }
}

/// Returns the folder at a path if requests in it are served.
pub(super) fn served_folder(router: &Router, path: &str) -> Option<Folder> {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    Folder::parse(&names).filter(|folder| router.route(folder.endpoint()).is_some())
}

/// Tells whether a folder is an endpoint's or on the way to one.
fn leads_to(router: &Router, path: &str) -> bool {
    router.endpoints().any(|endpoint| {
        let mut segments = endpoint.segments();
        path.split('/').all(|name| segments.next() == Some(name))
    })
}
