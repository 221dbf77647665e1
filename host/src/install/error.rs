//! Errors of installing and updating.

use std::io::{self, ErrorKind};

use syft_package::PackageError;
use syft_package::catalog::{CatalogReadError, ReleaseFetchError};
use syft_package::oci::OciError;
use syft_package::source::SourceError;
use syft_package::trust::{TrustError, TrustRefusal};
use thiserror::Error;

use crate::error::CommandError;
use crate::installed::InstalledError;

/// Why a release is not taken, or what is installed is not changed.
#[derive(Debug, Error)]
pub enum InstallError {
    /// It is not signed, or not as it was signed.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Whose it is, or which release, speaks against it.
    #[error(transparent)]
    Refused(#[from] TrustRefusal),
    /// The trust store cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The records of installed apps cannot be read or written.
    #[error(transparent)]
    Installed(#[from] InstalledError),
    /// The disk.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its source is unknown.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file cannot be read.
    #[error("{}", file_words(.0))]
    File(io::Error),
    /// There is no catalog of the author's.
    #[error(transparent)]
    Catalog(#[from] CatalogReadError),
    /// The catalog names a release that is not there.
    #[error(transparent)]
    Fetch(#[from] ReleaseFetchError),
    /// The catalog names no such app.
    #[error("nothing is published as {0}")]
    NotListed(String),
    /// The catalog is old.
    #[error(
        "the catalog of {author} is good until {since}; a newer one should be there, and somebody \
         may hold it back"
    )]
    Expired {
        /// Whose it is.
        author: String,
        /// Since when.
        since: String,
    },
    /// The registry.
    #[error(transparent)]
    Registry(#[from] OciError),
    /// The lineage that came with it is invalid.
    #[error("invalid key lineage: {0}")]
    Lineage(String),
    /// It cannot be served.
    #[error("{0}")]
    Unfit(CommandError),
    /// It is not what was asked for.
    #[error("this is {found}, not {wanted}")]
    Other {
        /// What was to come.
        wanted: String,
        /// What came.
        found: String,
    },
    /// Its bytes are not those that the owner expects.
    #[error("expected the SHA-256 {expected}, found {found}")]
    Digest {
        /// Of the owner.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// No such app is installed.
    #[error("no app `{name}` is installed")]
    NotInstalled {
        /// Its name.
        name: String,
        /// What may have been meant.
        meant: Option<String>,
    },
    /// An app of that name is installed, and another's.
    #[error("`{name}` is already installed from {author}; this one is from {other}")]
    OfAnother {
        /// The name.
        name: String,
        /// Whose it is.
        author: String,
        /// Whose this one is.
        other: String,
    },
    /// An update is signed by a key that nobody has trusted.
    #[error("{author} has no trusted key, and an update cannot ask for one")]
    Untrusted {
        /// Whose app it is.
        author: String,
        /// Where it comes from.
        from: String,
    },
    /// An app of that name was installed, and what it kept is there.
    #[error("the data of an app `{name}` from {author} is stored here, and this app is not theirs")]
    DataOfAnother {
        /// The name.
        name: String,
        /// Whose it was.
        author: String,
    },
    /// Something else was installed at the same time.
    #[error("`{0}` was changed by somebody else in the meantime")]
    Meanwhile(String),
    /// There is nothing to approve.
    #[error("no release of `{0}` waits for approval")]
    NothingWaits(String),
    /// There is nothing to go back to.
    #[error(
        "there is no release of `{name}` to go back to: none that is older than {current} is kept"
    )]
    NothingBefore {
        /// The name.
        name: String,
        /// What is served.
        current: String,
        /// Where it came from.
        from: String,
    },
}

fn file_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}

impl InstallError {
    /// Returns why it could not be done, with what to do about it.
    pub fn explained(self) -> CommandError {
        let hints = self.hints();
        CommandError::from(self).with_hints(hints)
    }

    /// Returns what to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Package(PackageError::Release(_)) => {
                vec!["only its author can fix that".to_owned()]
            }
            Self::Package(PackageError::Nameless) => vec![
                "ask its author to sign it with `syft-host sign` too, which names the key".to_owned(),
            ],
            Self::Package(PackageError::Unsigned) => vec![
                "ask its author to sign it; `syft-host run` serves an unsigned app in the foreground"
                    .to_owned(),
            ],
            Self::Refused(refused) => refused.hints(),
            Self::Trust(error) => error.hints(),
            Self::Installed(InstalledError::Record { .. }) => vec![
                "remove it with `syft-host remove`, and install it again: its data stays"
                    .to_owned(),
            ],
            Self::Registry(error) => error.hints(),
            Self::Catalog(error) => error.hint().into_iter().collect(),
            Self::Fetch(error) => error.hint().map(str::to_owned).into_iter().collect(),
            Self::Expired { author, .. } => vec![format!(
                "wait for sync, or ask {author} to renew it with `syft-host publish --refresh`"
            )],
            Self::Unfit(error) => error.hints().to_vec(),
            Self::Digest { .. } => vec!["do not install it; ask whoever gave you the file and the digest".to_owned()],
            Self::Lineage(_) => vec![
                "the lineage is from the registry, not signed by the author; get the app from \
                 elsewhere, or tell its author"
                    .to_owned(),
            ],
            Self::Untrusted { author, from } => vec![
                format!("to be asked: `syft-host install {from}`"),
                format!(
                    "or trust a key that you have from {author}: `syft-host trust add {author} \
                     --fingerprint SHA256:…`"
                ),
            ],
            Self::NotInstalled { meant, .. } => vec![match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "see what is: `syft-host list`".to_owned(),
            }],
            Self::OfAnother { name, .. } => {
                vec![format!("remove the installed app first: `syft-host remove {name}`")]
            }
            Self::DataOfAnother { name, .. } => vec![format!(
                "delete what it kept with `syft-host remove {name} --delete-data`"
            )],
            Self::NothingBefore { from, .. } => vec![format!(
                "what is newer is taken from where it comes from: `syft-host install {from}`"
            )],
            Self::Meanwhile(_) => vec!["look at it again: `syft-host list`".to_owned()],
            _ => Vec::new(),
        }
    }
}
