//! Where apps come from.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use syft_protocol::app_url::{AppUrlError, SyftAppUrl};
use thiserror::Error;

use crate::oci::{self, Reference, ReferenceError};

/// Where an app comes from, and its updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppSource {
    /// A file.
    File(PathBuf),
    /// What an author publishes in their datasite.
    Datasite(SyftAppUrl),
    /// A registry.
    Registry(Reference),
}

/// Why a text names nothing that apps come from.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It is no URL of a published app.
    #[error(transparent)]
    Url(#[from] AppUrlError),
    /// It names nothing in a registry.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// It is another kind of URL.
    #[error("apps do not come from {0}://, but from files, syft:// and oci://")]
    Scheme(String),
    /// There is no current folder.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl AppSource {
    /// Reads what a user or a record says.
    ///
    /// # Errors
    /// It begins like a URL and is not a valid one.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        if SyftAppUrl::is_meant(text) {
            return Ok(Self::Datasite(SyftAppUrl::parse(text)?));
        }
        if text.starts_with(oci::SCHEME) {
            return Ok(Self::Registry(text.parse()?));
        }
        match text.split_once("://") {
            Some((scheme, _)) => Err(SourceError::Scheme(scheme.to_owned())),
            None => Ok(Self::File(std::path::absolute(Path::new(text))?)),
        }
    }
}

impl fmt::Display for AppSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Datasite(url) => url.fmt(f),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}
