//! Keeps an eye on the tree: when it is scanned, which folders are watched, and
//! that they are those of the app.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use syft_protocol::address::{Endpoint, Folder};
use tokio::sync::mpsc;
use tokio::time::Instant as TokioInstant;

use super::{ServerEvent, ServerSetup, send};
use crate::app::App;
use crate::router::Router;
use crate::tree::{EndpointScan, SkippedEntries, Tree, TreeScan, TreeWatcher};

/// The least time between two scans of everything. A scan that takes long is
/// repeated less often, so that scanning takes a small part of the time: one that
/// was asked for a half at most, the usual one a twentieth. But nobody waits for the next
/// one for more than a minute.
const SCAN_EVERY: Duration = Duration::from_secs(5);
const SCAN_WITHIN: Duration = Duration::from_secs(60);
const SCAN_SHARE: u32 = 20;
const URGENT_EVERY: Duration = Duration::from_millis(100);

/// The time after which a scan says what it has found. Endpoints of which more is to be
/// seen go on soon after, and those of which all was seen begin anew.
const ROUND: Duration = Duration::from_millis(500);

/// The time from one scan to the next of all apps of this process together, which bounds what
/// very many that are idle cost.
const ANY_SCAN_EVERY: Duration = Duration::from_millis(20);

/// The apps of this process.
static N_LOOKOUTS: AtomicU32 = AtomicU32::new(0);

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

/// The eyes of a server.
pub(super) struct Lookout {
    pub(super) tree: Arc<Tree>,
    pub(super) watcher: Option<Arc<TreeWatcher>>,
    endpoints: Arc<[Endpoint]>,
    /// The app's own folders and files are there.
    is_settled: bool,
    /// The app's own folder is not there, and somebody was told.
    is_gone: bool,
    next_scan: TokioInstant,
    is_scanning: bool,
    /// Asked for while another one was under way.
    is_urgent: bool,
    /// How far the scan has come, while none is under way, and how long it took so far.
    courses: VecDeque<EndpointScan>,
    took: Duration,
    /// When one reads everything.
    next_whole: TokioInstant,
    /// New folders, to be read together.
    new_folders: HashSet<Arc<str>>,
    is_looking: bool,
    skipped: SkippedEntries,
    events: mpsc::UnboundedSender<ServerEvent>,
}

impl Lookout {
    /// Returns a lookout over the folder of an app that nobody else serves.
    pub(super) fn new(
        app: &App,
        setup: &ServerSetup,
        events: mpsc::UnboundedSender<ServerEvent>,
    ) -> anyhow::Result<Self> {
        let mut tree = Tree::open(&setup.datasites, app.datasite(), app.name())?;
        tree.lock()?;
        N_LOOKOUTS.fetch_add(1, Ordering::Relaxed);
        let endpoints: Arc<[Endpoint]> = app.router().endpoints().cloned().collect();
        let mut lookout = Self {
            tree: Arc::new(tree),
            watcher: Some(Arc::new(TreeWatcher::start(endpoints.len()))),
            courses: courses(&endpoints),
            took: Duration::ZERO,
            endpoints,
            is_settled: false,
            is_gone: false,
            next_scan: TokioInstant::now(),
            is_scanning: false,
            is_urgent: false,
            next_whole: TokioInstant::now() + WHOLE_EVERY,
            new_folders: HashSet::new(),
            is_looking: false,
            skipped: SkippedEntries::default(),
            events,
        };
        lookout.settle(app, setup)?;
        Ok(lookout)
    }

    /// Returns when [`Lookout::scan`] is due; `None` while one is under way.
    pub(super) fn next_scan(&self) -> Option<TokioInstant> {
        (!self.is_scanning).then_some(self.next_scan)
    }

    /// Returns the endpoints that are served.
    pub(super) fn endpoints(&self) -> Arc<[Endpoint]> {
        Arc::clone(&self.endpoints)
    }

    /// Scans everything, or goes on with that, and first makes sure that this is the
    /// app's folder still.
    pub(super) fn scan(&mut self, app: &App, setup: &ServerSetup) {
        if self.is_scanning {
            return;
        }
        self.stay_current(app, setup);
        self.tree.let_go();
        self.is_scanning = true;
        self.is_urgent = false;
        if let Some(watcher) = &self.watcher {
            watcher.tidy_up();
        }
        let now = TokioInstant::now();
        let mut courses = std::mem::take(&mut self.courses);
        if self.next_whole <= now {
            courses.iter_mut().for_each(EndpointScan::read_whole);
            self.next_whole = now + WHOLE_EVERY;
        }
        let (tree, events) = (Arc::clone(&self.tree), self.events.clone());
        let mut scan = TreeScan::watching(self.watcher.clone());
        tokio::task::spawn_blocking(move || {
            let round = go_round(&tree, courses, &mut scan);
            drop(tree);
            send(
                &events,
                ServerEvent::Scanned(scan, Scope::Everything(round)),
            );
        });
    }

