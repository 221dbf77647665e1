//! Keeps an eye on the tree: when it is scanned, which folders are watched, and
//! that they are those of the app.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use syft_protocol::address::{Endpoint, Folder};
use tokio::sync::mpsc;
use tokio::time::Instant as TokioInstant;

use super::{Event, ServerOptions, send};
use crate::app::App;
use crate::router::Router;
use crate::tree::{Quiet, Scan, Skipped, Tree, Watcher};

/// The least time between two scans of everything. A scan that takes long is
/// repeated less often, so that scanning takes a small part of the time: one that
/// was asked for a half at most, the usual one a twentieth.
const SCAN_EVERY: Duration = Duration::from_secs(5);
const SCAN_SHARE: u32 = 20;
const URGENT_EVERY: Duration = Duration::from_millis(100);

/// The time from one scan to the next of all apps of this process together, which bounds what
/// very many that are idle cost.
const ANY_SCAN_EVERY: Duration = Duration::from_millis(20);

/// The apps of this process.
static N_LOOKOUTS: AtomicU32 = AtomicU32::new(0);

/// How often folders are read as well that do not seem to have changed. By what some file
/// systems say of them nothing ever does.
const WHOLE_EVERY: Duration = Duration::from_secs(60);

/// What a scan covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Folders,
    Everything { took: Duration },
}

/// The eyes of a server.
pub(super) struct Lookout {
    pub(super) tree: Arc<Tree>,
    pub(super) watcher: Option<Arc<Watcher>>,
    endpoints: Arc<[Endpoint]>,
    /// The app's own folders and files are there.
    is_settled: bool,
    /// The app's own folder is not there, and somebody was told.
    is_gone: bool,
    next_scan: TokioInstant,
    is_scanning: bool,
    /// Asked for while another one was under way.
    is_urgent: bool,
    /// Nothing was scanned yet.
    is_first: bool,
    /// What the next scan need not read, and when one reads everything.
    quiet: Quiet,
    next_whole: TokioInstant,
    /// New folders, to be read together.
    new_folders: HashSet<Arc<str>>,
    is_looking: bool,
    skipped: Skipped,
    events: mpsc::UnboundedSender<Event>,
}

impl Lookout {
    /// Returns a lookout over the folder of an app that nobody else serves.
    pub(super) fn new(
        app: &App,
        options: &ServerOptions,
        events: mpsc::UnboundedSender<Event>,
    ) -> anyhow::Result<Self> {
        let mut tree = Tree::open(&options.datasites, app.datasite(), app.name())?;
        tree.lock()?;
        N_LOOKOUTS.fetch_add(1, Ordering::Relaxed);
        let mut lookout = Self {
            tree: Arc::new(tree),
            watcher: Some(Arc::new(Watcher::start())),
            endpoints: app.router().endpoints().cloned().collect(),
            is_settled: false,
            is_gone: false,
            next_scan: TokioInstant::now(),
            is_scanning: false,
            is_urgent: false,
            is_first: true,
            quiet: Quiet::default(),
            next_whole: TokioInstant::now(),
            new_folders: HashSet::new(),
            is_looking: false,
            skipped: Skipped::default(),
            events,
        };
        lookout.settle(app, options)?;
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

    /// Scans everything, and first makes sure that this is the app's folder still.
    pub(super) fn scan(&mut self, app: &App, options: &ServerOptions) {
        if self.is_scanning {
            return;
        }
        self.stay_current(app, options);
        self.tree.let_go();
        self.is_scanning = true;
        let (tree, events, endpoints) = (
            Arc::clone(&self.tree),
            self.events.clone(),
            self.endpoints(),
        );
        self.is_urgent = false;
        let mut scan = Scan::watching(self.watcher.clone());
        scan.is_thorough = std::mem::take(&mut self.is_first);
        scan.quiet = std::mem::take(&mut self.quiet);
        let now = TokioInstant::now();
        if scan.is_thorough || self.next_whole <= now {
            scan.quiet = Quiet::default();
            self.next_whole = now + WHOLE_EVERY;
        }
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            for endpoint in endpoints.iter() {
                tree.scan_endpoint(endpoint, &mut scan);
            }
            let took = start.elapsed();
            drop(tree);
            send(&events, Event::Scanned(scan, Scope::Everything { took }));
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
        let mut scan = Scan::watching(self.watcher.clone());
        tokio::task::spawn_blocking(move || {
            for folder in folders {
                tree.scan_folder(folder, &mut scan);
            }
            drop(tree);
            send(&events, Event::Scanned(scan, Scope::Folders));
        });
    }

    /// Takes note of the end of a scan.
    pub(super) fn scanned(
        &mut self,
        router: &Router,
        (skipped, quiet): (Skipped, Quiet),
        scope: Scope,
    ) {
        let Scope::Everything { took } = scope else {
            self.is_looking = false;
            return self.look(router);
        };
        self.is_scanning = false;
        self.quiet = quiet.next();
        let pause = match self.is_urgent {
            true => URGENT_EVERY.max(took),
            false => {
                let of_all = ANY_SCAN_EVERY * N_LOOKOUTS.load(Ordering::Relaxed);
                SCAN_EVERY.max(took * SCAN_SHARE).max(of_all)
            }
        };
        self.next_scan = TokioInstant::now() + pause;
        if self.skipped != skipped {
            self.skipped = skipped;
            tracing::warn!(
                not_ids = skipped.not_ids,
                not_files = skipped.not_files,
                linked_folders = skipped.linked_folders,
                unreadable = skipped.unreadable,
                "things in the tree that look like requests and are none"
            );
        }
    }

    /// Opens the app's folder anew where it was moved or removed, and makes what is
    /// missing in it. As long as the whole datasite is gone it waits.
    fn stay_current(&mut self, app: &App, options: &ServerOptions) {
        app.files().stay_current(app.datasite());
        if self.tree.is_current() {
            if std::mem::take(&mut self.is_gone) {
                tracing::info!("the app's folder is back");
            }
        } else {
            let reopened = Tree::open_in(&options.datasites, app.datasite(), app.name())
                .and_then(|mut tree| tree.lock().map(|()| tree));
            match reopened {
                Ok(tree) => {
                    tracing::warn!(path = %tree.path().display(), "the app's folder was replaced");
                    self.tree = Arc::new(tree);
                    self.watcher = Some(Arc::new(Watcher::start()));
                    self.is_settled = false;
                    self.is_first = true;
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
            && let Err(error) = self.settle(app, options)
        {
            tracing::error!("{error:#}");
        }
    }

    /// Makes the folders of the endpoints and publishes the schema.
    fn settle(&mut self, app: &App, options: &ServerOptions) -> anyhow::Result<()> {
        let path = self.tree.path().display();
        let router = app.router();
        self.tree
            .prepare(router.endpoints())
            .with_context(|| format!("make the endpoints' folders in {path}"))?;
        if options.publish_schema {
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
