//! Serves all apps that are installed, in one process.
//!
//! The records of what is installed decide what runs. The supervisor reads them every few
//! seconds, when something in their folder changes, and on SIGHUP. Each app has a task
//! (`app_task`) that learns which release is desired and serves it, so a fault of one app does
//! not affect the others.

mod app_task;
mod change_hint;
mod desired_release;
mod live_settings;
mod status;
mod updates;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use syft_manifest::clock::now;
use syft_package::trust::TrustStore;
use syft_protocol::address::AppName;
use syft_system::service_manager::{self, ServiceState};
use syft_system::signals::ReloadSignal;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time;

use crate::activity::Activity;
use crate::config::Config;
use crate::error::CommandError;
use crate::installed::{Components, InstalledRecords, InstalledRelease};
use crate::prepared_app::AppInterface;
use crate::workers_link::WorkersLink;
use syft_server::server::ServeOptions;
use syft_server::shutdown::{Shutdown, Stop};

use app_task::{AppTask, AppTaskContext};
pub(crate) use change_hint::ChangeHint;
use desired_release::{DesiredRelease, RecordsStamp, read_changed};
pub use live_settings::{LiveSettings, ReadSettings};
use status::StatusFile;
pub use status::{AppStatus, AppTrouble, HostStatus};
pub use updates::follow_authors;

// Why: docs/decisions/48-records-are-compared-with-what-runs.md
/// How often the records are looked at where nothing hints at a change.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The time after which the host is ready even if some apps were not tried yet: one that is
/// compiled for long keeps no service manager waiting.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Files that were changed so shortly before they were looked at may be changed again, and
/// show the same time.
const SETTLED: Duration = Duration::from_secs(1);

/// How all apps are served together.
pub struct SupervisorOptions {
    /// Who takes note of what the apps do.
    pub activity: Activity,
    /// How each of them is served.
    pub serve: ServeOptions,
    /// What gives calls to other machines, if there may be any.
    pub workers: Option<WorkersLink>,
    /// Files that may be open at a time.
    pub open_files: u64,
    /// Programs that stay loaded while they are not used.
    pub most_loaded: usize,
    /// Time for calls in progress once the host is to stop. An app that is replaced has as long
    /// as its calls may take.
    pub stop_within: Option<Duration>,
    /// What the owner says of apps, and may say anew while they are served.
    pub settings: LiveSettings,
}

/// What happened.
#[derive(Debug)]
pub enum SupervisorEvent {
    /// All apps that are installed were tried, or time is up, and so many are served.
    Ready {
        /// Those that are served.
        n_serving: usize,
        /// Those that are not.
        n_failed: usize,
    },
    /// An app is served.
    Started(AppName, ServedApp),
    /// An app is served as another release, or with other rights, than before.
    Replaced(AppName, ServedApp),
    /// An app is no longer installed, and no longer served.
    Stopped(AppName),
    /// What is installed of an app cannot be served. The release before it may be served still.
    Failed(AppName, AppTrouble),
}

/// An app that is served.
#[derive(Debug, Clone)]
pub struct ServedApp {
    /// Which release.
    pub release: InstalledRelease,
    /// What it is there for.
    pub interface: AppInterface,
    /// Where its requests lie.
    pub path: PathBuf,
}

/// A report of a task.
struct AppReport {
    name: AppName,
    /// How the app is now; nothing, if it is not installed.
    status: Option<AppStatus>,
    event: Option<SupervisorEvent>,
}

/// What there is for each app.
struct AppHandle {
    desired: watch::Sender<Option<DesiredRelease>>,
    task: JoinHandle<()>,
}

/// What the last look saw of the records and of what is trusted: as long as it is the same,
/// there is nothing to read.
struct SeenRecords {
    stamp: RecordsStamp,
    since: Instant,
    /// It was the same for a while, and read since.
    is_settled: bool,
}

/// What all of them have in common.
pub struct Supervisor {
    records: InstalledRecords,
    trust: Arc<TrustStore>,
    seen: Option<SeenRecords>,
    context: Arc<AppTaskContext>,
    /// Time for all calls in progress once the host is to stop.
    stop_within: Option<Duration>,
    apps: HashMap<AppName, AppHandle>,
    /// Apps of the first look that are not tried yet; nothing before it.
    untried: Option<HashSet<AppName>>,
    /// How many apps are served and how many are not, as last reported.
    reported: Option<(usize, usize)>,
    status: HostStatus,
    status_file: StatusFile,
    /// What was logged about the folder, so that it is logged once.
    trouble: Option<String>,
    reports: mpsc::UnboundedReceiver<AppReport>,
    reporter: mpsc::UnboundedSender<AppReport>,
    /// For the tasks.
    stop: Stop,
    shutdown: Shutdown,
}