    /// Has everything scanned as soon as that is decent.
    pub(super) fn scan_soon(&mut self) {
        self.is_urgent = true;
        if !self.is_scanning {
            self.next_scan = self.next_scan.min(TokioInstant::now() + URGENT_EVERY);
        }
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
        if self.is_looking || self.new_folders.is_empty() {
            return;
        }
        self.is_looking = true;
        let folders: Vec<Folder> = std::mem::take(&mut self.new_folders)
            .iter()
            .filter_map(|path| served_folder(router, path))
            .collect();
        let (tree, events) = (Arc::clone(&self.tree), self.events.clone());
        let mut scan = TreeScan::watching(self.watcher.clone());
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
            self.is_looking = false;
            if is_cut {
                self.scan_soon();
            }
            return self.look(router);
        };
        self.is_scanning = false;
        self.took += round.took;
        let pause = match (round.is_over, self.is_urgent) {
            // Somebody may wait among what was not seen yet.
            (false, _) | (true, true) => URGENT_EVERY.max(round.took),
            (true, false) => {
                let of_all = ANY_SCAN_EVERY * N_LOOKOUTS.load(Ordering::Relaxed);
                let share = (self.took * SCAN_SHARE).min(SCAN_WITHIN);
                SCAN_EVERY.max(share).max(of_all)
            }
        };
        self.next_scan = TokioInstant::now() + pause;
        if round.is_over {
            self.took = Duration::ZERO;
            self.tell_skipped(&round.courses);
        }
        // Another folder has taken the place of the one that was scanned.
        if self.courses.is_empty() {
            self.courses = round.courses;
        }
    }

    fn tell_skipped(&mut self, courses: &VecDeque<EndpointScan>) {
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
            "things in the tree that look like requests and are none"
        );
    }

    /// Opens the app's folder anew where it was moved or removed, and makes what is
    /// missing in it. As long as the whole datasite is gone it waits.
    fn stay_current(&mut self, app: &App, setup: &ServerSetup) {
        app.files().stay_current(app.datasite());
        if self.tree.is_current() {
            if std::mem::take(&mut self.is_gone) {
                tracing::info!("the app's folder is back");
            }
        } else {
            let reopened = Tree::open_in(&setup.datasites, app.datasite(), app.name())
                .and_then(|mut tree| tree.lock().map(|()| tree));
            match reopened {
                Ok(tree) => {
                    tracing::warn!(path = %tree.path().display(), "the app's folder was replaced");
                    self.tree = Arc::new(tree);
                    self.watcher = Some(Arc::new(TreeWatcher::start(self.endpoints.len())));
                    self.is_settled = false;
                    self.courses = courses(&self.endpoints);
                    self.is_gone = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_gone, true) {
                        tracing::error!("the app's folder is gone, waiting for it: {error:#}");
                    }
                    return;
                }
            }
        }
        if !self.is_settled
            && let Err(error) = self.settle(app, setup)
        {
            tracing::error!("{error:#}");
        }
    }

    /// Makes the folders of the endpoints and publishes the schema.
    fn settle(&mut self, app: &App, setup: &ServerSetup) -> anyhow::Result<()> {
        let path = self.tree.path().display();
        let router = app.router();
        self.tree
            .prepare(router.endpoints())
            .with_context(|| format!("make the endpoints' folders in {path}"))?;
        if setup.options.publish_schema {
            self.tree
                .publish_schema(&router.schema())
                .with_context(|| format!("publish the schema in {path}"))?;
        }
        self.is_settled = true;
        Ok(())
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        N_LOOKOUTS.fetch_sub(1, Ordering::Relaxed);
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
        match tree.scan_slice(&mut course, scan) {
            true => done.push_back(course),
            false => left.push_back(course),
        }
    }
    while start.elapsed() < ROUND
        && let Some(mut course) = left.pop_front()
    {
        match tree.scan_slice(&mut course, scan) {
            true => done.push_back(course),
            false => left.push_back(course),
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
