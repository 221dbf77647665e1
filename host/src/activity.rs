//! What apps do, for their owner: logs that are kept, statistics, and a live feed.
//!
//! All of it comes from the events of `tracing` that the other crates make anyway
//! (`layer`). In the thread that makes one it is only counted and put in line; a thread of its
//! own writes the logs and feeds who listens.

mod entry;
mod histogram;
mod layer;
mod line_quota;
mod log_folder;
mod log_reader;
mod log_writer;
mod metrics;
mod recorder;
mod statistics;
mod status_socket;
mod workers;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::{self, JoinHandle};

use syft_manifest::clock::now;
use syft_protocol::address::AppName;
use syft_protocol::timestamp::Timestamp;
use syft_server::server::LoadView;
use tokio::sync::broadcast;

pub use entry::{
    CallEntry, DeliveryEnd, EntryKind, LogEntry, MAX_TEXT_BYTES, ResourceKind, Severity, SpanEntry,
};
pub use histogram::{Latency, PUBLISHED_BOUNDS};
pub use layer::{ActivityFilter, ActivityLayer};
pub use log_folder::{LogBounds, LogFolder, log_files};
pub use log_reader::{LogReader, WantedEntries};
pub use metrics::{METRICS_CONTENT_TYPE, metrics_text};
pub use statistics::{AppLoad, AppStatistics, CallStatistics, EndpointStatistics, LastError};
pub use status_socket::{HostActivity, StatusSocket};
pub use workers::{WorkerStatistics, WorkersStatistics};

use line_quota::LineQuota;
use log_writer::LogWriter;
use recorder::{Line, left_out};
use statistics::{AppCounters, Statistics};

/// Entries that are kept in memory for who begins to look.
const N_RECENT: usize = 1_000;

/// Entries that a listener may be behind; beyond that it misses the oldest.
const N_FEED: usize = 4_096;

/// What the apps of this process do. It is cheap to clone.
#[derive(Clone)]
pub struct Activity(Arc<Shared>);

struct Shared {
    since: Timestamp,
    line: Line,
    /// What is kept of entries about the host.
    host_quota: LineQuota,
    statistics: Statistics,
    served: Mutex<BTreeMap<String, Served>>,
    /// Whose lines are that name no app.
    only_app: OnceLock<String>,
    /// What says how the workers are, where there may be any.
    workers: OnceLock<WorkersView>,
    feed: broadcast::Sender<Arc<LogEntry>>,
    recent: Mutex<VecDeque<Arc<LogEntry>>>,
    recorder: Mutex<Option<JoinHandle<()>>>,
}

/// What says how the workers are.
type WorkersView = Box<dyn Fn() -> WorkersStatistics + Send + Sync>;

/// An app that is served.
struct Served {
    version: Option<String>,
    load: LoadView,
}

impl fmt::Debug for Activity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Activity").finish_non_exhaustive()
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}

