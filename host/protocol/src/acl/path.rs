//! Paths below the datasites root, cleaned.

/// The most bytes a path may have. The server allows 1024 for a key.
const MAX_BYTES: usize = 4096;

/// Why a path names nothing below the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// It is empty or names the root, which is nobody's.
    Root,
    /// It leaves the root by `..`.
    Outside,
    /// It is longer than 4096 bytes.
    TooLong,
}

impl PathFault {
    /// Returns what is wrong, as the end of a sentence about the path.
    pub fn as_str(self) -> &'static str {
        match self {
            PathFault::Root => "names the root of all datasites",
            PathFault::Outside => "leaves the root by `..`",
            PathFault::TooLong => "is longer than 4096 bytes",
        }
    }
}

/// Returns `path` without empty segments, `.` and `..`, as the server's
/// `ACLNormPath` does. Backslashes are ordinary.
pub(super) fn clean(path: &str) -> Result<String, PathFault> {
    if path.len() > MAX_BYTES {
        return Err(PathFault::TooLong);
    }
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop().ok_or(PathFault::Outside)?),
            name => segments.push(name),
        }
    }
    if segments.is_empty() {
        Err(PathFault::Root)
    } else {
        Ok(segments.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans() {
        for (path, cleaned) in [
            ("a", Ok("a")),
            ("/a", Ok("a")),
            ("///a//b/", Ok("a/b")),
            ("a/./b/.", Ok("a/b")),
            ("a/b/../c", Ok("a/c")),
            ("a/../b", Ok("b")),
            ("a\\b", Ok("a\\b")),
            ("a/.../b", Ok("a/.../b")),
            (" /a", Ok(" /a")),
            ("", Err(PathFault::Root)),
            ("/", Err(PathFault::Root)),
            (".", Err(PathFault::Root)),
            ("a/..", Err(PathFault::Root)),
            ("..", Err(PathFault::Outside)),
            ("/../a", Err(PathFault::Outside)),
            ("a/../../a", Err(PathFault::Outside)),
        ] {
            assert_eq!(clean(path), cleaned.map(str::to_owned), "{path:?}");
        }
        assert_eq!(clean(&"a".repeat(4097)), Err(PathFault::TooLong));
    }
}
