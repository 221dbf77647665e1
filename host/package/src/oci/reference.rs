//! Where in which registry an app is.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use thiserror::Error;

use super::digest::OciDigest;

/// What a reference begins with.
pub const SCHEME: &str = "oci://";

/// The most bytes that a host and port, and a repository, may have.
const MAX_BYTES: usize = 255;
const MAX_TAG_BYTES: usize = 128;

/// Where an app is: `oci://HOST[:PORT]/REPOSITORY:TAG`, or `…@sha256:DIGEST`.
///
/// There are no defaults: neither is a host guessed, nor a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    host: String,
    port: Option<u16>,
    repository: String,
    version: ReferenceVersion,
}

/// Which of a repository's manifests is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceVersion {
    /// The one that the registry has under this name today.
    Tag(String),
    /// This one.
    OciDigest(OciDigest),
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a registry reference: {0}")]
pub struct ReferenceError(&'static str);

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let wrong = |why| Err(ReferenceError(why));
        let Some(text) = text.strip_prefix(SCHEME) else {
            return wrong("it does not begin with `oci://`");
        };
        let Some((authority, path)) = text.split_once('/') else {
            return wrong("it names no repository; expected `oci://HOST/REPOSITORY:TAG`");
        };
        let (host, port) = parse_authority(authority).ok_or(ReferenceError(
            "what stands before the first `/` is no host",
        ))?;
        let (repository, version) = parse_version(path)?;
        if !is_repository(repository) {
            return wrong("a repository has small letters, digits and single `.`, `_`, `-`, `/`");
        }
        Ok(Self {
            host,
            port,
            repository: repository.to_owned(),
            version,
        })
    }
}

fn parse_version(path: &str) -> Result<(&str, ReferenceVersion), ReferenceError> {
    if let Some((repository, digest)) = path.split_once('@') {
        if repository.contains(':') {
            return Err(ReferenceError("it has both a tag and a digest; give one"));
        }
        return match OciDigest::parse(digest) {
            Some(digest) => Ok((repository, ReferenceVersion::OciDigest(digest))),
            None => Err(ReferenceError("a digest is `sha256:` and 64 small digits")),
        };
    }
    let Some((repository, tag)) = path.split_once(':') else {
        return Err(ReferenceError(
            "it says no version; add `:TAG` or `@sha256:DIGEST`",
        ));
    };
    if is_tag(tag) {
        Ok((repository, ReferenceVersion::Tag(tag.to_owned())))
    } else {
        Err(ReferenceError(
            "a tag has up to 128 letters, digits, `.`, `_` and `-`",
        ))
    }
}

fn parse_authority(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(parse_port(port)?)),
        _ => (authority, None),
    };
    let is_host = match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    (is_host && authority.len() <= MAX_BYTES).then(|| (host.to_owned(), port))
}

fn parse_port(port: &str) -> Option<u16> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|port| is_number && *port != 0)
}

