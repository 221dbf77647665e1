//! Packages that are known by their hashes, as pip reports which it would install.

use std::collections::BTreeMap;

use serde::Deserialize;
use syft_manifest::sanitize::plain_excerpt;

use crate::error::CommandError;

/// How the file of a package ends that has nothing native.
const PURE: &str = "-none-any.whl";

/// A package that is known by the hashes of its files.
#[derive(Debug, PartialEq)]
pub(super) struct Locked {
    name: String,
    version: String,
    sha256: Vec<String>,
}

/// The part of what `pip install --report` writes that we need.
#[derive(Debug, Deserialize)]
struct Report {
    install: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    metadata: Metadata,
    download_info: Download,
    /// It was named by an address.
    is_direct: bool,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

#[derive(Debug, Deserialize)]
struct Download {
    url: String,
    #[serde(default)]
    archive_info: Archive,
}

#[derive(Debug, Default, Deserialize)]
struct Archive {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// Reads a report.
///
/// # Errors
/// A package is neither a pure-Python wheel from the index nor one of ours, by its name and
/// hash; or it has no hash.
pub(super) fn read(
    report: &[u8],
    is_ours: impl Fn(&str, &str) -> bool,
) -> Result<Vec<Locked>, CommandError> {
    let report: Report = serde_json::from_slice(report)
        .map_err(|error| CommandError::from(error).about("read what pip reports"))?;
    let lock = |item: Item| item.lock(&is_ours);
    report.install.into_iter().map(lock).collect()
}

impl Locked {
    pub(super) fn new(name: &str, version: &str, sha256: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            sha256: sha256.iter().map(|&hash| hash.to_owned()).collect(),
        }
    }

    /// Returns it as a line of a list for pip.
    pub(super) fn line(&self) -> String {
        let mut line = format!("{}=={}", self.name, self.version);
        for hash in &self.sha256 {
            line.push_str(&format!(" --hash=sha256:{hash}"));
        }
        line
    }
}

impl Item {
    fn lock(self, is_ours: impl Fn(&str, &str) -> bool) -> Result<Locked, CommandError> {
        let Metadata { name, version } = &self.metadata;
        let hash = self.download_info.archive_info.hashes.get("sha256");
        let is_ours = hash.is_some_and(|hash| is_ours(self.download_info.file_name(), hash));
        let fault = match hash {
            _ if !is_of(name, "-_.") || !is_of(version, "-_.+!") => "has no proper name",
            _ if self.is_direct => "does not come from the index",
            _ if !is_ours && !self.download_info.is_pure() => "is not a pure-Python wheel",
            Some(hash) if is_sha256(hash) => {
                return Ok(Locked::new(name, version, &[hash]));
            }
            _ => "has no SHA-256 in the index",
        };
        let url = plain_excerpt(&self.download_info.url, 200);
        let name = plain_excerpt(name, 100);
        Err(CommandError::new(format!(
            "the package {name} {fault}: {url}"
        )))
    }
}

impl Download {
    fn is_pure(&self) -> bool {
        self.file_name().ends_with(PURE)
    }

    fn file_name(&self) -> &str {
        let end = self.url.find(['?', '#']).unwrap_or(self.url.len());
        let path = &self.url[..end];
        path.rsplit('/').next().unwrap_or(path)
    }
}

fn is_of(text: &str, more: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    starts_well
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HASH: &str = "8623cd8cab8453cb0cd8bf03f3c7103420d06f2f3d360186a280a70a1ca5e89f";

    const OURS: &str = "a-1-cp314-cp314-wasi_0_0_0_wasm32.whl";

    fn item() -> Value {
        json!({
            "metadata": {"name": "a_b", "version": "1.0+x", "requires_dist": ["c"]},
            "download_info": {
                "url": "https://h/a_b-1.0-py3-none-any.whl",
                "archive_info": {"hash": "x", "hashes": {"sha256": HASH}},
            },
            "is_direct": false,
            "requested": true,
        })
    }

    fn read_one(item: &Value) -> Result<Vec<String>, String> {
        let report = json!({"version": "1", "install": [item]}).to_string();
        match read(report.as_bytes(), |name, _| name == OURS) {
            Ok(locked) => Ok(locked.iter().map(Locked::line).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn wheels_of_the_index_are_locked_by_their_hashes() {
        let line = format!("a_b==1.0+x --hash=sha256:{HASH}");
        assert_eq!(read_one(&item()), Ok(vec![line]));
    }

    #[test]
    fn wheels_of_ours_are_locked_as_well() {
        let mut item = item();
        item["download_info"]["url"] = json!(format!("file:///wheels/{OURS}"));
        let line = format!("a_b==1.0+x --hash=sha256:{HASH}");
        assert_eq!(read_one(&item), Ok(vec![line]));
    }

    #[test]
    fn anything_else_is_refused() {
        for (place, value, expected) in [
            ("/is_direct", json!(true), "does not come from the index"),
            ("/metadata/name", json!("a -r x"), "has no proper name"),
            ("/metadata/name", json!("--x"), "has no proper name"),
            ("/metadata/version", json!("1\n-r x"), "has no proper name"),
            (
                "/download_info/url",
                json!("https://h/a-1.0.tar.gz"),
                "is not a pure-Python wheel",
            ),
            (
                "/download_info/url",
                json!("https://h/a.tar.gz?-none-any.whl"),
                "is not a pure-Python wheel",
            ),
            (
                "/download_info/url",
                json!("https://h/a-1-cp314-abi3-linux_x86_64.whl"),
                "is not a pure-Python wheel",
            ),
            (
                "/download_info/archive_info/hashes",
                json!({"md5": "00"}),
                "has no SHA-256",
            ),
            (
                "/download_info/archive_info/hashes/sha256",
                json!("00 -r x"),
                "has no SHA-256",
            ),
        ] {
            let mut item = item();
            *item.pointer_mut(place).expect("it is there") = value;
            let error = read_one(&item).expect_err(place);
            assert!(error.contains(expected), "{error}");
        }
        assert!(read(b"", |_, _| true).is_err());
    }
}
