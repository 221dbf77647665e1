//! What a signature vouches for: which release of which app, and what it may import.
//!
//! Why: docs/decisions/22-all-of-wasi-is-linked.md

use syft_manifest::Manifest;
use syft_manifest::component::{ComponentError, surface};
use syft_manifest::sanitize::{escaped, is_plain, plain_excerpt};
use syft_manifest::worlds::{OFFERED_IN_WORDS, is_offered};
use syft_protocol::address::{AppName, Datasite};
use thiserror::Error;

/// A release of an app, as its manifest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The name of the app.
    pub name: AppName,
    /// Its version, for people.
    pub version: semver::Version,
    /// Its number, which grows with each release.
    pub sequence: u64,
    /// Whose app it is.
    pub author: Datasite,
}

/// Why a component cannot be signed as a release.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReleaseError {
    /// It cannot be read.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// It says nothing of itself.
    #[error("the app carries no manifest, and so nothing that a signature could vouch for")]
    NoManifest,
    /// It does not say all that is needed.
    #[error("the manifest of the app has no {}", list(.0))]
    Incomplete(Vec<Missing>),
    /// The author is not an email address, so no key can be pinned for it.
    #[error("the author of the app, `{0}`, is not an email address")]
    Author(String),
    /// The author's name has characters that nobody sees.
    #[error("the author of the app, `{0}`, has invisible characters")]
    Unseen(String),
    /// It imports what no manifest can ask for.
    #[error("the app imports `{0}`, which no manifest can ask for")]
    Import(String),
}

/// A key of a manifest, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    key: &'static str,
    example: &'static str,
}

const NAME: Missing = Missing {
    key: "name",
    example: "name = \"leaderboard\"",
};
const VERSION: Missing = Missing {
    key: "version",
    example: "version = \"1.0.0\"",
};
const SEQUENCE: Missing = Missing {
    key: "sequence",
    example: "sequence = 1  (and one more for each release)",
};
const AUTHOR: Missing = Missing {
    key: "author",
    example: "author = \"alice@example.org\"  (your own email)",
};

fn list(missing: &[Missing]) -> String {
    let keys: Vec<String> = missing
        .iter()
        .map(|field| format!("`{}`", field.key))
        .collect();
    match keys.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} and no {last}", all.join(", no ")),
        keys => keys.join(""),
    }
}

impl Release {
    /// Returns which release a component is. Its imports are covered: each is either linked for
    /// every app, with nothing behind it that was not granted, or refused here.
    pub(super) fn of(component: &[u8], manifest: Option<&Manifest>) -> Result<Self, ReleaseError> {
        let manifest = manifest.ok_or(ReleaseError::NoManifest)?;
        let imports = surface(component)?.imports;
        if let Some(import) = imports.iter().find(|import| !is_offered(import)) {
            return Err(ReleaseError::Import(plain_excerpt(import, 200)));
        }
        let Manifest {
            name: Some(name),
            version: Some(version),
            sequence: Some(sequence),
            author: Some(author),
            ..
        } = manifest
        else {
            return Err(ReleaseError::Incomplete(missing(manifest)));
        };
        let author = Datasite::parse(author).map_err(|_| ReleaseError::Author(author.clone()))?;
        if !author.as_str().chars().all(is_plain) {
            return Err(ReleaseError::Unseen(escaped(author.as_str())));
        }
        Ok(Self {
            name: name.clone(),
            version: version.clone(),
            sequence: *sequence,
            author,
        })
    }
}

fn missing(manifest: &Manifest) -> Vec<Missing> {
    let all = [
        (manifest.name.is_none(), NAME),
        (manifest.version.is_none(), VERSION),
        (manifest.sequence.is_none(), SEQUENCE),
        (manifest.author.is_none(), AUTHOR),
    ];
    let missing = all.into_iter().filter(|(is_missing, _)| *is_missing);
    missing.map(|(_, key)| key).collect()
}

impl ReleaseError {
    /// Returns what to write where.
    pub fn hints(&self) -> Vec<String> {
        let missing = match self {
            Self::Component(_) => return Vec::new(),
            Self::Import(_) => return vec![OFFERED_IN_WORDS.to_owned()],
            Self::NoManifest => &[NAME, VERSION, SEQUENCE, AUTHOR],
            Self::Incomplete(missing) => missing.as_slice(),
            Self::Author(_) | Self::Unseen(_) => &[AUTHOR],
        };
        let write =
            |field: &Missing| format!("write in syft-app.toml below [app]: {}", field.example);
        let mut hints: Vec<String> = missing.iter().map(write).collect();
        hints.push("then build it again with `syft-host build`, and sign that".to_owned());
        hints
    }
}
