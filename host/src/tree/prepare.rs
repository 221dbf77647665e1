//! The files that an app shows the world before it answers anything.

use std::io::{self, Read, Write};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use syft_protocol::address::Endpoint;
use syft_protocol::permissions::{DEFAULT_RPC_RULES, PERMISSION_FILE};

use super::{Tree, open_or_create};

/// The file that keeps a folder from being empty. Sync ignores it.
const KEEP_FILE: &str = ".syftkeep";

const SCHEMA_FILE: &str = "rpc.schema.json";

impl Tree {
    /// Makes the endpoints' folders, each with a `.syftkeep` since sync drops
    /// empty ones, and the permission file where there is none: an owner's own
    /// rules stay.
    ///
    /// # Errors
    /// A folder or file cannot be made, or is a symlink.
    pub fn prepare<'a>(&self, endpoints: impl Iterator<Item = &'a Endpoint>) -> io::Result<()> {
        for endpoint in endpoints {
            let folder = open_or_create(&self.rpc, endpoint.segments())?;
            create_keep_file(&folder)?;
        }
        create_new(&self.rpc, PERMISSION_FILE, DEFAULT_RPC_RULES.as_bytes())
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
        super::write::replace(&self.rpc, SCHEMA_FILE, schema.as_bytes())
    }

    fn reads_as(&self, name: &str, expected: &[u8]) -> bool {
        let mut options = OpenOptions::new();
        // A stranger's FIFO would make us wait for its writer.
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let Ok(file) = self.rpc.open_with(name, &options) else {
            return false;
        };
        if !file.metadata().is_ok_and(|it| it.is_file()) {
            return false;
        }
        let mut found = Vec::new();
        let read = file.take(expected.len() as u64 + 1).read_to_end(&mut found);
        read.is_ok() && found == expected
    }
}

/// Makes a file that keeps a folder from being empty, unless something of that name is there.
pub(super) fn create_keep_file(dir: &Dir) -> io::Result<()> {
    create_new(dir, KEEP_FILE, b"")
}

/// Writes a file unless something of that name is there.
pub(super) fn create_new(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match dir.open_with(name, &options) {
        Ok(mut file) => file.write_all(bytes),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