impl Activity {
    /// Returns one that knows of nothing yet.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            since: now(),
            line: Line::default(),
            host_quota: LineQuota::default(),
            statistics: Statistics::default(),
            served: Mutex::default(),
            only_app: OnceLock::new(),
            workers: OnceLock::new(),
            feed: broadcast::Sender::new(N_FEED),
            recent: Mutex::default(),
            recorder: Mutex::default(),
        }))
    }

    /// Returns what has to be among the layers of `tracing`, and its filter.
    pub fn layer(&self) -> (ActivityLayer, ActivityFilter) {
        (ActivityLayer(self.clone()), ActivityFilter(self.clone()))
    }

    /// Takes all lines that name no app as those of this one.
    pub fn only_app(&self, app: &AppName) {
        // It is said once.
        self.0.only_app.get_or_init(|| app.to_string());
    }

    /// Begins to keep logs, to fill the feed, and to remember what was last.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(&self, folder: LogFolder, bounds: LogBounds) -> std::io::Result<()> {
        let (activity, mut writer) = (self.clone(), LogWriter::new(folder, bounds));
        let work = move || {
            activity.0.line.work(|batch| {
                writer.write(batch.iter().map(|entry| &**entry));
                activity.publish(batch);
            });
        };
        let thread = thread::Builder::new().name("activity".to_owned());
        *locked(&self.0.recorder) = Some(thread.spawn(work)?);
        Ok(())
    }

    /// Keeps what is in line, and nothing after that.
    pub fn finish(&self) {
        self.0.line.close();
        let recorder = locked(&self.0.recorder).take();
        if let Some(recorder) = recorder
            && recorder.join().is_err()
        {
            tracing::error!("the thread that keeps logs has panicked");
        }
    }

    /// Takes note that an app is served.
    pub fn serving(&self, app: &AppName, version: Option<String>, load: LoadView) {
        // Nothing was counted of it yet.
        self.counters(app.as_str());
        let served = Served { version, load };
        locked(&self.0.served).insert(app.to_string(), served);
    }

    /// Takes note that calls may run on workers, and of what says how these are.
    pub fn on_workers(&self, view: impl Fn() -> WorkersStatistics + Send + Sync + 'static) {
        // It is said once.
        self.0.workers.get_or_init(|| Box::new(view));
    }

    /// Returns how the workers are; `None` where all calls run here.
    pub fn workers(&self) -> Option<WorkersStatistics> {
        self.0.workers.get().map(|view| view())
    }

    /// Returns all that happens from now on. While anybody listens, there are
    /// [`EntryKind::Touched`] among it.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<LogEntry>> {
        self.0.feed.subscribe()
    }

    /// Returns the last entries, the oldest first: at most so many, and at most 1,000.
    pub fn recent(&self, most: usize) -> Vec<Arc<LogEntry>> {
        let recent = locked(&self.0.recent);
        let n_before = recent.len().saturating_sub(most);
        recent.iter().skip(n_before).cloned().collect()
    }

    /// Returns what was counted of each app that is or was served, by name.
    pub fn statistics(&self) -> Vec<AppStatistics> {
        let mut all = self.0.statistics.all();
        let served = locked(&self.0.served);
        for app in &mut all {
            let Some(served) = served.get(&app.app) else {
                continue;
            };
            app.load = served.load.load().map(|load| AppLoad {
                in_progress: load.n_in_progress,
                most_in_progress: load.most_in_progress,
                waiting: load.n_waiting,
                parked: load.n_parked,
                messages: load.n_messages,
            });
            app.version = served.version.clone();
        }
        all
    }

    /// Returns what this host says of its apps.
    pub fn host(&self) -> HostActivity {
        HostActivity {
            pid: std::process::id(),
            since: self.0.since.micros(),
            workers: self.workers(),
            apps: self.statistics(),
        }
    }

    /// Returns the counters of an app.
    fn counters(&self, app: &str) -> Arc<AppCounters> {
        self.0.statistics.app(app)
    }

    /// Tells whether anybody listens.
    fn is_watched(&self) -> bool {
        self.0.feed.receiver_count() > 0
    }

    /// Counts an entry, and puts it in line unless there are too many.
    fn take(&self, mut entry: LogEntry) {
        if entry.app.is_none() {
            entry.app = self.0.only_app.get().cloned();
        }
        let app = entry.app.as_deref().map(|app| self.counters(app));
        if let Some(app) = &app {
            app.count(&entry);
        }
        let quota = app.as_ref().map_or(&self.0.host_quota, |app| &app.quota);
        let admitted = quota.admit(&entry);
        if admitted.n_left_out > 0 {
            let left_out = left_out(entry.app.clone(), admitted.n_left_out);
            self.0.line.push(left_out);
        }
        if admitted.is_kept {
            self.0.line.push(entry);
        }
    }

    fn publish(&self, batch: Vec<Arc<LogEntry>>) {
        let mut recent = locked(&self.0.recent);
        for entry in batch {
            if !matches!(entry.kind, EntryKind::Span(_)) {
                if recent.len() == N_RECENT {
                    recent.pop_front();
                }
                recent.push_back(Arc::clone(&entry));
            }
            // That nobody listens is usual.
            self.0.feed.send(entry).ok();
        }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().expect("no holder of this lock panics")
}
