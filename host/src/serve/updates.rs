//! Looks at the authors of what is installed, from time to time: for what they revoke, and for
//! newer releases where the owner wants that.

use std::collections::HashSet;
use std::time::Duration;

use syft_protocol::address::AppName;
use tokio::runtime::Handle;
use tokio::time::{self, Interval, MissedTickBehavior};

use crate::config::Config;
use crate::install::{InstallError, Installer, Update};
use crate::server::Shutdown;

/// How often catalogs are looked at for what they revoke.
const HEED_EVERY: Duration = Duration::from_secs(10 * 60);

/// Heeds what authors revoke, and takes newer releases so often, until it is told to stop. Whoever
/// serves sees it by the records and by what is trusted.
pub async fn follow_authors(
    config: Config,
    update_every: Option<Duration>,
    mut shutdown: Shutdown,
) {
    let mut heeds = interval(HEED_EVERY);
    let mut updates = update_every.map(interval);
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            _ = heeds.tick() => aside(&config, Work::Heed).await,
            () = tick(updates.as_mut()) => aside(&config, Work::Update).await,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Work {
    Heed,
    Update,
}

fn interval(every: Duration) -> Interval {
    let mut interval = time::interval(every);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits for the next time; for ever where there is none.
async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

/// Works where it may wait for files and locks.
async fn aside(config: &Config, work: Work) {
    let (config, runtime) = (config.clone(), Handle::current());
    let done = tokio::task::spawn_blocking(move || {
        let installer = Installer::open(&config)?;
        match work {
            Work::Heed => heed_all(&installer),
            Work::Update => runtime.block_on(update_all(&installer)),
        }
    });
    match done.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("the authors of apps are not looked at: {error}"),
        Err(error) => tracing::error!("the authors of apps are not looked at: {error}"),
    }
}

fn heed_all(installer: &Installer<'_>) -> Result<(), InstallError> {
    let mut authors = HashSet::new();
    for name in installer.records().names()? {
        // Whoever serves says what is wrong with a record.
        let installed = installer.records().get(&name).ok().flatten();
        authors.extend(installed.map(|it| it.author));
    }
    for author in authors {
        if let Err(error) = installer.heed(&author) {
            tracing::warn!(%author, "the catalog is not heeded: {error}");
        }
    }
    Ok(())
}

async fn update_all(installer: &Installer<'_>) -> Result<(), InstallError> {
    for name in installer.records().names()? {
        match update(installer, &name).await {
            Ok(Update::None | Update::Skipped) => {}
            Ok(Update::Taken(installed)) => {
                let version = &installed.current.version;
                tracing::info!(app = %name, %version, "updated");
            }
            Ok(Update::Waits(_, growth)) => {
                let wants = growth.join("; ");
                tracing::warn!(app = %name, wants, "a release waits: `syft-host approve {name}`");
            }
            Err(error) => tracing::warn!(app = %name, "not updated: {error}"),
        }
    }
    Ok(())
}

async fn update(installer: &Installer<'_>, name: &AppName) -> Result<Update, InstallError> {
    let installed = installer.installed(name)?;
    installer.update(&installed, false).await
}
