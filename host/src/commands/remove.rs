//! `syft-host remove`

use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use syft_manifest::Limits;
use syft_protocol::address::AppName;
use tokio::time::{Instant, sleep};

use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::{InstallError, Installer};
use crate::ui::Ui;
use syft_runtime::state::{Damaged, Store, StoreOptions};

/// A host that serves the app lets go of what it kept once its calls have ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// Remove an installed app
///
/// It is served no longer. What it kept between calls, its secrets and its logs stay for the case
/// that it is installed again, and so does its folder in the datasite.
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Name of the app
    app: String,

    /// Delete what it kept between calls too, its secrets and its logs
    #[arg(long)]
    data: bool,
}

pub(super) async fn remove(
    ui: Ui,
    overrides: &Overrides,
    args: &RemoveArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let installer = Installer::open(&config).map_err(consent::explain)?;
    let name = AppName::parse(&args.app)?;
    let folder = config.app_folder(&name);
    let was_installed = installer.remove(&name).map_err(consent::explain)?;
    let logs = config.logs();
    let has_logs = logs.of(Some(&name)).is_dir();
    let has_data = args.data && (folder.is_dir() || has_logs);
    if !was_installed && !has_data {
        return Err(consent::explain(InstallError::NotInstalled(
            name.to_string(),
        )));
    }
    if args.data {
        if folder.is_dir() {
            delete(&folder).await?;
        }
        logs.delete(&name)?;
    }
    ui.json(&json!({"event": "removed", "name": name.as_str(), "data": args.data}))?;
    ui.line(&format!("Removed {name}."))?;
    if !args.data && folder.is_dir() {
        ui.line(&format!(
            "What it kept stays in {}; `syft-host remove {name} --data` deletes it.",
            folder.display()
        ))?;
    }
    if !args.data && has_logs {
        ui.line(&format!("Its logs stay too: `syft-host logs {name}`."))?;
    }
    Ok(Exit::Success)
}

/// Deletes what an app kept, as soon as nobody serves it.
async fn delete(folder: &Path) -> Result<(), CommandError> {
    let deadline = Instant::now() + PATIENCE;
    let (limits, options) = (Limits::default(), StoreOptions::default());
    loop {
        // Held until it is gone, so that nobody begins to serve it meanwhile.
        let _held = match Store::open(folder, &limits, &options) {
            Ok(store) => Some(store),
            Err(error) if error.is::<Damaged>() => None,
            Err(error) if Instant::now() > deadline => {
                return Err(CommandError::from(error).about("its data is not deleted"));
            }
            Err(_) => {
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        return Ok(fs::remove_dir_all(folder)?);
    }
}
