//! Looks for newer releases of what is installed, from time to time.

use std::time::Duration;

use syft_protocol::address::AppName;
use tokio::time::{self, MissedTickBehavior};

use crate::config::Config;
use crate::install::{InstallError, Installer, Update};
use crate::server::Shutdown;

/// Takes newer releases of all that is installed, until it is told to stop. Whoever serves sees
/// it by the records.
pub async fn keep_updated(config: Config, every: Duration, mut shutdown: Shutdown) {
    let mut looks = time::interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.requested() => return,
            _ = looks.tick() => {}
        }
        tokio::select! {
            () = shutdown.requested() => return,
            updated = update_all(&config) => if let Err(error) = updated {
                tracing::error!("not looking for newer releases: {error}");
            }
        }
    }
}

async fn update_all(config: &Config) -> Result<(), InstallError> {
    let installer = Installer::open(config)?;
    for name in installer.records().names()? {
        match update(&installer, &name).await {
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
