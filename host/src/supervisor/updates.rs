//! Looks at the authors of what is installed, from time to time: for what they revoke, and for
//! newer releases where the owner wants that.
//!
//! Each author is looked at by a task of their own, one for what they revoke and one for what
//! is new. So whoever publishes what takes hours, from a registry that never answers, keeps
//! nobody else waiting, nor their own revocations.
//!
//! Why: docs/decisions/51-authors-do-not-wait-for-each-other.md

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use syft_protocol::address::{AppName, Datasite};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{self, Interval, MissedTickBehavior};

use crate::config::Config;
use crate::install::{InstallError, Installer, Update};
use crate::settings::{HostSettings, QuietHours};
use syft_server::shutdown::Shutdown;

/// The longest that one app may take from the first question to the last byte on the disk.
const UPDATE_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Authors whose releases are fetched at one time: each may take the memory of a component.
const AT_A_TIME: usize = 16;

/// How often it is looked whether it is quiet still. The clock may be set, and a machine may sleep.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How often authors are looked at where the owner says nothing.
const HEED_EVERY: Duration = Duration::from_secs(5 * 60);

/// Heeds what authors revoke, and takes newer releases, as often as the owner says, until it is
/// told to stop. Whoever serves sees it by the records and by what is trusted. An update that is
/// due in quiet hours is looked for when they end.
pub async fn follow_authors(
    config: Config,
    mut settings: watch::Receiver<Arc<HostSettings>>,
    mut shutdown: Shutdown,
) {
    let mut plan = Plan::of(&settings.borrow_and_update());
    let mut heeds = interval(plan.heed_every);
    let mut updates = plan.update_every.map(interval);
    let mut is_due = false;
    let mut follower = Follower {
        config: Arc::new(config),
        places: Arc::new(Semaphore::new(AT_A_TIME)),
        tasks: HashMap::new(),
    };
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            _ = heeds.tick() => follower.begin(Work::Heed, &plan).await,
            () = tick(updates.as_mut()) => is_due = true,
            () = time::sleep(LOOK_EVERY), if is_due => {}
            Ok(()) = settings.changed() => {
                let newer = Plan::of(&settings.borrow_and_update());
                if newer.heed_every != plan.heed_every {
                    heeds = interval(newer.heed_every);
                }
                if newer.update_every != plan.update_every {
                    updates = newer.update_every.map(interval);
                    is_due = false;
                }
                plan = newer;
            }
        }
        if is_due && !plan.quiet.is_some_and(|hours| hours.is_now()) {
            is_due = false;
            follower.begin(Work::Update, &plan).await;
        }
    }
}

/// What the owner wants of this.
#[derive(Debug, Clone, Copy)]
struct Plan {
    heed_every: Duration,
    update_every: Option<Duration>,
    quiet: Option<QuietHours>,
}

impl Plan {
    fn of(settings: &HostSettings) -> Self {
        let update_every = settings.time("serve.update-every");
        Self {
            heed_every: settings.time("serve.heed-every").unwrap_or(HEED_EVERY),
            update_every: update_every.filter(|every| !every.is_zero()),
            quiet: settings.quiet_hours(),
        }
    }

    /// Returns the time that an update may take from now on: what has not come before quiet hours
    /// begin comes after them.
    fn update_within(&self) -> Duration {
        let until_quiet = self.quiet.map(|hours| hours.until_begin());
        until_quiet.unwrap_or(UPDATE_WITHIN).min(UPDATE_WITHIN)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Work {
    Heed,
    Update,
}

/// What is looked at.
struct Follower {
    config: Arc<Config>,
    places: Arc<Semaphore>,
    /// What was begun and may not have ended.
    tasks: HashMap<(Work, Datasite), JoinHandle<()>>,
}

impl Follower {
    /// Begins to look at each author, but for those at whom it looks still.
    async fn begin(&mut self, work: Work, plan: &Plan) {
        self.tasks.retain(|_, task| !task.is_finished());
        let config = Arc::clone(&self.config);
        let authors = tokio::task::spawn_blocking(move || authors(&config)).await;
        let authors = match authors {
            Ok(Ok(authors)) => authors,
            Ok(Err(error)) => {
                return tracing::error!("the authors of apps are not looked at: {error}");
            }
            Err(error) => {
                return tracing::error!("the authors of apps are not looked at: {error}");
            }
        };
        for (author, apps) in authors {
            if self.tasks.contains_key(&(work, author.clone())) {
                tracing::debug!(%author, ?work, "still at it");
                continue;
            }
            let (config, places) = (Arc::clone(&self.config), Arc::clone(&self.places));
            let task = match work {
                Work::Heed => tokio::spawn(heed(config, author.clone())),
                Work::Update => tokio::spawn(update_all(config, places, apps, *plan)),
            };
            self.tasks.insert((work, author), task);
        }
    }
}

fn interval(every: Duration) -> Interval {
    let mut interval = time::interval(every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits for the next time, or for ever without one.
async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

/// Returns the authors of what is installed, each with their apps.
fn authors(config: &Config) -> Result<HashMap<Datasite, Vec<AppName>>, InstallError> {
    let installer = Installer::open(config)?;
    let mut authors: HashMap<Datasite, Vec<AppName>> = HashMap::new();
    for name in installer.records().names()? {
        // Whoever serves says what is wrong with a record.
        if let Some(installed) = installer.records().get(&name).ok().flatten() {
            authors.entry(installed.author).or_default().push(name);
        }
    }
    Ok(authors)
}

/// Works where it may wait for files and locks.
async fn aside(work: impl FnOnce() -> Result<(), InstallError> + Send + 'static) {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("the author of an app is not looked at: {error}"),
        Err(error) => tracing::error!("the author of an app is not looked at: {error}"),
    }
}

async fn heed(config: Arc<Config>, author: Datasite) {
    aside(move || {
        if let Err(error) = Installer::open(&config)?.heed(&author) {
            tracing::warn!(%author, "the catalog is not heeded: {error}");
        }
        Ok(())
    })
    .await;
}

/// Updates the apps of an author, one after the other.
async fn update_all(config: Arc<Config>, places: Arc<Semaphore>, apps: Vec<AppName>, plan: Plan) {
    for name in apps {
        if plan.quiet.is_some_and(|hours| hours.is_now()) {
            return;
        }
        let Ok(_place) = places.acquire().await else {
            return;
        };
        let (config, runtime) = (Arc::clone(&config), Handle::current());
        aside(move || {
            let installer = Installer::open(&config)?;
            runtime.block_on(update_one(&installer, &name, plan.update_within()));
            Ok(())
        })
        .await;
    }
}

async fn update_one(installer: &Installer<'_>, name: &AppName, within: Duration) {
    let Ok(updated) = time::timeout(within, update(installer, name)).await else {
        return tracing::warn!(app = %name, "not updated within {within:?}");
    };
    match updated {
        Ok(Update::None | Update::Skipped) => {}
        Ok(Update::Taken(installed)) => {
            let version = &installed.current.version;
            tracing::info!(app = %name, %version, "updated");
        }
        Ok(Update::Waits(_, added_permissions)) => {
            let wants = added_permissions.join("; ");
            tracing::warn!(app = %name, wants, "a release waits: `syft-host approve {name}`");
        }
        Err(error) => tracing::warn!(app = %name, "not updated: {error}"),
    }
}

async fn update(installer: &Installer<'_>, name: &AppName) -> Result<Update, InstallError> {
    let installed = installer.installed(name)?;
    installer.update(&installed, false).await
}
