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
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{self, Interval, MissedTickBehavior};

use crate::config::Config;
use crate::install::{InstallError, Installer, Update};
use syft_server::shutdown::Shutdown;

/// The longest that one app may take from the first question to the last byte on the disk.
const UPDATE_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Authors whose releases are fetched at one time: each may take the memory of a component.
const AT_A_TIME: usize = 16;

/// Heeds what authors revoke, and takes newer releases so often, until it is told to stop. Whoever
/// serves sees it by the records and by what is trusted.
pub async fn follow_authors(
    config: Config,
    heed_every: Duration,
    update_every: Option<Duration>,
    mut shutdown: Shutdown,
) {
    let mut heeds = interval(heed_every);
    let mut updates = update_every.map(interval);
    let mut follower = Follower {
        config: Arc::new(config),
        places: Arc::new(Semaphore::new(AT_A_TIME)),
        tasks: HashMap::new(),
    };
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            _ = heeds.tick() => follower.begin(Work::Heed).await,
            () = tick(updates.as_mut()) => follower.begin(Work::Update).await,
        }
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
    async fn begin(&mut self, work: Work) {
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
                Work::Update => tokio::spawn(update_all(config, places, apps)),
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
async fn update_all(config: Arc<Config>, places: Arc<Semaphore>, apps: Vec<AppName>) {
    for name in apps {
        let Ok(_place) = places.acquire().await else {
            return;
        };
        let (config, runtime) = (Arc::clone(&config), Handle::current());
        aside(move || {
            let installer = Installer::open(&config)?;
            runtime.block_on(update_one(&installer, &name));
            Ok(())
        })
        .await;
    }
}

async fn update_one(installer: &Installer<'_>, name: &AppName) {
    let Ok(updated) = time::timeout(UPDATE_WITHIN, update(installer, name)).await else {
        return tracing::warn!(app = %name, "not updated within {UPDATE_WITHIN:?}");
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