fn is_label(label: &str) -> bool {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !label.is_empty()
        && label.bytes().all(is_plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Separators stand between letters or digits: one `.`, one or two `_`, or any number of `-`.
fn is_repository(repository: &str) -> bool {
    let is_word = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let is_separator =
        |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|b| b == b'-');
    repository.len() <= MAX_BYTES
        && repository.split('/').all(|part| {
            part.bytes().next().is_some_and(is_word)
                && part.bytes().next_back().is_some_and(is_word)
                && part
                    .split(|c: char| c.is_ascii() && is_word(c as u8))
                    .all(is_separator)
        })
}

fn is_tag(tag: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !tag.is_empty()
        && tag.len() <= MAX_TAG_BYTES
        && tag.bytes().all(is_plain)
        && !tag.starts_with(['.', '-'])
}

impl Reference {
    /// Returns which manifest is meant.
    pub fn version(&self) -> &ReferenceVersion {
        &self.version
    }

    /// Returns the repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns the registry: the host, and the port if there is one.
    pub fn registry(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// Returns the reference to one manifest of the same repository, which stays the same.
    pub fn pinned(&self, digest: &OciDigest) -> Self {
        let version = ReferenceVersion::OciDigest(digest.clone());
        Self {
            version,
            ..self.clone()
        }
    }

    /// Tells whether the registry is on this machine, so that nobody is in between.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Tells whether a host is this machine. Other names of it count as foreign.
pub(super) fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

impl fmt::Display for ReferenceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::OciDigest(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.version {
            ReferenceVersion::Tag(_) => ':',
            ReferenceVersion::OciDigest(_) => '@',
        };
        let (registry, repository) = (self.registry(), &self.repository);
        write!(f, "{SCHEME}{registry}/{repository}{mark}{}", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn reads_and_shows_the_same() {
        for text in [
            "oci://ghcr.io/alice/leaderboard:1.2.0",
            "oci://127.0.0.1:5000/a:_",
            "oci://[::1]:5000/a/b-c/d__e.f---g:A.b-C",
            "oci://[::1]/a:1",
            &format!("oci://registry.example:443/a@{DIGEST}"),
        ] {
            let read = text.parse::<Reference>();
            assert_eq!(
                read.map(|reference| reference.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn refuses_what_leaves_something_to_guess() {
        let upper = DIGEST.to_uppercase();
        let long = "a".repeat(256);
        for (text, why) in [
            ("ghcr.io/a:1", "begin"),
            ("OCI://ghcr.io/a:1", "begin"),
            ("https://ghcr.io/a:1", "begin"),
            ("oci://", "no repository"),
            ("oci://alpine", "no repository"),
            ("oci:///a:1", "no host"),
            ("oci://GHCR.io/a:1", "no host"),
            ("oci://user@ghcr.io/a:1", "no host"),
            ("oci://ghcr.io:/a:1", "no host"),
            ("oci://ghcr.io:0/a:1", "no host"),
            ("oci://ghcr.io:+5/a:1", "no host"),
            ("oci://ghcr.io:65536/a:1", "no host"),
            ("oci://-ghcr.io/a:1", "no host"),
            ("oci://ghcr..io/a:1", "no host"),
            ("oci://::1/a:1", "no host"),
            ("oci://[::g]/a:1", "no host"),
            (&format!("oci://{long}/a:1"), "no host"),
            ("oci://ghcr.io/a", "no version"),
            ("oci://ghcr.io/a@", "a digest"),
            ("oci://ghcr.io/a@sha512:00", "a digest"),
            (&format!("oci://ghcr.io/a@{upper}"), "a digest"),
            (&format!("oci://ghcr.io/a:1@{DIGEST}"), "give one"),
            ("oci://ghcr.io/a:", "a tag"),
            ("oci://ghcr.io/a:.1", "a tag"),
            ("oci://ghcr.io/a:1/b", "a tag"),
            ("oci://ghcr.io/a:1?x", "a tag"),
            (&format!("oci://ghcr.io/a:{}", &long[..129]), "a tag"),
            ("oci://ghcr.io/:1", "a repository"),
            ("oci://ghcr.io/A:1", "a repository"),
            ("oci://ghcr.io//a:1", "a repository"),
            ("oci://ghcr.io/a/:1", "a repository"),
            ("oci://ghcr.io/../a:1", "a repository"),
            ("oci://ghcr.io/a..b:1", "a repository"),
            ("oci://ghcr.io/a___b:1", "a repository"),
            ("oci://ghcr.io/a-:1", "a repository"),
            ("oci://ghcr.io/a%2e:1", "a repository"),
            ("oci://ghcr.io/ä:1", "a repository"),
            (&format!("oci://ghcr.io/{long}:1"), "a repository"),
        ] {
            let error = text.parse::<Reference>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn only_this_machine_is_this_machine() {
        let is_loopback = |text: &str| text.parse::<Reference>().expect(text).is_loopback();
        for host in ["127.0.0.1", "127.0.0.1:5000", "localhost:1", "[::1]:5000"] {
            assert!(is_loopback(&format!("oci://{host}/a:1")), "{host}");
        }
        for host in ["127.0.0.1.example", "localhost.example", "[::2]", "0.0.0.0"] {
            assert!(!is_loopback(&format!("oci://{host}/a:1")), "{host}");
        }
    }
}
