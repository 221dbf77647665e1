//! Serves all apps that are installed, in one process.
//!
//! The records of what is installed are the truth. They are looked at every few seconds, when
//! something in their folder changes, and on SIGHUP; each app has a keeper (`keeper`) that is
//! told which release is wanted and sees to it. So nothing that goes wrong with one app is in
//! the way of another.

mod keeper;
mod nudge;
mod status;
mod systemd;
mod updates;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use syft_protocol::address::{AppName, Datasite};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time;

use crate::clock::now;
use crate::config::Config;
use crate::error::CommandError;
use crate::installed::{Components, InstalledError, Records, Release};
use crate::launch::{Manner, Serves};
use crate::server::{Shutdown, Stop};
use crate::trust::{By, TrustStore};

use keeper::{Keeper, Shared};
use nudge::Nudge;
use status::StatusFile;
pub use status::{AppStatus, Status, Trouble};
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

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// All apps that are installed were tried, or time is up, and so many are served.
    Ready {
        /// Those that are served.
        n_serving: usize,
        /// Those that are not.
        n_failed: usize,
    },
    /// An app is served.
    Started(AppName, Served),
    /// An app is served as another release, or with other rights, than before.
    Replaced(AppName, Served),
    /// An app is no longer installed, and no longer served.
    Stopped(AppName),
    /// What is installed of an app cannot be served. The release before it may be served still.
    Failed(AppName, Trouble),
}

/// An app that is served.
#[derive(Debug, Clone)]
pub struct Served {
    /// Which release.
    pub release: Release,
    /// What it is there for.
    pub serves: Serves,
    /// Where its requests lie.
    pub path: PathBuf,
}

/// What is to be served of an app.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    author: Datasite,
    release: Release,
    /// It was revoked, and is not to be served.
    revoked: Option<By>,
    /// Changes with what is trusted: what is served still may be another release.
    trust: [u64; 2],
}

/// What a keeper tells.
struct Report {
    name: AppName,
    /// How the app is now; nothing, if it is not installed.
    status: Option<AppStatus>,
    event: Option<Event>,
}

/// What there is for each app.
struct Kept {
    wanted: watch::Sender<Option<Wanted>>,
    task: JoinHandle<()>,
}

/// What the last look saw of the records and of what is trusted: as long as it is the same,
/// there is nothing to read.
struct Seen {
    stamp: Stamp,
    since: Instant,
    /// It was the same for a while, and read since.
    is_settled: bool,
}

type Stamp = [u64; 3];

/// What all of them have in common.
pub struct Supervisor {
    records: Records,
    trust: Arc<TrustStore>,
    seen: Option<Seen>,
    shared: Arc<Shared>,
    stop_within: Option<Duration>,
    kept: HashMap<AppName, Kept>,
    /// Apps of the first look that are not tried yet; nothing before it.
    untried: Option<HashSet<AppName>>,
    /// How many apps are served and how many are not, as it was told; nothing before that.
    told: Option<(usize, usize)>,
    status: Status,
    status_file: StatusFile,
    /// What was told of the folder, so that it is told once.
    trouble: Option<String>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
    /// For the keepers.
    stop: Stop,
    shutdown: Shutdown,
}

impl Supervisor {
    /// Makes sure that nobody else serves what is installed for this owner.
    ///
    /// # Errors
    /// Somebody does, or the host's own folders are not in order.
    pub fn new(
        mut config: Config,
        manner: Manner,
        open_files: u64,
        most_loaded: usize,
        stop_within: Option<Duration>,
    ) -> Result<Self, CommandError> {
        let status_file = StatusFile::lock(&config.serving)?;
        let records = Records::open(&config.installed)?;
        let components = Components::open(&config.components)?;
        let trust = Arc::new(TrustStore::open(&config.trust)?);
        // An app that is replaced has the time of its calls to end them.
        let stop_within = stop_within.or(config.stop_within.take());
        let (reporter, reports) = mpsc::unbounded_channel();
        let (stop, shutdown) = Shutdown::new();
        Ok(Self {
            records,
            seen: None,
            shared: Arc::new(Shared::new(
                config,
                manner,
                components,
                Arc::clone(&trust),
                open_files,
                most_loaded,
            )),
            trust,
            stop_within,
            kept: HashMap::new(),
            untried: None,
            told: None,
            status: Status::default(),
            status_file,
            trouble: None,
            reports,
            reporter,
            stop,
            shutdown,
        })
    }

