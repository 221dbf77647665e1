//! Which release of each app is desired, as the records of what is installed say.

use std::collections::HashMap;

use syft_protocol::address::{AppName, Datasite};

use crate::error::CommandError;
use crate::installed::{InstalledError, InstalledRecords, InstalledRelease};
use crate::settings::AppRules;
use syft_package::trust::{RevokedBy, TrustStore};

/// What is to be served of an app.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DesiredRelease {
    pub(super) author: Datasite,
    pub(super) release: InstalledRelease,
    /// It was revoked, and is not to be served.
    pub(super) revoked: Option<RevokedBy>,
    /// What the owner denies it and lets it use.
    pub(super) rules: AppRules,
    /// Changes with what is trusted: what is served still may be another release.
    trust: [u64; 2],
}

/// Changes with what is installed and with what is trusted.
pub(super) type RecordsStamp = [u64; 3];

/// What is desired of each app, or why its record cannot be read.
pub(super) type DesiredReleases = HashMap<AppName, Result<DesiredRelease, CommandError>>;

/// Reads all records, unless nothing has changed.
pub(super) fn read_changed(
    records: &InstalledRecords,
    trust: &TrustStore,
    known: Option<RecordsStamp>,
) -> anyhow::Result<Option<(RecordsStamp, DesiredReleases)>> {
    let [of_trust, of_authors] = trust.stamp()?;
    let stamp = [records.stamp()?, of_trust, of_authors];
    if known == Some(stamp) {
        return Ok(None);
    }
    Ok(Some((
        stamp,
        read_all(records, trust, [of_trust, of_authors])?,
    )))
}

/// Reads the record of each app, and whether it may be served.
fn read_all(
    records: &InstalledRecords,
    trust: &TrustStore,
    stamp: [u64; 2],
) -> Result<DesiredReleases, InstalledError> {
    let mut found = HashMap::new();
    for name in records.names()? {
        // One that was removed meanwhile is as one that was not there.
        if let Some(desired) = read_one(records, trust, stamp, &name).transpose() {
            found.insert(name, desired);
        }
    }
    Ok(found)
}

fn read_one(
    records: &InstalledRecords,
    trust: &TrustStore,
    stamp: [u64; 2],
    name: &AppName,
) -> Result<Option<DesiredRelease>, CommandError> {
    let record = records.get(name).map_err(|error| {
        CommandError::from(error).hint(format!(
            "remove it with `syft-host remove {name}`, and install it again: what it handle stays"
        ))
    })?;
    let Some(installed) = record else {
        return Ok(None);
    };
    let release = installed.current;
    let revoked = trust.is_revoked(&installed.author, &release.digests())?;
    Ok(Some(DesiredRelease {
        author: installed.author,
        release,
        revoked: revoked.map(|(_, by)| by),
        rules: AppRules::default(),
        trust: stamp,
    }))
}