impl Supervisor {
    /// Makes sure that no other host serves what is installed for this owner.
    ///
    /// # Errors
    /// Another host does, or the host's own folders are not in order.
    pub fn new(config: Config, options: SupervisorOptions) -> Result<Self, CommandError> {
        let status_file = StatusFile::lock(&config.serving)?;
        let records = InstalledRecords::open(&config.installed)?;
        let components = Components::open(&config.components)?;
        let trust = Arc::new(TrustStore::open(&config.trust)?);
        let stop_within = options.stop_within.or(config.stop_within);
        let (reporter, reports) = mpsc::unbounded_channel();
        let (stop, shutdown) = Shutdown::new();
        Ok(Self {
            records,
            seen: None,
            context: Arc::new(AppTaskContext::new(
                config,
                options,
                components,
                Arc::clone(&trust),
            )),
            trust,
            stop_within,
            apps: HashMap::new(),
            untried: None,
            reported: None,
            status: HostStatus::default(),
            status_file,
            trouble: None,
            reports,
            reporter,
            stop,
            shutdown,
        })
    }

    /// Serves until it has to stop; then calls in progress are finished.
    ///
    /// # Errors
    /// Signals cannot be listened for.
    pub async fn run(
        mut self,
        mut shutdown: Shutdown,
        mut report: impl FnMut(&SupervisorEvent),
    ) -> Result<(), CommandError> {
        let mut reload = ReloadSignal::listen()?;
        let hint = ChangeHint::new(self.records.folder())
            .inspect_err(|error| tracing::warn!("not watching, only looking: {error:#}"))
            .ok();
        let mut looks = time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut ready = pin!(time::sleep(READY_WITHIN));
        loop {
            tokio::select! {
                () = shutdown.requested() => break,
                _ = looks.tick() => self.look(&mut report).await,
                () = changed(hint.as_ref()) => self.look(&mut report).await,
                () = reload.next() => self.reload(&mut report).await,
                Some(first) = self.reports.recv() => self.take_all(first, &mut report),
                () = &mut ready, if self.reported.is_none() => {
                    self.untried = Some(HashSet::new());
                    self.settle(&mut report);
                }
            }
        }
        self.finish(shutdown).await;
        Ok(())
    }

    async fn finish(mut self, mut shutdown: Shutdown) {
        service_manager::tell(ServiceState::Stopping);
        self.stop.stop();
        let tasks: Vec<_> = self.apps.drain().map(|(_, handle)| handle.task).collect();
        let mut end = pin!(async {
            for task in tasks {
                if let Err(error) = task.await {
                    tracing::error!("the task of an app has ended before: {error}");
                }
            }
        });
        let has_ended = tokio::select! {
            () = &mut end => true,
            () = shutdown.insisted() => false,
            () = sleep(self.stop_within) => false,
        };
        if !has_ended {
            // Each server ends now, and its journal says which calls it gave up.
            self.stop.stop();
            end.await;
        }
        self.status_file.remove();
    }

    /// Looks at the records, and tries again at once what could not be served.
    async fn reload(&mut self, report: &mut impl FnMut(&SupervisorEvent)) {
        tracing::info!("looking at what is installed");
        service_manager::tell(ServiceState::Reloading);
        self.context.reload_settings();
        self.seen = None;
        self.look(report).await;
        for handle in self.apps.values() {
            handle.desired.send_modify(|_| {});
        }
        service_manager::tell(ServiceState::Ready);
    }

    /// Looks at all records, and passes the desired release to each task.
    async fn look(&mut self, report: &mut impl FnMut(&SupervisorEvent)) {
        let (records, trust) = (self.records.clone(), Arc::clone(&self.trust));
        let (now, known) = (Instant::now(), self.known());
        let settings = self.context.settings();
        let read = move || read_changed(&records, &trust, known);
        let found = tokio::task::spawn_blocking(read).await;
        let found = match found.context("read the records").flatten() {
            Ok(found) => found,
            Err(error) => return self.take_trouble(&error),
        };
        self.trouble = None;
        let Some((stamp, found)) = found else {
            return;
        };
        self.note_seen(stamp, now);
        let names: HashSet<AppName> = found.keys().cloned().collect();
        self.context.count(names.len());
        self.forget_broken(&names, report);
        let untried = self.untried.get_or_insert_with(|| names.clone());
        untried.retain(|name| names.contains(name));
        for name in self.apps.keys().cloned().collect::<Vec<_>>() {
            if !names.contains(&name) {
                self.want(&name, None);
            }
        }
        for (name, record) in found {
            match record {
                Ok(mut desired) => {
                    self.heal(&name);
                    desired.rules = settings.rules_of(&name);
                    self.want(&name, Some(desired));
                }
                Err(error) => self.take_broken(name, &error, report),
            }
        }
        self.settle(report);
    }

    /// Returns the stamp of what need not be read again.
    fn known(&self) -> Option<RecordsStamp> {
        // A task that a fault of ours ended has to be replaced.
        let is_complete = !self.apps.values().any(|app| app.task.is_finished());
        let seen = self.seen.as_ref();
        let seen = seen.filter(|seen| seen.is_settled && is_complete);
        seen.map(|seen| seen.stamp)
    }

