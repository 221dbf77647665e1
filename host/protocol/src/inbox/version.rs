//! What tells a request file from another of its name.
//!
//! Why: docs/decisions/09-a-request-is-known-by-its-content.md

use std::fmt;

use sha2::{Digest, Sha256};

/// Identity of one state of a file: a rewritten or replaced file has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Number of the file on its device.
    pub inode: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// When the file was changed, in nanoseconds since the epoch, by a clock
    /// that the writer of the file cannot set (`ctime`).
    pub changed: i128,
}

/// Digest of what a file holds. White space around a message is none of it, as a
/// client may write the end of the line by itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content([u8; Self::BYTES]);

/// A file as it was read. Whoever touches it changes its stamp; then what it holds
/// decides whether it is the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its state.
    pub stamp: Stamp,
    /// When it was made, in nanoseconds since the epoch, where the file system says so.
    /// The number of a file that was deleted may be that of the next one.
    pub born: Option<i128>,
    /// What it holds, if it was read.
    pub content: Option<Content>,
}

impl Content {
    /// Length of a digest.
    pub const BYTES: usize = 32;

    /// Returns the digest of what a file holds.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes.trim_ascii()).into())
    }

    /// Returns the bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, ..] = self.0;
        write!(f, "Content({first:02x}{second:02x}..)")
    }
}

impl Version {
    /// Returns the version of a file that was not read.
    pub fn unread(stamp: Stamp) -> Self {
        Self {
            stamp,
            born: None,
            content: None,
        }
    }

    /// Tells whether it holds the same.
    pub fn says_the_same(&self, other: &Version) -> bool {
        self.content.is_some() && self.content == other.content
    }

    /// Tells whether it is the same file and holds the same, however often it was touched
    /// in between. A file that was deleted and written anew with the same bytes is
    /// another one.
    pub fn is_same_file(&self, other: &Version) -> bool {
        let is_same_inode = self.stamp.inode == other.stamp.inode;
        let is_same_birth = self.born.is_some() && self.born == other.born;
        self.stamp == other.stamp || (is_same_inode && is_same_birth && self.says_the_same(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(inode: u64, changed: i128, born: Option<i128>, bytes: &[u8]) -> Version {
        let stamp = Stamp {
            inode,
            bytes: bytes.len() as u64,
            changed,
        };
        Version {
            stamp,
            born,
            content: Some(Content::of(bytes)),
        }
    }

    #[test]
    fn a_file_that_is_touched_is_the_same_and_one_that_is_made_anew_is_not() {
        let first = version(1, 1, Some(1), b"{}");
        for (is_same, other) in [
            (true, version(1, 1, Some(1), b"{}")),
            (true, version(1, 2, Some(1), b"{}")),
            (true, version(1, 2, Some(1), b"{}\n")),
            (false, version(1, 2, Some(1), b"[]")),
            (false, version(1, 2, Some(2), b"{}")),
            (false, version(2, 2, Some(1), b"{}")),
            (false, version(1, 2, None, b"{}")),
            (true, Version::unread(first.stamp)),
        ] {
            assert_eq!(first.is_same_file(&other), is_same, "{other:?}");
        }
    }
}
