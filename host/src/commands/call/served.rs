//! Whether a host of this machine serves an app of the owner's own. Where none does, waiting for an
//! answer says nothing.

use std::path::Path;

use syft_manifest::sanitize::plain;
use syft_protocol::address::AppName;
use syft_server::suspension;

use super::check::GO_ON;
use crate::activity::HostActivity;
use crate::config::Config;
use crate::error::CommandError;
use crate::installed::InstalledRecords;
use crate::prepared_app::explain_suspended;
use crate::supervisor::{AppTrouble, HostStatus};

/// Who answers the requests of an app.
#[derive(Debug, PartialEq)]
pub(super) enum Server {
    /// A host of this machine, now or in a moment.
    Host,
    /// No host has ever had the app here: it may be one of another program, or of another machine.
    Unknown,
}

/// Makes sure that a host serves an app of the owner's own, if it is one of a host here.
///
/// # Errors
/// It is, and none does.
pub(super) fn check_served(config: &Config, app: &AppName) -> Result<Server, CommandError> {
    let folder = config.app_folder(app);
    if let Some(suspended) = suspension::suspended(&folder)? {
        return Err(explain_suspended(&suspended, app).hint(GO_ON));
    }
    if is_answered(&folder, None) || is_answered(&config.serving, Some(app)) {
        return Ok(Server::Host);
    }
    let records = InstalledRecords::open(&config.installed)?;
    let is_installed = records.get(app)?.is_some();
    match HostStatus::read(&config.serving)? {
        Some(host) if is_installed => {
            let status = host.apps.get(app.as_str());
            match status.and_then(|status| status.trouble.as_ref()) {
                Some(trouble) => Err(in_trouble(app, trouble)),
                // It is about to be served.
                None => Ok(Server::Host),
            }
        }
        None if is_installed => Err(not_served(app, "start `syft-host serve`")),
        _ if folder.is_dir() => Err(not_served(
            app,
            "serve it with `syft-host run` and its file or folder",
        )),
        _ => Ok(Server::Unknown),
    }
}

/// Tells whether the host of a folder serves an app, or any if none is named.
fn is_answered(folder: &Path, app: Option<&AppName>) -> bool {
    match HostActivity::ask(folder) {
        Ok(None) => false,
        Ok(Some(host)) => app.is_none_or(|app| {
            let mut served = host.apps.iter().filter(|one| one.load.is_some());
            served.any(|one| one.app == app.as_str())
        }),
        // One of another version says nothing of what it serves.
        Err(error) => {
            tracing::debug!("a host does not say what it serves: {error}");
            true
        }
    }
}

fn not_served(app: &AppName, hint: &str) -> CommandError {
    let error = CommandError::new(format!("no host of this machine serves `{app}`"));
    error.hint(hint).hint(GO_ON)
}

fn in_trouble(app: &AppName, trouble: &AppTrouble) -> CommandError {
    let why = plain(&trouble.error);
    let error = CommandError::new(format!("the host cannot serve `{app}`: {why}"));
    error.with_hints(trouble.hints.clone()).hint(GO_ON)
}
