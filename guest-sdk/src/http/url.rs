//! The parts of a URL that a request needs.

/// A URL in its parts, as far as they matter here. The host checks each of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub(super) is_encrypted: bool,
    /// Host and port.
    pub(super) authority: &'a str,
    /// Path and query; empty where there is neither.
    pub(super) path: &'a str,
}

impl<'a> Url<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        // What is behind a `#` is for who reads the answer.
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let is_whole = !authority.is_empty();
        is_whole.then_some(Self {
            is_encrypted,
            authority,
            path,
        })
    }

    /// Returns the text of scheme, host and port, without what may be secret.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let host = self.authority.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_parts() {
        for (text, is_encrypted, authority, path) in [
            ("https://a.example", true, "a.example", ""),
            ("HTTP://a.example:8080/", false, "a.example:8080", "/"),
            ("https://a.example/b?c=d#e", true, "a.example", "/b?c=d"),
            ("https://a.example?c=/", true, "a.example", "?c=/"),
            ("http://[::1]:80/x", false, "[::1]:80", "/x"),
        ] {
            let url = Url {
                is_encrypted,
                authority,
                path,
            };
            assert_eq!(Url::parse(text), Some(url), "{text}");
        }
        for text in ["", "a.example", "ftp://a.example", "https://", "https:///x"] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_origin_has_no_password() {
        let url = Url::parse("https://user:secret@a.example/x");
        assert_eq!(
            url.map(|url| url.origin()).as_deref(),
            Some("https://a.example")
        );
    }
}
