//! A catalog as JSON, which has one spelling.
//!
//! Why: docs/decisions/34-a-catalog-has-one-spelling.md

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use syft_manifest::sanitize::plain_excerpt;
use syft_manifest::{SEQUENCE, parse_version};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::timestamp::Timestamp;

use super::{Catalog, CatalogError, Entry, Least, MAX_REVOKED, ReleasePath};
use crate::package::{Link, PublicKey};

/// The version of the format.
const VERSION: u64 = 1;

/// Keys as they are written, in their order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    catalog: u64,
    author: String,
    counter: u64,
    issued: String,
    expires: String,
    lineage: Vec<Link>,
    revoked_keys: Vec<PublicKey>,
    apps: BTreeMap<String, RawEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    version: String,
    epoch: u64,
    sequence: u64,
    sha256: String,
    signed_sha256: String,
    size: u64,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    least: Option<Least>,
    revoked: Vec<String>,
}

/// All that is read of a catalog of who knows which version.
#[derive(Deserialize)]
struct AnyVersion {
    catalog: u64,
}

impl Catalog {
    /// Reads a catalog. What is read has no other spelling.
    ///
    /// # Errors
    /// It is not a catalog, or has an invalid value.
    pub fn parse(json: &[u8]) -> Result<Self, CatalogError> {
        if let Ok(AnyVersion { catalog }) = serde_json::from_slice(json)
            && catalog != VERSION
        {
            return Err(CatalogError::Version(catalog));
        }
        let wrong = |error: serde_json::Error| plain_excerpt(&error.to_string(), 200);
        let raw: Raw = serde_json::from_slice(json).map_err(|e| CatalogError::Json(wrong(e)))?;
        let catalog = raw.check()?;
        // That leaves out doubled keys, lists in place of objects, spaces and what not.
        if catalog.to_json() == json {
            Ok(catalog)
        } else {
            Err(CatalogError::Spelling)
        }
    }

    /// Returns the catalog as it is signed.
    pub fn to_json(&self) -> Vec<u8> {
        let app = |(name, entry): (&AppName, &Entry)| (name.to_string(), RawEntry::from(entry));
        let raw = Raw {
            catalog: VERSION,
            author: self.author.to_string(),
            counter: self.counter,
            issued: self.issued.to_string(),
            expires: self.expires.to_string(),
            lineage: self.lineage.clone(),
            revoked_keys: self.revoked_keys.clone(),
            apps: self.apps.iter().map(app).collect(),
        };
        serde_json::to_vec(&raw).expect("texts and numbers are JSON")
    }
}

impl Raw {
    fn check(self) -> Result<Catalog, CatalogError> {
        use CatalogError::Value;
        let author = Datasite::parse(&self.author).map_err(|_| Value("author"))?;
        Link::check_chain(&author, &self.lineage)?;
        let mut apps = BTreeMap::new();
        for (name, entry) in self.apps {
            let name = AppName::parse(&name).map_err(|_| Value("apps"))?;
            apps.insert(name, entry.check()?);
        }
        let catalog = Catalog {
            author,
            counter: self.counter,
            issued: Timestamp::parse(&self.issued).ok_or(Value("issued"))?,
            expires: Timestamp::parse(&self.expires).ok_or(Value("expires"))?,
            lineage: self.lineage,
            revoked_keys: self.revoked_keys,
            apps,
        };
        if catalog.counter > *SEQUENCE.end() {
            return Err(Value("counter"));
        }
        if catalog.expires < catalog.issued {
            return Err(Value("expires"));
        }
        if catalog
            .apps
            .values()
            .any(|entry| entry.epoch > catalog.epoch())
        {
            return Err(Value("epoch"));
        }
        Ok(catalog)
    }
}

impl RawEntry {
    fn check(self) -> Result<Entry, CatalogError> {
        use CatalogError::Value;
        let newest = Least {
            epoch: self.epoch,
            sequence: self.sequence,
        };
        if self.least.is_some_and(|least| least > newest) {
            return Err(Value("least"));
        }
        if self.revoked.len() > MAX_REVOKED {
            return Err(Value("revoked"));
        }
        let revoked = self.revoked.iter().map(|text| digest(text));
        if !SEQUENCE.contains(&self.sequence) {
            return Err(Value("sequence"));
        }
        Ok(Entry {
            version: parse_version(&self.version).map_err(|_| Value("version"))?,
            epoch: self.epoch,
            sequence: self.sequence,
            sha256: digest(&self.sha256).ok_or(Value("sha256"))?,
            signed_sha256: digest(&self.signed_sha256).ok_or(Value("signed_sha256"))?,
            size: self.size,
            path: ReleasePath::parse(&self.path).ok_or(Value("path"))?,
            least: self.least,
            revoked: revoked.collect::<Option<_>>().ok_or(Value("revoked"))?,
        })
    }
}

impl From<&Entry> for RawEntry {
    fn from(entry: &Entry) -> Self {
        Self {
            version: entry.version.to_string(),
            epoch: entry.epoch,
            sequence: entry.sequence,
            sha256: HEXLOWER.encode(&entry.sha256),
            signed_sha256: HEXLOWER.encode(&entry.signed_sha256),
            size: entry.size,
            path: entry.path.to_string(),
            least: entry.least,
            revoked: entry
                .revoked
                .iter()
                .map(|digest| HEXLOWER.encode(digest))
                .collect(),
        }
    }
}

/// Returns the digest that a text of hexadecimal digits says.
pub(super) fn digest(text: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
