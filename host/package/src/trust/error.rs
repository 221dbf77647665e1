//! Trust-store errors; on any of them nothing is trusted.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the trust store cannot be read or written; on any of these nothing is trusted.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The disk.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// A file is not as it was written.
    #[error("{} cannot be read, so nobody is trusted: {why}", path.display())]
    Broken {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The owner's policy says something that is not known here.
    #[error("{}:{line}: {why}", path.display())]
    Policy {
        /// Which file.
        path: PathBuf,
        /// In which line.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

impl TrustError {
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            error,
        }
    }

    /// Returns what to do about it.
    pub fn hints(&self) -> Vec<String> {
        vec![match self {
            Self::Io { path, .. } => format!(
                "make {} a file or folder of yours that others cannot write to",
                path.display()
            ),
            Self::Broken { .. } => "put it back from a copy; or move it away, and then what it \
                                    said is not known any more: add the author again with a \
                                    fingerprint that you have from them"
                .to_owned(),
            Self::Policy { .. } => super::policy::ALLOWED.to_owned(),
        }]
    }
}
