//! The path of an endpoint below `rpc/`.

use std::fmt;
use std::sync::Arc;

use super::AddressError;
use super::datasite::is_datasite;
use super::ignored::is_ignored_by_sync;

/// The most segments an endpoint's path may have.
const MAX_SEGMENTS: usize = 32;
/// The most bytes a segment may have, as on common file systems.
const MAX_SEGMENT_BYTES: usize = 255;
/// The most bytes the path may have: the SyftBox server takes no longer keys,
/// so nothing below such an endpoint would ever sync.
const MAX_BYTES: usize = 1024;

/// The path of an endpoint below `rpc/`, checked segment by segment.
///
/// May be the root, `rpc/` itself. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint(Arc<str>);

impl Endpoint {
    /// Returns `text` as an endpoint, without its outer slashes.
    ///
    /// At most 32 segments of 1 to 255 bytes each, 1024 bytes in all. The released SyftEvent
    /// allows spaces, `[x]` and non-ASCII, refuses `*` and `?`, and lets `..`
    /// out of the folder, which is refused here. Refused as well: `.`, control
    /// characters, backslashes, a segment that is an email (that folder is a
    /// sender's), one that sync ignores, and one that ends in `.request` or
    /// `.response` (sync takes all below it for messages).
    pub fn parse(text: &str) -> Result<Endpoint, AddressError> {
        let path = text.trim_matches('/');
        match broken_rule(path) {
            Some(reason) => Err(AddressError::endpoint(text, reason)),
            None => Ok(Endpoint(path.into())),
        }
    }

    /// Returns the segments from the top; none for the root.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// Returns the path without outer slashes, `deep/er`; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key in `rpc.schema.json`: `/deep/er`, and `/.` for the
    /// root, as the released SyftEvent writes it.
    pub fn schema_key(&self) -> String {
        if self.0.is_empty() {
            "/.".to_owned()
        } else {
            format!("/{}", self.0)
        }
    }
}

/// Writes `/deep/er`, and `/` for the root.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

fn broken_rule(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return None;
    }
    if path.len() > MAX_BYTES {
        return Some("longer than 1024 bytes");
    }
    if path.split('/').count() > MAX_SEGMENTS {
        return Some("more than 32 segments");
    }
    path.split('/').find_map(broken_segment_rule)
}

fn broken_segment_rule(segment: &str) -> Option<&'static str> {
    if segment.is_empty() {
        return Some("empty segments are not allowed");
    }
    if segment.len() > MAX_SEGMENT_BYTES {
        return Some("a segment is longer than 255 bytes");
    }
    if segment == "." || segment == ".." {
        return Some("`.` and `..` are not allowed");
    }
    if segment.contains(['*', '?']) {
        return Some("wildcards are not allowed");
    }
    if segment.contains('\\') || segment.contains(char::is_control) {
        return Some("backslashes and control characters are not allowed");
    }
    if is_datasite(segment) {
        return Some("a segment that is an email is a sender's folder");
    }
    if segment.ends_with(".request") || segment.ends_with(".response") {
        return Some("a segment must not end in `.request` or `.response`");
    }
    if is_ignored_by_sync(segment) {
        return Some("SyftBox does not sync folders of this name");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_outer_slashes() {
        for (text, path, shown, schema_key) in [
            ("echo", "echo", "/echo", "/echo"),
            ("/echo", "echo", "/echo", "/echo"),
            ("/deep/er/", "deep/er", "/deep/er", "/deep/er"),
            ("//a//", "a", "/a", "/a"),
            ("", "", "/", "/."),
            ("/", "", "/", "/."),
            (
                "[x] y/é/.hidden/a..b",
                "[x] y/é/.hidden/a..b",
                "/[x] y/é/.hidden/a..b",
                "/[x] y/é/.hidden/a..b",
            ),
        ] {
            let endpoint = Endpoint::parse(text).expect(text);
            assert_eq!(endpoint.as_str(), path);
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(endpoint.schema_key(), schema_key);
            assert_eq!(endpoint.segments().collect::<Vec<_>>().join("/"), path);
        }
    }

    #[test]
    fn refuses_what_leaves_its_folder_or_does_not_sync() {
        for text in [
            "..",
            "/../../x",
            "a/../b",
            ".",
            "a/./b",
            "a//b",
            "a/*",
            "a?",
            "a\\b",
            "a\0b",
            "a\nb",
            "bob@x.org",
            "a/bob@x.org/b",
            "logs",
            "a/dist/b",
            "x.tmp",
            "x.request",
            "x.response/y",
            "x.conflict/y",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn is_bounded() {
        assert!(Endpoint::parse(&["a"; 32].join("/")).is_ok());
        assert!(Endpoint::parse(&["a"; 33].join("/")).is_err());
        assert!(Endpoint::parse(&"a".repeat(255)).is_ok());
        assert!(Endpoint::parse(&"a".repeat(256)).is_err());
        let long = [
            "a".repeat(255),
            "a".repeat(255),
            "a".repeat(255),
            "a".repeat(255),
        ]
        .join("/");
        assert!(Endpoint::parse(&long).is_ok());
        assert!(Endpoint::parse(&format!("{long}/b")).is_err());
    }
}
