//! Serves one app: the loop that everything comes to.
//!
//! It alone holds the inbox. What takes time runs in tasks of its own, and each
//! ends with one [`Event`] here.

mod perform;
mod shutdown;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use syft_protocol::address::{Address, Endpoint, Folder};
use syft_protocol::inbox::{self, Inbox, InboxLimits, Loaded, Now};
use syft_protocol::retention::Retention;
use syft_protocol::timestamp::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{self, Instant as TokioInstant};

use crate::app::App;
use crate::reply::Replier;
use crate::sandbox::Sandbox;
use crate::tree::{Hints, Scan, Skipped, Tree, Watcher, Which};

pub use shutdown::Shutdown;

/// How the server goes about its work.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The folder that holds the datasites.
    pub datasites: std::path::PathBuf,
    /// Callers see what went wrong inside a handler.
    pub debug: bool,
    /// Publish `rpc.schema.json`.
    pub publish_schema: bool,
    /// How long requests and their answers are kept.
    pub retention: Retention,
    /// How often old requests are deleted.
    pub sweep_every: Duration,
    /// Time for calls in progress once the server is to stop.
    pub stop_within: Duration,
}

/// The least time between two scans of everything. A scan that takes long is
/// repeated less often, so that scanning takes a small part of the time.
const SCAN_EVERY: Duration = Duration::from_secs(5);
const SCAN_SHARE: u32 = 20;

/// When a new folder is looked at again: the kernel watches it only some time
/// after it was made.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// Everything that wakes the server.
#[derive(Debug)]
enum Event {
    /// A request was opened and read.
    Loaded(Address, Loaded, Option<OwnedSemaphorePermit>),
    /// Work on a request ended.
    Closed(Address, inbox::Closed),
    /// A scan ended.
    Scanned(Scan, Scope),
    /// Old requests were deleted.
    Swept(usize),
    /// The time has come to look at a folder again.
    LookAgain(Vec<String>),
}

/// What a scan covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Folder,
    Everything { took: Duration },
}

/// What the tasks of the server share.
struct Shared {
    app: App,
    sandbox: Arc<Sandbox>,
    replier: Replier,
    /// One permit for each KiB of request files in memory.
    loaded: Arc<Semaphore>,
    events: mpsc::UnboundedSender<Event>,
}

/// A server that is ready, and has not begun to answer.
pub struct Server {
    shared: Arc<Shared>,
    events: mpsc::UnboundedReceiver<Event>,
    options: ServerOptions,
    inbox: Inbox,
    tree: Arc<Tree>,
    watcher: Option<Watcher>,
    /// The memory that requests at work hold.
    loaded: HashMap<Address, OwnedSemaphorePermit>,
    is_scanning: bool,
    scan_again: bool,
    next_scan: TokioInstant,
    skipped: Skipped,
}

impl Server {
    /// Makes the app's folders and starts to watch them.
    ///
    /// # Errors
    /// The tree cannot be written, or a part of it is a symlink.
    pub fn new(app: App, sandbox: Arc<Sandbox>, options: ServerOptions) -> anyhow::Result<Self> {
        let tree = Tree::open(&options.datasites, app.datasite(), app.name())?;
        let replier = Replier {
            datasite: app.datasite().clone(),
            app: app.name().clone(),
            debug: options.debug,
            response_bytes: sandbox.limits().response_bytes,
        };
        let inbox = Inbox::new(InboxLimits {
            active: sandbox.limits().concurrency,
            ..InboxLimits::default()
        });
        let loaded_kib = usize::try_from(sandbox.limits().loaded_bytes >> 10)?;
        let (sender, events) = mpsc::unbounded_channel();
        let mut server = Self {
            shared: Arc::new(Shared {
                app,
                sandbox,
                replier,
                loaded: Arc::new(Semaphore::new(loaded_kib)),
                events: sender,
            }),
            events,
            options,
            inbox,
            tree: Arc::new(tree),
            watcher: None,
            loaded: HashMap::new(),
            is_scanning: false,
            scan_again: false,
            next_scan: TokioInstant::now(),
            skipped: Skipped::default(),
        };
        server.settle_in()?;
        Ok(server)
    }

