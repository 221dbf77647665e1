//! The path in `#[on_request("/path")]`.

use proc_macro2::{Span, TokenStream};
use syn::{Error, LitStr, Result};

/// Parses the arguments of the attribute, which are one path.
pub(crate) fn parse(arguments: TokenStream) -> Result<LitStr> {
    if arguments.is_empty() {
        return Err(Error::new(
            Span::call_site(),
            "the path of the endpoint is missing: #[on_request(\"/path\")]",
        ));
    }
    let path: LitStr = syn::parse2(arguments)
        .map_err(|error| Error::new(error.span(), "expected one path: #[on_request(\"/path\")]"))?;
    match broken_rule(&path.value()) {
        Some(rule) => Err(Error::new(path.span(), rule)),
        None => Ok(path),
    }
}

/// Returns the rule that `path` breaks.
///
/// These are the host's rules as far as they need no more than the text. The
/// host checks again, and knows the folders that sync ignores. It would take
/// outer slashes or none; here a path has one spelling, since requests are
/// dispatched by it.
fn broken_rule(path: &str) -> Option<&'static str> {
    let Some(below) = path.strip_prefix('/') else {
        return Some("the path of an endpoint starts with `/`");
    };
    if below.is_empty() {
        return None;
    }
    below.split('/').find_map(broken_segment_rule)
}

fn broken_segment_rule(segment: &str) -> Option<&'static str> {
    if segment.is_empty() {
        return Some("the path of an endpoint has no empty segment and does not end with `/`");
    }
    if segment == "." || segment == ".." {
        return Some("`.` and `..` are not allowed in the path of an endpoint");
    }
    if segment.contains(['*', '?']) {
        return Some("wildcards are not allowed in the path of an endpoint");
    }
    if segment.contains('\\') || segment.contains(char::is_control) {
        return Some(
            "backslashes and control characters are not allowed in the path of an endpoint",
        );
    }
    if segment.ends_with(".request") || segment.ends_with(".response") {
        return Some(
            "a segment of the path of an endpoint does not end in `.request` or `.response`",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_what_the_host_allows() {
        for path in ["/", "/hello", "/deep/er", "/.hidden", "/a..b", "/é [x]"] {
            assert_eq!(broken_rule(path), None, "{path}");
        }
    }

    #[test]
    fn refuses_what_is_no_single_folder() {
        for path in [
            "",
            "hello",
            "/hello/",
            "//",
            "/a//b",
            "/..",
            "/a/../b",
            "/.",
            "/a/*",
            "/a?",
            "/a\\b",
            "/a\n",
            "/x.request",
            "/x.response/y",
        ] {
            assert!(broken_rule(path).is_some(), "{path:?}");
        }
    }
}