    fn note_seen(&mut self, stamp: RecordsStamp, now: Instant) {
        match &mut self.seen {
            Some(seen) if seen.stamp == stamp => {
                seen.is_settled = now.duration_since(seen.since) >= SETTLED;
            }
            seen => {
                *seen = Some(SeenRecords {
                    stamp,
                    since: now,
                    is_settled: false,
                });
            }
        }
    }

    /// The folder itself cannot be read: apps that are served stay so.
    fn take_trouble(&mut self, error: &anyhow::Error) {
        let error = format!("{error:#}");
        if self.trouble.as_ref() != Some(&error) {
            tracing::error!("cannot tell what is installed: {error}");
            self.trouble = Some(error);
        }
    }

    /// A record cannot be read: if the app is served, it stays as it was.
    fn take_broken(
        &mut self,
        name: AppName,
        error: &CommandError,
        report: &mut impl FnMut(&SupervisorEvent),
    ) {
        if let Some(untried) = &mut self.untried {
            untried.remove(&name);
        }
        let trouble = AppTrouble {
            sha256: None,
            error: error.to_string(),
            hints: error.hints().to_vec(),
        };
        let known = self.status.apps.entry(name.to_string());
        let known = known.or_default();
        if known.trouble.as_ref() == Some(&trouble) {
            return;
        }
        (known.trouble, known.since) = (Some(trouble.clone()), now().micros());
        tracing::error!(app = %name, "{}", trouble.error);
        self.status_file.write(&self.status);
        report(&SupervisorEvent::Failed(name, trouble));
    }

    /// The record can be read again.
    fn heal(&mut self, name: &AppName) {
        let known = self.status.apps.get_mut(name.as_str());
        if let Some(known) = known
            && known
                .trouble
                .as_ref()
                .is_some_and(|trouble| trouble.sha256.is_none())
        {
            known.trouble = None;
            self.status_file.write(&self.status);
        }
    }

    /// Reports that a record is gone that could not be read, since no task does.
    fn forget_broken(
        &mut self,
        names: &HashSet<AppName>,
        report: &mut impl FnMut(&SupervisorEvent),
    ) {
        let is_broken = |status: &AppStatus| {
            let trouble = status.trouble.as_ref();
            status.serving.is_none() && trouble.is_some_and(|trouble| trouble.sha256.is_none())
        };
        let broken = self
            .status
            .apps
            .iter()
            .filter(|(_, status)| is_broken(status));
        let broken: Vec<_> = broken.flat_map(|(name, _)| AppName::parse(name)).collect();
        for name in broken.into_iter().filter(|name| !names.contains(name)) {
            self.status.apps.remove(name.as_str());
            self.status_file.write(&self.status);
            report(&SupervisorEvent::Stopped(name));
        }
    }

    fn want(&mut self, name: &AppName, desired: Option<DesiredRelease>) {
        let handle = self.apps.get(name).filter(|app| !app.task.is_finished());
        if let Some(handle) = handle {
            handle.desired.send_if_modified(|known| {
                let is_new = *known != desired;
                *known = desired;
                is_new
            });
            return;
        }
        let (desired, receiver) = watch::channel(desired);
        let (context, reporter) = (Arc::clone(&self.context), self.reporter.clone());
        let task = AppTask::new(name, context, receiver, self.shutdown.clone(), reporter);
        let task = tokio::spawn(task.run());
        self.apps.insert(name.clone(), AppHandle { desired, task });
    }

    /// Takes the reports of tasks. The status is written before an event is reported, so whoever
    /// reacts to the event finds it there.
    fn take_all(&mut self, first: AppReport, report: &mut impl FnMut(&SupervisorEvent)) {
        let mut events = Vec::new();
        events.extend(self.take(first));
        while let Ok(report) = self.reports.try_recv() {
            events.extend(self.take(report));
        }
        self.status_file.write(&self.status);
        events.iter().for_each(&mut *report);
        self.settle(report);
    }

    fn take(&mut self, report: AppReport) -> Option<SupervisorEvent> {
        if let Some(untried) = &mut self.untried {
            untried.remove(&report.name);
        }
        let name = report.name.to_string();
        match report.status {
            Some(status) => self.status.apps.insert(name, status),
            None => self.status.apps.remove(&name),
        };
        report.event
    }

    /// Reports how many apps are served, once all were tried.
    fn settle(&mut self, report: &mut impl FnMut(&SupervisorEvent)) {
        if self.untried.as_ref().is_none_or(|names| !names.is_empty()) {
            return;
        }
        let (n_serving, n_failed) = self.status.counts();
        let before = self.reported.replace((n_serving, n_failed));
        if before != self.reported {
            let words = format!("{n_serving} apps are served, {n_failed} cannot be");
            service_manager::tell(ServiceState::Says(&words));
        }
        if before.is_none() {
            report(&SupervisorEvent::Ready {
                n_serving,
                n_failed,
            });
            service_manager::tell(ServiceState::Ready);
        }
    }
}

async fn changed(hint: Option<&ChangeHint>) {
    match hint {
        Some(hint) => hint.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits for a time, or for ever without one.
async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => time::sleep(time).await,
        None => std::future::pending().await,
    }
}
