//! `syft-host resume`

use clap::Args;
use serde_json::json;
use syft_protocol::address::AppName;

use super::{Exit, consent};
use crate::asking;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::Installer;
use crate::ui::Ui;
use syft_server::suspension;

/// Serve an app again that was suspended
///
/// An app is suspended when the host crashed, or ran out of memory, several times during its
/// calls. Its requests wait until the app is resumed or they expire.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// Name of the app
    app: String,
}

pub(super) fn resume(
    ui: Ui,
    overrides: &Overrides,
    args: &ResumeArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let name = AppName::parse(&args.app)?;
    let folder = config.app_folder(&name);
    let mut was_suspended = folder.is_dir() && suspension::resume(&folder)?;
    let installer = Installer::open(&config).map_err(consent::explain)?;
    // An app that `run` serves has no record.
    for release in installer
        .records()
        .get(&name)?
        .iter()
        .flat_map(|installed| installed.releases())
    {
        was_suspended |= asking::forget(&config.asking(), &release.sha256)?;
    }
    if !was_suspended {
        return Err(CommandError::new(format!("{name} is not suspended"))
            .hint("see how the installed apps are: `syft-host list`"));
    }
    ui.json(&json!({"event": "resumed", "name": name.as_str()}))?;
    ui.line(&format!(
        "{name} is served again by the host that serves it."
    ))?;
    Ok(Exit::Success)
}
