//! DID documents in the tree, where strangers write them.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use syft_manifest::nofollow_dir::{self, open_or_create, open_path};
use syft_protocol::address::Datasite;
use syft_protocol::encryption::{DidError, MAX_DID_BYTES, PublicKeys};

/// The name of a DID document, in the folder `public` of a datasite.
pub const DID_FILE: &str = "did.json";

/// What sync makes of two documents that disagree.
const CONFLICT_FILE: &str = "did.conflict.json";

/// What there is of a DID document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Keys.
    Keys(PublicKeys),
    /// Nothing that could be read.
    Missing,
    /// Something that is of no use.
    Bad(DidError),
}

/// Reads the DID document of a datasite, which is a regular file and reached through no link.
pub fn read_document(datasites: &Path, datasite: &Datasite) -> Document {
    match read(datasites, datasite) {
        Err(error) => {
            tracing::debug!(%datasite, "cannot read a did.json: {error}");
            Document::Missing
        }
        Ok(bytes) if bytes.len() as u64 > MAX_DID_BYTES => {
            let why = format!("it has more than {MAX_DID_BYTES} bytes");
            Document::Bad(DidError::Shape(why))
        }
        Ok(bytes) => match PublicKeys::read(&bytes) {
            Ok(keys) => Document::Keys(keys),
            Err(error) => Document::Bad(error),
        },
    }
}

fn read(datasites: &Path, datasite: &Datasite) -> io::Result<Vec<u8>> {
    let public = open_path(&root(datasites)?, names(datasite).into_iter())?;
    let mut options = OpenOptions::new();
    // A stranger's FIFO would make us wait for its writer.
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = public.open_with(DID_FILE, &options)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_DID_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes the owner's own document, whole.
pub(super) fn write(datasites: &Path, owner: &Datasite, document: &str) -> io::Result<()> {
    fs::create_dir_all(datasites)?;
    let public = open_or_create(&root(datasites)?, names(owner).into_iter())?;
    nofollow_dir::replace(&public, DID_FILE, document.as_bytes())
}

/// Which names of DID documents are taken in the owner's folder.
pub(super) struct TakenNames {
    pub(super) document: bool,
    pub(super) conflict: bool,
}

/// Returns which names are taken in the owner's folder, by whatever lies there.
pub(super) fn taken_names(datasites: &Path, owner: &Datasite) -> io::Result<TakenNames> {
    let public = root(datasites).and_then(|root| open_path(&root, names(owner).into_iter()));
    let public = match public {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(TakenNames {
                document: false,
                conflict: false,
            });
        }
        public => public?,
    };
    let is_there = |name| match public.symlink_metadata(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true),
    };
    Ok(TakenNames {
        document: is_there(DID_FILE)?,
        conflict: is_there(CONFLICT_FILE)?,
    })
}

fn root(datasites: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(fs::canonicalize(datasites)?, ambient_authority())
}

fn names(datasite: &Datasite) -> [&str; 2] {
    [datasite.as_str(), "public"]
}
