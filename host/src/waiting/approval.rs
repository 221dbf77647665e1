//! A release that wants more than was approved.

use syft_protocol::grant::PathPattern;

use crate::config::Config;
use crate::error::CommandError;
use crate::install::{InstallError, Installer};
use crate::installed::{Installed, added_permissions};

/// Returns what the release that waits wants beyond what was approved.
pub fn wishes(config: &Config, installed: &Installed) -> Vec<String> {
    let waiting = installed.waiting.iter();
    let added_permissions = waiting.map(|release| {
        let (old, new) = (&installed.current.approved, &release.approved);
        added_permissions(old, new, &config.email, &installed.name)
    });
    added_permissions.flatten().collect()
}

/// Serves the release that waits, if it is still the one that the owner saw, and can be served.
///
/// # Errors
/// It cannot be served, something else was installed since, or the disk.
pub async fn approve(
    installer: &Installer<'_>,
    seen: &Installed,
    denied: &[PathPattern],
) -> Result<Installed, CommandError> {
    installer
        .try_waiting(seen)
        .await
        .map_err(|error| error.explained().about("not approved"))?;
    installer
        .approve(seen, denied)
        .map_err(InstallError::explained)
}

/// Goes on with the release before, and forgets the one that waits.
///
/// # Errors
/// Nothing waits, something else was installed since, or the disk.
pub fn reject(installer: &Installer<'_>, seen: &Installed) -> Result<Installed, CommandError> {
    installer.reject(seen).map_err(InstallError::explained)
}
