//! `syft-host resume`

use clap::Args;
use serde_json::json;
use syft_protocol::address::AppName;

use super::Exit;
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::ui::Ui;
use crate::waiting;

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
    waiting::resume(&config, &name)?;
    ui.json(&json!({"event": "resumed", "name": name.as_str()}))?;
    ui.line(&format!(
        "{name} is served again by the host that serves it."
    ))?;
    Ok(Exit::Success)
}
