//! The files that an app shows the world before it answers anything.
//!
//! Why: docs/decisions/62-access-rules-of-apps-are-asked-for.md

use std::io::{self, Read};
use std::path::Path;

use syft_manifest::{AccessGrants, WantedRules};
use syft_protocol::address::{AppName, Datasite, Endpoint};
use syft_protocol::permissions::{PERMISSION_FILE, asked_rules, is_unedited, rpc_rules};
use syft_system::replace::{create_new, replace};
use syft_system::{Dir, Open, SystemError};

use super::{Tree, path_of};

/// The file that keeps a folder from being empty. Sync ignores it.
const KEEP_FILE: &str = ".syftkeep";

pub(super) const SCHEMA_FILE: &str = "rpc.schema.json";

/// More than rules of ours have.
const MOST_RULES_BYTES: u64 = 256 << 10;

impl Tree {
    /// Makes the endpoints' folders, each with a `.syftkeep` since sync drops
    /// empty ones, and the permission file where there is none or one of ours for
    /// other endpoints: an owner's own rules stay.
    ///
    /// # Errors
    /// A folder or file cannot be made, or is a symlink.
    pub fn prepare<'a>(
        &self,
        endpoints: impl Iterator<Item = &'a Endpoint> + Clone,
    ) -> io::Result<()> {
        for endpoint in endpoints.clone() {
            let folder = self.rpc.open_or_make(endpoint.segments())?;
            create_keep_file(&folder)?;
        }
        let rules = rpc_rules(endpoints);
        let put = match read_file(&self.rpc, PERMISSION_FILE, MOST_RULES_BYTES) {
            Some(found) if found == rules.as_bytes() || !is_unedited(&found) => Ok(()),
            Some(_) => replace(&self.rpc, PERMISSION_FILE, rules.as_bytes()),
            None => create_new(&self.rpc, PERMISSION_FILE, rules.as_bytes()),
        };
        Ok(put?)
    }

    /// Publishes the schema, unless it is published already: an equal file keeps
    /// its time, and sync has nothing to do.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn publish_schema(&self, schema: &str) -> io::Result<()> {
        if self.reads_as(SCHEMA_FILE, schema.as_bytes()) {
            return Ok(());
        }
        Ok(replace(&self.rpc, SCHEMA_FILE, schema.as_bytes())?)
    }

    fn reads_as(&self, name: &str, expected: &[u8]) -> bool {
        let found = read_file(&self.rpc, name, expected.len() as u64 + 1);
        found.is_some_and(|found| found == expected)
    }
}

/// Writes the access rules that an app asks for and its owner approved into the app's own folder,
/// and deletes those that were approved before and no longer are. A file that the owner has
/// written or edited stays.
///
/// # Errors
/// A part of the path is a symlink or no folder, or a file cannot be written.
pub fn write_access_rules(
    datasites: &Path,
    datasite: &Datasite,
    app: &AppName,
    grants: &AccessGrants,
) -> io::Result<()> {
    if grants.requested.is_empty() {
        return Ok(());
    }
    let names = [datasite.as_str(), "app_data"].into_iter();
    let own = path_of(names.chain(app.parts()));
    let own = Dir::open_ambient(datasites)?.open_folder_below(&own)?;
    for (rules, is_granted) in grants.decided() {
        if is_granted {
            put_rules(&own.open_or_make(rules.folders())?, rules)?;
        } else if let Ok(folder) = own.open_folder_below(&path_of(rules.folders())) {
            withdraw_rules(&folder, rules)?;
        }
    }
    Ok(())
}

fn put_rules(folder: &Dir, rules: &WantedRules) -> Result<(), SystemError> {
    let text = asked_rules(rules.text());
    match read_file(folder, PERMISSION_FILE, MOST_RULES_BYTES) {
        Some(found) if found == text.as_bytes() || found == rules.text().as_bytes() => Ok(()),
        Some(found) if is_unedited(&found) => replace(folder, PERMISSION_FILE, text.as_bytes()),
        None if folder.look(PERMISSION_FILE).is_err() => {
            create_new(folder, PERMISSION_FILE, text.as_bytes())
        }
        _ => {
            tracing::warn!(
                path = rules.path(),
                "the app asks for other access rules than yours, which stay"
            );
            Ok(())
        }
    }
}

fn withdraw_rules(folder: &Dir, rules: &WantedRules) -> Result<(), SystemError> {
    let found = read_file(folder, PERMISSION_FILE, MOST_RULES_BYTES);
    if !found.is_some_and(|found| is_unedited(&found)) {
        return Ok(());
    }
    tracing::info!(
        path = rules.path(),
        "access rules that are no longer approved are deleted"
    );
    folder.remove_file(PERMISSION_FILE)
}

/// Reads the beginning of a file, if it is one and can be read.
fn read_file(folder: &Dir, name: &str, most: u64) -> Option<Vec<u8>> {
    let opened = folder.open_file(name, Open::READ).ok()?;
    let mut found = Vec::new();
    opened.file.take(most).read_to_end(&mut found).ok()?;
    Some(found)
}

/// Makes a file that keeps a folder from being empty, unless something of that name is there.
pub(super) fn create_keep_file(dir: &Dir) -> Result<(), SystemError> {
    create_new(dir, KEEP_FILE, b"")
}