    /// Serves until it is told to stop; then calls in progress are finished.
    ///
    /// # Errors
    /// Signals cannot be listened for.
    pub async fn run(
        mut self,
        mut shutdown: Shutdown,
        mut tell: impl FnMut(&Event),
    ) -> Result<(), CommandError> {
        let mut hangup = signal(SignalKind::hangup())?;
        let nudge = Nudge::new(self.records.folder())
            .inspect_err(|error| tracing::warn!("not watching, only looking: {error:#}"))
            .ok();
        let mut looks = time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut ready = pin!(time::sleep(READY_WITHIN));
        loop {
            tokio::select! {
                () = shutdown.requested() => break,
                _ = looks.tick() => self.look(&mut tell).await,
                () = nudged(nudge.as_ref()) => self.look(&mut tell).await,
                _ = hangup.recv() => self.reload(&mut tell).await,
                Some(report) = self.reports.recv() => self.take_all(report, &mut tell),
                () = &mut ready, if self.told.is_none() => {
                    self.untried = Some(HashSet::new());
                    self.settle(&mut tell);
                }
            }
        }
        self.finish(shutdown).await;
        Ok(())
    }

    async fn finish(mut self, mut shutdown: Shutdown) {
        systemd::stopping();
        self.stop.stop();
        let tasks: Vec<_> = self.kept.drain().map(|(_, kept)| kept.task).collect();
        let mut end = pin!(async {
            for task in tasks {
                if let Err(error) = task.await {
                    tracing::error!("the keeper of an app has ended before: {error}");
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
    async fn reload(&mut self, tell: &mut impl FnMut(&Event)) {
        tracing::info!("looking at what is installed");
        systemd::reloading();
        self.seen = None;
        self.look(tell).await;
        for kept in self.kept.values() {
            kept.wanted.send_modify(|_| {});
        }
        systemd::ready();
    }

    /// Looks at all records, and has each keeper know which release is wanted.
    async fn look(&mut self, tell: &mut impl FnMut(&Event)) {
        let (records, trust) = (self.records.clone(), Arc::clone(&self.trust));
        let (now, known) = (Instant::now(), self.known());
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
        self.shared.count(names.len());
        self.forget_broken(&names, tell);
        let untried = self.untried.get_or_insert_with(|| names.clone());
        untried.retain(|name| names.contains(name));
        for name in self.kept.keys().cloned().collect::<Vec<_>>() {
            if !names.contains(&name) {
                self.want(&name, None);
            }
        }
        for (name, record) in found {
            match record {
                Ok(wanted) => {
                    self.heal(&name);
                    self.want(&name, Some(wanted));
                }
                Err(error) => self.take_broken(name, &error, tell),
            }
        }
        self.settle(tell);
    }

    /// Returns the stamp of what need not be read again.
    fn known(&self) -> Option<Stamp> {
        // The keeper of an app is to be replaced where it has ended by a fault of ours.
        let is_complete = !self.kept.values().any(|it| it.task.is_finished());
        let seen = self.seen.as_ref();
        let seen = seen.filter(|it| it.is_settled && is_complete);
        seen.map(|it| it.stamp)
    }

    fn note_seen(&mut self, stamp: Stamp, now: Instant) {
        match &mut self.seen {
            Some(seen) if seen.stamp == stamp => {
                seen.is_settled = now.duration_since(seen.since) >= SETTLED;
            }
            seen => {
                *seen = Some(Seen {
                    stamp,
                    since: now,
                    is_settled: false,
                });
            }
        }
    }

    /// The folder itself cannot be read: what is served is served on.
    fn take_trouble(&mut self, error: &anyhow::Error) {
        let error = format!("{error:#}");
        if self.trouble.as_ref() != Some(&error) {
            tracing::error!("cannot tell what is installed: {error}");
            self.trouble = Some(error);
        }
    }

    /// A record cannot be read: if the app is served, it is served on as it was.
    fn take_broken(&mut self, name: AppName, error: &CommandError, tell: &mut impl FnMut(&Event)) {
        if let Some(untried) = &mut self.untried {
            untried.remove(&name);
        }
        let trouble = Trouble {
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
        tell(&Event::Failed(name, trouble));
    }

    /// The record can be read again.
    fn heal(&mut self, name: &AppName) {
        let known = self.status.apps.get_mut(name.as_str());
        if let Some(known) = known
            && known.trouble.as_ref().is_some_and(|it| it.sha256.is_none())
        {
            known.trouble = None;
            self.status_file.write(&self.status);
        }
    }

    /// A record that could not be read is gone, and no keeper tells of it.
    fn forget_broken(&mut self, names: &HashSet<AppName>, tell: &mut impl FnMut(&Event)) {
        let is_broken = |it: &AppStatus| {
            let trouble = it.trouble.as_ref();
            it.serving.is_none() && trouble.is_some_and(|it| it.sha256.is_none())
        };
        let broken = self.status.apps.iter().filter(|(_, it)| is_broken(it));
        let broken: Vec<_> = broken.flat_map(|(name, _)| AppName::parse(name)).collect();
        for name in broken.into_iter().filter(|it| !names.contains(it)) {
            self.status.apps.remove(name.as_str());
            self.status_file.write(&self.status);
            tell(&Event::Stopped(name));
        }
    }

    fn want(&mut self, name: &AppName, wanted: Option<Wanted>) {
        let kept = self.kept.get(name).filter(|it| !it.task.is_finished());
        if let Some(kept) = kept {
            kept.wanted.send_if_modified(|known| {
                let is_new = *known != wanted;
                *known = wanted;
                is_new
            });
            return;
        }
        let (wanted, receiver) = watch::channel(wanted);
        let (shared, reporter) = (Arc::clone(&self.shared), self.reporter.clone());
        let keeper = Keeper::new(name, shared, receiver, self.shutdown.clone(), reporter);
        let task = tokio::spawn(keeper.keep());
        self.kept.insert(name.clone(), Kept { wanted, task });
    }

    /// Takes what keepers tell. Who is told of an event finds the status to be so.
    fn take_all(&mut self, first: Report, tell: &mut impl FnMut(&Event)) {
        let mut events = Vec::new();
        events.extend(self.take(first));
        while let Ok(report) = self.reports.try_recv() {
            events.extend(self.take(report));
        }
        self.status_file.write(&self.status);
        events.iter().for_each(&mut *tell);
        self.settle(tell);
    }

    fn take(&mut self, report: Report) -> Option<Event> {
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

    /// Tells how it is, once all apps were tried.
    fn settle(&mut self, tell: &mut impl FnMut(&Event)) {
        if self.untried.as_ref().is_none_or(|it| !it.is_empty()) {
            return;
        }
        let (n_serving, n_failed) = self.status.counts();
        let told = self.told.replace((n_serving, n_failed));
        if told != self.told {
            systemd::status(n_serving, n_failed);
        }
        if told.is_none() {
            tell(&Event::Ready {
                n_serving,
                n_failed,
            });
            systemd::ready();
        }
    }
}

/// What is wanted of each app, or why that cannot be said.
type Found = HashMap<AppName, Result<Wanted, CommandError>>;

/// Reads all records, unless nothing has changed.
fn read_changed(
    records: &Records,
    trust: &TrustStore,
    known: Option<Stamp>,
) -> anyhow::Result<Option<(Stamp, Found)>> {
    let [of_trust, of_authors] = trust.stamp()?;
    let stamp = [records.stamp()?, of_trust, of_authors];
    if known == Some(stamp) {
        return Ok(None);
    }
    Ok(Some((
        stamp,
        read_all(records, trust, [of_trust, of_authors])?,
    )))
}

/// Reads the record of each app, and whether it may be served.
fn read_all(
    records: &Records,
    trust: &TrustStore,
    stamp: [u64; 2],
) -> Result<Found, InstalledError> {
    let mut found = HashMap::new();
    for name in records.names()? {
        // One that was removed meanwhile is as one that was not there.
        if let Some(wanted) = read_one(records, trust, stamp, &name).transpose() {
            found.insert(name, wanted);
        }
    }
    Ok(found)
}

fn read_one(
    records: &Records,
    trust: &TrustStore,
    stamp: [u64; 2],
    name: &AppName,
) -> Result<Option<Wanted>, CommandError> {
    let record = records.get(name).map_err(|error| {
        CommandError::from(error).hint(format!(
            "remove it with `syft-host remove {name}`, and install it again: what it kept stays"
        ))
    })?;
    let Some(installed) = record else {
        return Ok(None);
    };
    let release = installed.current;
    let revoked = trust.is_revoked(&installed.author, &release.digests())?;
    Ok(Some(Wanted {
        author: installed.author,
        release,
        revoked: revoked.map(|(_, by)| by),
        trust: stamp,
    }))
}

async fn nudged(nudge: Option<&Nudge>) {
    match nudge {
        Some(nudge) => nudge.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits for so long; for ever where that is not said.
async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => time::sleep(time).await,
        None => std::future::pending().await,
    }
}
