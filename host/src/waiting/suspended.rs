//! An app that was suspended.

use syft_protocol::address::AppName;
use syft_server::suspension;

use crate::asking;
use crate::config::Config;
use crate::error::CommandError;
use crate::install::{InstallError, Installer};
use crate::typos;

/// Has an app served again that was suspended.
///
/// # Errors
/// It is not suspended, or the disk.
pub fn resume(config: &Config, name: &AppName) -> Result<(), CommandError> {
    let folder = config.app_folder(name);
    let mut was_suspended = folder.is_dir() && suspension::resume(&folder)?;
    let installer = Installer::open(config).map_err(InstallError::explained)?;
    // An app that `run` serves has no record.
    let installed = installer.records().get(name)?;
    for release in installed.iter().flat_map(|installed| installed.releases()) {
        was_suspended |= asking::forget(&config.asking(), &release.sha256)?;
    }
    if was_suspended {
        return Ok(());
    }
    let mut known = installer.records().names()?;
    known.extend(config.known_apps()?);
    known.sort();
    known.dedup();
    if !known.contains(name) {
        let error = CommandError::new(format!("no app {name} is installed or was run here"));
        return Err(error.with_hints(typos::hint(name, &known)));
    }
    Err(CommandError::new(format!("{name} is not suspended"))
        .hint("see how the installed apps are: `syft-host list`"))
}
