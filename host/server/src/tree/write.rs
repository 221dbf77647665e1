//! Writes answers beside their requests.
//!
//! Why: docs/decisions/11-answers-get-their-name-when-they-are-whole.md

use std::fs::File;
use std::io;

use syft_protocol::address::Address;
use syft_protocol::inbox::Version;
use syft_runtime::failpoint::{self, Step};
use syft_system::replace::replace_after;
use syft_system::{Dir, Stat, is_absent};

use super::folders::Held;
use super::read::{look_at, open_to_read, stamp};
use super::wake::wake;
use super::{OpenedRequest, Tree};

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteResult {
    /// It lies beside its request.
    Beside,
    /// The request is gone or another one has taken its place, so nobody waits for
    /// this answer. A left-over one would be taken for the answer of the next
    /// request with the same id.
    Gone,
}

impl Tree {
    /// Puts an answer beside its request, whole or not at all. The request is known
    /// by its stamp, or where somebody has touched it by what it holds: another one of the
    /// same name gets an answer of its own. One that is
    /// forced is on the disk before its name is seen, and its name before this returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn answer(
        &self,
        address: &Address,
        version: &Version,
        answer: &[u8],
        is_forced: bool,
    ) -> io::Result<WriteResult> {
        let request = address.id().request_name();
        let written = self.look_in(address.folder(), |folder| {
            if !holds(&folder.dir, &request, version)? {
                return Ok(None);
            }
            folder.keep();
            let name = address.id().response_name();
            let file = self.put(folder, &name, answer, is_forced)?;
            if let Err(error) = wake(&file, &folder.dir, &self.rpc, address) {
                tracing::debug!(%address, "an answer leaves with the next full sync: {error}");
            }
            Ok(Some(()))
        });
        match written {
            Ok(Some(())) => Ok(WriteResult::Beside),
            Ok(None) => Ok(WriteResult::Gone),
            Err(error) if is_absent(&error) => Ok(WriteResult::Gone),
            Err(error) => Err(error),
        }
    }

    /// Removes the answer that lies beside a request, if there is one.
    ///
    /// # Errors
    /// It is there and stays.
    pub fn remove_answer(&self, address: &Address) -> io::Result<()> {
        let folder = self.open_folder(address.folder());
        match folder.and_then(|folder| folder.remove_file(&address.id().response_name())) {
            Err(error) if !error.is_absent() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Puts an answer into a folder.
    fn put(&self, folder: &Held, name: &str, answer: &[u8], is_forced: bool) -> io::Result<File> {
        let finish = |file: &File| {
            failpoint::reach(Step::BeforeRename, name);
            if is_forced { file.sync_all() } else { Ok(()) }
        };
        let nameless = self.nameless.as_ref().filter(|_| folder.takes_nameless);
        let made = match nameless {
            Some(files) => files.create(&folder.dir, name, answer, finish)?,
            None => None,
        };
        let file = match made {
            Some(file) => file,
            None => replace_after(&folder.dir, name, answer, finish)?,
        };
        failpoint::reach(Step::AfterRename, name);
        if is_forced {
            folder.dir.force()?;
        }
        Ok(file)
    }
}

/// Bytes by which a request may have grown, of white space, and be looked at still.
const MARGIN_BYTES: u64 = 64 << 10;

/// Tells whether a name in a folder stands for the file that was read, or for one that
/// holds the same. It is read only if it is not as it was.
fn holds(folder: &Dir, name: &str, before: &Version) -> io::Result<bool> {
    let Some(found) = look_at(folder, name)?.filter(Stat::is_file) else {
        return Ok(false);
    };
    let now = stamp(&found);
    if now == before.stamp {
        return Ok(true);
    }
    if before.content.is_none() {
        return Ok(is_unwritten(&found, before));
    }
    if now.bytes > before.stamp.bytes + MARGIN_BYTES {
        return Ok(false);
    }
    match open_to_read(folder, name) {
        Ok(OpenedRequest::File(file))
            if file.stamp().bytes <= before.stamp.bytes + MARGIN_BYTES =>
        {
            let now = file.version(&file.read()?);
            Ok(now.says_the_same(before))
        }
        Ok(_) => Ok(false),
        // Somebody has taken the right to read it away.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Ok(is_unwritten(&found, before))
        }
        Err(error) => Err(error),
    }
}

/// Tells, of a file that is not read, whether no more than its mode seems to be changed.
fn is_unwritten(found: &Stat, before: &Version) -> bool {
    let now = stamp(found);
    (now.inode, now.bytes) == (before.stamp.inode, before.stamp.bytes)
        && found.modified.nanos_since_1970() <= before.stamp.changed
}