    /// Returns the app's folder.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Answers requests until it is told to stop, then finishes what is in
    /// progress. What could not be finished lies there unanswered and is found at
    /// the next start.
    pub async fn run(mut self, mut shutdown: Shutdown) {
        let mut sweep = time::interval(self.options.sweep_every);
        sweep.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            self.perform_all();
            tokio::select! {
                biased;
                () = shutdown.requested() => break,
                Some(event) = self.events.recv() => self.handle_all(event),
                hints = hints(self.watcher.as_ref()) => self.take_hints(hints),
                () = wake_up(self.inbox.wakes_at()) => {}
                () = time::sleep_until(self.next_scan) => self.scan_everything(),
                _ = sweep.tick() => self.sweep(),
            }
        }
        self.finish(shutdown).await;
    }

    async fn finish(mut self, mut shutdown: Shutdown) {
        self.watcher = None;
        self.inbox.close();
        let n_active = self.inbox.n_active();
        tracing::info!(n_active, "stopping: calls in progress are finished");
        let deadline = TokioInstant::now() + self.options.stop_within;
        while self.inbox.n_active() > 0 {
            self.perform_all();
            tokio::select! {
                Some(event) = self.events.recv() => self.handle_all(event),
                () = time::sleep_until(deadline) => break,
                () = shutdown.insisted() => break,
            }
        }
        match self.inbox.n_active() {
            0 => tracing::info!("stopped"),
            n_left => tracing::warn!(n_left, "stopped; these calls run again at the next start"),
        }
    }

    /// Makes the folders of the endpoints, publishes the schema, and watches.
    fn settle_in(&mut self) -> anyhow::Result<()> {
        let path = self.tree.path().display().to_string();
        let router = self.shared.app.router();
        self.tree
            .prepare(router.endpoints())
            .with_context(|| format!("make the endpoints' folders in {path}"))?;
        if self.options.publish_schema {
            self.tree
                .publish_schema(&router.schema())
                .with_context(|| format!("publish the schema in {path}"))?;
        }
        self.watcher = Watcher::new(self.tree.path())
            .inspect_err(|error| tracing::warn!("not watching, only scanning: {error:#}"))
            .ok();
        Ok(())
    }

    fn perform_all(&mut self) {
        let now = now();
        while let Some(action) = self.inbox.poll(now) {
            perform::start(&self.shared, &self.tree, action);
        }
    }

    /// Handles an event and those behind it.
    fn handle_all(&mut self, first: Event) {
        let now = now();
        self.handle(now, first);
        while let Ok(event) = self.events.try_recv() {
            self.handle(now, event);
        }
    }

    fn handle(&mut self, now: Now, event: Event) {
        match event {
            Event::Loaded(address, loaded, permit) => {
                if let Some(permit) = permit {
                    self.loaded.insert(address.clone(), permit);
                }
                self.inbox
                    .handle(now, inbox::Event::Loaded(address.clone(), loaded));
                if !self.inbox.is_busy(&address) {
                    self.loaded.remove(&address);
                }
            }
            Event::Closed(address, closed) => {
                self.loaded.remove(&address);
                self.inbox
                    .handle(now, inbox::Event::Closed(address, closed));
            }
            Event::Scanned(scan, scope) => self.take_scan(now, scan, scope),
            Event::Swept(0) => {}
            Event::Swept(n_deleted) => tracing::info!(n_deleted, "old requests deleted"),
            Event::LookAgain(segments) => self.look_into(&segments),
        }
    }

    fn take_hints(&mut self, hints: Hints) {
        let now = now();
        if hints.everything {
            self.scan_everything();
        }
        for address in hints.requests {
            if self.shared.app.router().route(address.endpoint()).is_some() {
                self.inbox.handle(now, inbox::Event::Seen(address));
            }
        }
        for segments in hints.folders {
            if !self.concerns(&segments) {
                continue;
            }
            self.look_into(&segments);
            for delay in LOOK_AGAIN {
                let (events, segments) = (self.shared.events.clone(), segments.clone());
                tokio::spawn(async move {
                    time::sleep(delay).await;
                    send(&events, Event::LookAgain(segments));
                });
            }
        }
    }

    /// Tells whether a folder is one of ours: of a sender, of an endpoint, or on
    /// the way to one.
    fn concerns(&self, segments: &[String]) -> bool {
        self.served_folder(segments).is_some() || self.leads_to_endpoints(segments)
    }

    fn served_folder(&self, segments: &[String]) -> Option<Folder> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Folder::parse(&segments)
            .filter(|folder| self.shared.app.router().route(folder.endpoint()).is_some())
    }

    fn leads_to_endpoints(&self, segments: &[String]) -> bool {
        self.shared.app.router().endpoints().any(|endpoint| {
            let mut names = endpoint.segments();
            segments.iter().all(|segment| names.next() == Some(segment))
        })
    }

    /// Scans a new folder: alone where it holds requests and nothing else.
    fn look_into(&mut self, segments: &[String]) {
        if self.leads_to_endpoints(segments) {
            return self.scan_everything();
        }
        let Some(folder) = self.served_folder(segments) else {
            return;
        };
        let (tree, events) = (Arc::clone(&self.tree), self.shared.events.clone());
        tokio::task::spawn_blocking(move || {
            let mut scan = Scan::default();
            tree.scan_folder(folder, Which::Unanswered, &mut scan);
            send(&events, Event::Scanned(scan, Scope::Folder));
        });
    }

    /// Scans all endpoints; at once if no scan is under way, else after it.
    fn scan_everything(&mut self) {
        self.next_scan = TokioInstant::now() + SCAN_EVERY;
        if self.is_scanning {
            self.scan_again = true;
            return;
        }
        self.stay_current();
        self.is_scanning = true;
        let (tree, events) = (Arc::clone(&self.tree), self.shared.events.clone());
        let endpoints = self.endpoints();
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            let mut scan = Scan::default();
            for endpoint in &endpoints {
                tree.scan_endpoint(endpoint, Which::Unanswered, &mut scan);
            }
            let took = start.elapsed();
            send(&events, Event::Scanned(scan, Scope::Everything { took }));
        });
    }

    fn take_scan(&mut self, now: Now, scan: Scan, scope: Scope) {
        for address in scan.requests {
            self.inbox.handle(now, inbox::Event::Seen(address));
        }
        let Scope::Everything { took } = scope else {
            return;
        };
        self.is_scanning = false;
        self.next_scan = TokioInstant::now() + SCAN_EVERY.max(took * SCAN_SHARE);
        if self.skipped != scan.skipped {
            self.skipped = scan.skipped;
            tracing::warn!(
                not_ids = scan.skipped.not_ids,
                not_files = scan.skipped.not_files,
                linked_folders = scan.skipped.linked_folders,
                unreadable = scan.skipped.unreadable,
                "things in the tree that look like requests and are none"
            );
        }
        if std::mem::take(&mut self.scan_again) {
            self.scan_everything();
        }
    }

    /// Opens and watches the app's folder anew where it was moved or removed.
    fn stay_current(&mut self) {
        if self.tree.is_current() {
            return;
        }
        let app = &self.shared.app;
        match Tree::open(&self.options.datasites, app.datasite(), app.name()) {
            Ok(tree) => {
                tracing::warn!(path = %tree.path().display(), "the app's folder was replaced");
                self.tree = Arc::new(tree);
                if let Err(error) = self.settle_in() {
                    tracing::error!("{error:#}");
                }
            }
            Err(error) => tracing::error!("the app's folder is gone: {error:#}"),
        }
    }

    fn sweep(&self) {
        let (tree, events) = (Arc::clone(&self.tree), self.shared.events.clone());
        let (endpoints, retention) = (self.endpoints(), self.options.retention);
        let request_bytes = self.shared.sandbox.limits().request_bytes;
        tokio::task::spawn_blocking(move || {
            let now = now().wall;
            let n_deleted = endpoints
                .iter()
                .map(|endpoint| tree.sweep_endpoint(endpoint, &retention, now, request_bytes))
                .sum();
            send(&events, Event::Swept(n_deleted));
        });
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        self.shared.app.router().endpoints().cloned().collect()
    }
}

/// Waits for hints; for ever where nothing is watched.
async fn hints(watcher: Option<&Watcher>) -> Hints {
    match watcher {
        Some(watcher) => watcher.hints().await,
        None => std::future::pending().await,
    }
}

async fn wake_up(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Sends an event to the loop. Once the loop has ended nobody wants it.
fn send(events: &mpsc::UnboundedSender<Event>, event: Event) {
    if events.send(event).is_err() {
        tracing::debug!("an event came after the end");
    }
}

/// Reads the clocks: here, and nowhere in what decides.
fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::from_system_time(SystemTime::now()),
    }
}
