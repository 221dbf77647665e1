//! What is said of an app that is installed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use syft_manifest::{Digest, Limits, Manifest};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;
use syft_protocol::timestamp::Timestamp;

/// The only form of a record that there is yet.
const FORM: u32 = 1;

/// The most releases before the current one that are kept, each with its component.
pub const MAX_EARLIER: usize = 4;

/// The most releases that are not taken again by themselves: more than anybody goes back from
/// before a newer one is there.
const MAX_SKIPPED: usize = 64;

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
    /// What was served before and can be again, the last one first.
    pub earlier: Vec<InstalledRelease>,
    /// What wants more than the owner has approved, and waits for that.
    pub waiting: Option<InstalledRelease>,
    /// The signed digests of releases that the owner went back from or did not want: they are not
    /// taken again by themselves.
    pub skipped: Vec<Digest>,
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
        let others = self.earlier.iter().chain(&self.waiting);
        [&self.current].into_iter().chain(others)
    }

    /// Returns what was served before the current release.
    pub fn previous(&self) -> Option<&InstalledRelease> {
        self.earlier.first()
    }

    /// Returns the kept releases that are older than the current one, the newest first.
    pub fn older(&self) -> Vec<&InstalledRelease> {
        let is_older = |release: &&InstalledRelease| release.order() < self.current.order();
        let mut older: Vec<_> = self.earlier.iter().filter(is_older).collect();
        older.sort_by_key(|release| std::cmp::Reverse(release.order()));
        older
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
        let mut earlier = self.earlier;
        earlier.retain(|other| other.sha256 != release.sha256);
        earlier.insert(0, self.current);
        earlier.truncate(MAX_EARLIER);
        Self {
            source,
            earlier,
            current: release,
            waiting: None,
            skipped: Vec::new(),
            ..self
        }
    }

    /// Returns the app with an older release in place of the current one. What is newer than that
    /// is kept no longer, and is not taken again by itself.
    #[must_use]
    pub fn back_at(self, release: InstalledRelease) -> Self {
        let is_newer = |other: &InstalledRelease| other.order() > release.order();
        let newer = self.earlier.iter().filter(|other| is_newer(other));
        let left = [&self.current].into_iter().chain(newer);
        let mut skipped = self.skipped.clone();
        skipped.extend(left.map(|release| release.signed_sha256.clone()));
        skipped.truncate(MAX_SKIPPED);
        let mut earlier = self.earlier;
        earlier.retain(|other| other.order() < release.order());
        Self {
            earlier,
            current: release,
            skipped,
            ..self
        }
    }
}

impl InstalledRelease {
    /// Returns what it may use at most, as far as it was approved.
    pub fn limits(&self) -> Limits {
        self.approved.limits.over(Limits::default())
    }

    /// Returns the digests by which it may be revoked.
    pub fn digests(&self) -> [Digest; 2] {
        [self.signed_sha256.clone(), self.sha256.clone()]
    }

    /// Returns which release it is, for people.
    pub fn in_words(&self) -> String {
        format!("{} (release {})", self.version, self.sequence)
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
    /// As hosts wrote that kept one earlier release.
    #[serde(default, skip_serializing)]
    previous: Option<InstalledRelease>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<InstalledRelease>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<InstalledRelease>,
    #[serde(default, skip_serializing_if = "Skipped::is_empty")]
    skipped: Skipped,
}

/// Digests, or the one that hosts wrote which kept one.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Skipped {
    All(Vec<Digest>),
    One(Digest),
}

impl Skipped {
    fn is_empty(&self) -> bool {
        matches!(self, Self::All(digests) if digests.is_empty())
    }
}

impl Default for Skipped {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl From<Skipped> for Vec<Digest> {
    fn from(skipped: Skipped) -> Self {
        match skipped {
            Skipped::All(digests) => digests,
            Skipped::One(digest) => vec![digest],
        }
    }
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
            earlier: raw.previous.into_iter().chain(raw.earlier).collect(),
            waiting: raw.waiting,
            skipped: raw.skipped.into(),
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
            previous: None,
            earlier: it.earlier,
            waiting: it.waiting,
            skipped: Skipped::All(it.skipped),
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
