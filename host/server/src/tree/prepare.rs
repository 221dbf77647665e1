//! The files that an app shows the world before it answers anything.

use std::io::{self, Read};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use syft_manifest::nofollow_dir::{create_new, open_or_create, replace};
use syft_protocol::address::Endpoint;
use syft_protocol::permissions::{PERMISSION_FILE, is_unedited, rpc_rules};

use super::Tree;

/// The file that keeps a folder from being empty. Sync ignores it.
const KEEP_FILE: &str = ".syftkeep";

const SCHEMA_FILE: &str = "rpc.schema.json";

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
            let folder = open_or_create(&self.rpc, endpoint.segments())?;
            create_keep_file(&folder)?;
        }
        let rules = rpc_rules(endpoints);
        match self.read_own_file(PERMISSION_FILE, MOST_RULES_BYTES) {
            Some(found) if found == rules.as_bytes() || !is_unedited(&found) => Ok(()),
            Some(_) => replace(&self.rpc, PERMISSION_FILE, rules.as_bytes()),
            None => create_new(&self.rpc, PERMISSION_FILE, rules.as_bytes()),
        }
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
        replace(&self.rpc, SCHEMA_FILE, schema.as_bytes())
    }

    fn reads_as(&self, name: &str, expected: &[u8]) -> bool {
        let found = self.read_own_file(name, expected.len() as u64 + 1);
        found.is_some_and(|found| found == expected)
    }

    /// Reads the beginning of a file, if it is one and can be read.
    fn read_own_file(&self, name: &str, most: u64) -> Option<Vec<u8>> {
        let mut options = OpenOptions::new();
        // A stranger's FIFO would make us wait for its writer.
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let file = self.rpc.open_with(name, &options).ok()?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return None;
        }
        let mut found = Vec::new();
        file.take(most).read_to_end(&mut found).ok()?;
        Some(found)
    }
}

/// Makes a file that keeps a folder from being empty, unless something of that name is there.
pub(super) fn create_keep_file(dir: &Dir) -> io::Result<()> {
    create_new(dir, KEEP_FILE, b"")
}
