//! `syft-host rollback`

use clap::Args;
use syft_protocol::address::AppName;

use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::Installer;
use crate::ui::Ui;

/// Go back to the release that was served before
///
/// It gets what was approved for it, less what was denied since, and what the app keeps stays as the newer release left it.
/// `syft-host update` does not take that one again. Going back once more is going forward.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// Name of the app
    app: String,
}

pub(super) fn rollback(
    ui: Ui,
    overrides: &Overrides,
    args: &RollbackArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let installer = Installer::open(&config).map_err(consent::explain)?;
    let installed = installer
        .installed(&AppName::parse(&args.app)?)
        .and_then(|installed| installer.rollback(&installed))
        .map_err(consent::explain)?;
    ui.json(&consent::to_json("rolled-back", &installed))?;
    let (name, current) = (&installed.name, &installed.current);
    let (version, sequence) = (&current.version, current.sequence);
    ui.line(&format!(
        "{name} is at {version} (release {sequence}) again."
    ))?;
    Ok(Exit::Success)
}
