//! DID documents in the tree, where strangers write them.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use syft_protocol::address::Datasite;
use syft_protocol::encryption::{DidError, MAX_DID_BYTES, PublicKeys};
use syft_system::{Dir, Open, SystemError, replace};

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
    let path = format!("{}/{DID_FILE}", names(datasite).join("/"));
    let opened = root(datasites)?.open_file_below(&path, Open::READ)?;
    let mut bytes = Vec::new();
    opened
        .file
        .take(MAX_DID_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes the owner's own document, whole.
pub(super) fn write(datasites: &Path, owner: &Datasite, document: &str) -> io::Result<()> {
    fs::create_dir_all(datasites)?;
    let public = root(datasites)?.open_or_make(names(owner).into_iter())?;
    Ok(replace::replace(&public, DID_FILE, document.as_bytes())?)
}

/// Which names of DID documents are taken in the owner's folder.
pub(super) struct TakenNames {
    pub(super) document: bool,
    pub(super) conflict: bool,
}

/// Returns which names are taken in the owner's folder, by whatever lies there.
pub(super) fn taken_names(datasites: &Path, owner: &Datasite) -> io::Result<TakenNames> {
    let path = names(owner).join("/");
    let public = root(datasites).and_then(|root| Ok(root.open_folder_below(&path)?));
    let public = match public {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(TakenNames {
                document: false,
                conflict: false,
            });
        }
        public => public?,
    };
    let is_there = |name| match public.look(name) {
        Err(SystemError::NotFound) => Ok(false),
        found => found.map(|_| true),
    };
    Ok(TakenNames {
        document: is_there(DID_FILE)?,
        conflict: is_there(CONFLICT_FILE)?,
    })
}

fn root(datasites: &Path) -> io::Result<Dir> {
    Ok(Dir::open_ambient(&fs::canonicalize(datasites)?)?)
}

fn names(datasite: &Datasite) -> [&str; 2] {
    [datasite.as_str(), "public"]
}
