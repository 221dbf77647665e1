//! The prefix under which something is included.

/// Makes `/list` below `/users` the path `/users/list`.
pub(super) fn put_before(prefix: &str, path: &mut String) {
    let prefix = trimmed(prefix);
    if prefix.is_empty() {
        return;
    }
    let below = if path == "/" { "" } else { path.as_str() };
    *path = ["/", prefix, below].concat();
}

/// Returns the path as it is below the prefix.
pub(super) fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    let prefix = trimmed(prefix);
    if prefix.is_empty() {
        return Some(path);
    }
    match path.strip_prefix('/')?.strip_prefix(prefix)? {
        "" => Some("/"),
        // What ends with a slash is no path of an endpoint.
        "/" => None,
        rest => rest.starts_with('/').then_some(rest),
    }
}

fn trimmed(prefix: &str) -> &str {
    let (start, end) = inner(prefix.as_bytes());
    prefix.get(start..end).unwrap_or_default()
}

/// Panics, at compile time, where a prefix breaks a rule of paths.
///
/// These are the rules of `#[on_request]`, which are the host's as far as they
/// need no more than the text.
pub const fn check_prefix(prefix: &str) {
    let bytes = prefix.as_bytes();
    let (mut start, end) = inner(bytes);
    while start < end {
        let mut i = start;
        while i < end && bytes[i] != b'/' {
            check_byte(bytes, i);
            i += 1;
        }
        check_segment(bytes, start, i);
        start = i + 1;
    }
}

/// Returns where the text begins and ends without its outer slashes.
pub(super) const fn inner(bytes: &[u8]) -> (usize, usize) {
    let (mut start, mut end) = (0, bytes.len());
    while start < end && bytes[start] == b'/' {
        start += 1;
    }
    while start < end && bytes[end - 1] == b'/' {
        end -= 1;
    }
    (start, end)
}

const fn check_byte(bytes: &[u8], i: usize) {
    let byte = bytes[i];
    // U+0080 to U+009F control too; in UTF-8 they begin with 0xC2.
    let is_high_control = byte == 0xC2 && bytes[i + 1] < 0xA0;
    assert!(
        !matches!(byte, b'*' | b'?'),
        "wildcards are not allowed in a prefix"
    );
    assert!(
        byte != b'\\' && !byte.is_ascii_control() && !is_high_control,
        "backslashes and control characters are not allowed in a prefix"
    );
}

const fn check_segment(bytes: &[u8], start: usize, end: usize) {
    assert!(start < end, "a prefix has no empty segment");
    let is_dots = bytes[start] == b'.'
        && (end - start == 1 || (end - start == 2 && bytes[start + 1] == b'.'));
    assert!(!is_dots, "`.` and `..` are not allowed in a prefix");
    assert!(
        !ends_with(bytes, start, end, b".request") && !ends_with(bytes, start, end, b".response"),
        "a segment of a prefix does not end in `.request` or `.response`"
    );
}

const fn ends_with(bytes: &[u8], start: usize, end: usize, suffix: &[u8]) -> bool {
    if end - start < suffix.len() {
        return false;
    }
    let mut i = 0;
    while i < suffix.len() {
        if bytes[end - suffix.len() + i] != suffix[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_what_a_path_allows_and_outer_slashes() {
        for prefix in [
            "",
            "/",
            "//",
            "/users",
            "users",
            "users/",
            "//a/b//",
            "/.hidden",
            "/a..b",
            "/é [x]",
            "/requests",
            "/.../x",
        ] {
            check_prefix(prefix);
        }
    }

    #[test]
    fn refuses_what_is_no_single_folder() {
        for prefix in [
            "/a//b",
            "/..",
            "..",
            "/a/../b",
            "/.",
            "/a/./b",
            "/a/*",
            "a?/b",
            "/a\\b",
            "/a\n",
            "/a\u{7f}",
            "/a\u{85}/b",
            "/x.request",
            "/x.response/y",
            "/.request",
        ] {
            let checked = std::panic::catch_unwind(|| check_prefix(prefix));
            assert!(checked.is_err(), "{prefix:?}");
        }
    }

    #[test]
    fn joins_with_one_slash() {
        for (prefix, path, expected) in [
            ("", "/", "/"),
            ("/", "/", "/"),
            ("", "/list", "/list"),
            ("/users", "/", "/users"),
            ("users", "/list", "/users/list"),
            ("//api/v1/", "/users/list", "/api/v1/users/list"),
        ] {
            let mut joined = path.to_owned();
            put_before(prefix, &mut joined);
            assert_eq!(joined, expected);
            assert_eq!(below(prefix, expected), Some(path));
        }
    }
}
