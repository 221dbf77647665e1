//! What is said of an app that is installed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use syft_manifest::{Digest, Manifest};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;
use syft_protocol::timestamp::Timestamp;

/// The only form of a record that there is yet.
const FORM: u32 = 1;

/// An app that is installed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawInstalled", into = "RawInstalled")]
pub struct Installed {
    /// Its name, which is its folder below `app_data`.
    pub name: AppName,
    /// Whose app it is: the same for all its releases.
    pub author: Datasite,
    /// Where it came from, and updates come from.
    pub source: String,
    /// What is served.
    pub current: InstalledRelease,
    /// What was served before, and can be again.
    pub previous: Option<InstalledRelease>,
    /// What wants more than the owner has approved, and waits for that.
    pub waiting: Option<InstalledRelease>,
    /// The signed digest of a release that the owner went back from: it is not taken again by
    /// itself.
    pub skipped: Option<Digest>,
}

/// A release of an app: its component, and what the owner approved for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawRelease", into = "RawRelease")]
pub struct InstalledRelease {
    /// Its version, which says nothing.
    pub version: semver::Version,
    /// Its number among the releases by keys of this epoch.
    pub sequence: u64,
    /// The epoch of the author's key that signed it.
    pub epoch: u64,
    /// The fingerprint of that key.
    pub signer: String,
    /// Of the file: it names the component.
    pub sha256: Digest,
    /// Of what was signed: it names the release.
    pub signed_sha256: Digest,
    /// When it was installed, or came here.
    pub since: Timestamp,
    /// What it gets of what it asks for: `files`, `http`, `secrets`, `access` and `limits` of a manifest,
    /// and no other keys.
    pub approved: Manifest,
    /// What the owner denies it, whatever was approved.
    pub denied: Vec<PathPattern>,
}

impl Installed {
    /// Returns all releases that are kept.
    pub fn releases(&self) -> impl Iterator<Item = &InstalledRelease> {
        let others = self.previous.iter().chain(&self.waiting);
        [&self.current].into_iter().chain(others)
    }

    /// Returns what is denied to the app, with more that is: no release undoes a denial.
    pub fn denied_with(&self, more: &[PathPattern]) -> Vec<PathPattern> {
        let waiting = self.waiting.iter().flat_map(|release| &release.denied);
        let all = self.current.denied.iter().chain(waiting).chain(more);
        let mut denied = Vec::new();
        for pattern in all {
            if !denied.contains(pattern) {
                denied.push(pattern.clone());
            }
        }
        denied
    }

    /// Returns the app with another release in place of the current one.
    #[must_use]
    pub fn replaced_by(self, release: InstalledRelease, source: String) -> Self {
        Self {
            source,
            previous: Some(self.current),
            current: release,
            waiting: None,
            skipped: None,
            ..self
        }
    }
}

impl InstalledRelease {
    /// Returns the digests by which it may be revoked.
    pub fn digests(&self) -> [Digest; 2] {
        [self.signed_sha256.clone(), self.sha256.clone()]
    }

    /// Returns what says which of two releases is the newer one.
    pub fn order(&self) -> (u64, u64) {
        (self.epoch, self.sequence)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInstalled {
    installed: u32,
    name: String,
    author: String,
    source: String,
    current: InstalledRelease,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<InstalledRelease>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<InstalledRelease>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRelease {
    version: String,
    sequence: u64,
    epoch: u64,
    signer: String,
    sha256: Digest,
    signed_sha256: Digest,
    /// Microseconds since the epoch.
    since: i64,
    /// A manifest, as components carry it.
    approved: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    denied: Vec<String>,
}

impl TryFrom<RawInstalled> for Installed {
    type Error = String;

    fn try_from(raw: RawInstalled) -> Result<Self, String> {
        if raw.installed != FORM {
            return Err(format!("records of form {} are not known", raw.installed));
        }
        Ok(Self {
            name: AppName::parse(&raw.name).map_err(|error| error.to_string())?,
            author: Datasite::parse(&raw.author).map_err(|error| error.to_string())?,
            source: raw.source,
            current: raw.current,
            previous: raw.previous,
            waiting: raw.waiting,
            skipped: raw.skipped,
        })
    }
}

impl From<Installed> for RawInstalled {
    fn from(it: Installed) -> Self {
        Self {
            installed: FORM,
            name: it.name.to_string(),
            author: it.author.to_string(),
            source: it.source,
            current: it.current,
            previous: it.previous,
            waiting: it.waiting,
            skipped: it.skipped,
        }
    }
}

impl TryFrom<RawRelease> for InstalledRelease {
    type Error = String;

    fn try_from(raw: RawRelease) -> Result<Self, String> {
        let approved = raw.approved.to_string();
        let approved = Manifest::from_section(approved.as_bytes());
        let denied = raw.denied.iter().map(|text| PathPattern::parse(text));
        Ok(Self {
            version: raw
                .version
                .parse()
                .map_err(|error: semver::Error| error.to_string())?,
            sequence: raw.sequence,
            epoch: raw.epoch,
            signer: raw.signer,
            sha256: raw.sha256,
            signed_sha256: raw.signed_sha256,
            since: Timestamp::from_micros(raw.since),
            approved: approved.map_err(|error| error.to_string())?,
            denied: denied
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?,
        })
    }
}

impl From<InstalledRelease> for RawRelease {
    fn from(it: InstalledRelease) -> Self {
        Self {
            version: it.version.to_string(),
            sequence: it.sequence,
            epoch: it.epoch,
            signer: it.signer,
            sha256: it.sha256,
            signed_sha256: it.signed_sha256,
            since: it.since.micros(),
            approved: serde_json::from_slice(&it.approved.to_section()).unwrap_or_default(),
            denied: it.denied.iter().map(ToString::to_string).collect(),
        }
    }
}
