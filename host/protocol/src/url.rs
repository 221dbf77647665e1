//! `syft://` addresses as they stand in messages.

use std::fmt;

use crate::address::{AppName, Datasite, Endpoint, has_email_shape};
use crate::excerpt::excerpt;

/// The most bytes a URL may have.
pub const MAX_URL_BYTES: usize = 8 * 1024;

const SCHEME: &str = "syft://";

/// A `syft://` URL, its text kept as it was written.
///
/// The text is copied verbatim into the response, query and trailing slash
/// included. It decides nothing: where a request lies says what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyftUrl(String);

impl SyftUrl {
    /// Returns `text` as a URL.
    ///
    /// Takes all that the released client takes
    /// (`^syft://([a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+)(/.*)?$`), with
    /// any email that the SyftBox server takes in place of its narrower one.
    /// So a port, a `?` right after the host and a host without a dot are
    /// errors, while spaces and control characters in the path are not. At
    /// most [`MAX_URL_BYTES`] bytes.
    pub fn parse(text: &str) -> Result<SyftUrl, UrlError> {
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        if !has_url_shape(text) {
            return Err(UrlError::Shape(excerpt(text)));
        }
        Ok(SyftUrl(text.to_owned()))
    }

    /// Returns the URL of an endpoint. `%` and `#` in it are percent-encoded,
    /// so that [`SyftUrl::rpc_target`] gives the same endpoint back.
    pub fn for_endpoint(datasite: &Datasite, app: &AppName, endpoint: &Endpoint) -> SyftUrl {
        let path = endpoint.as_str().replace('%', "%25").replace('#', "%23");
        let slash = if path.is_empty() { "" } else { "/" };
        SyftUrl(format!(
            "{SCHEME}{datasite}/app_data/{app}/rpc{slash}{path}"
        ))
    }

    /// Returns the text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the email after `syft://`.
    pub fn datasite(&self) -> &str {
        split(&self.0).expect("checked on construction").0
    }

    /// Returns the path with its leading slash, without query and fragment;
    /// empty where the URL ends with the email. Not decoded.
    pub fn path(&self) -> &str {
        let (_, path) = split(&self.0).expect("checked on construction");
        path.find(['?', '#']).map_or(path, |end| &path[..end])
    }

    /// Returns the app and the endpoint that the path
    /// `/app_data/<app>/rpc/<endpoint>` names, or `None` for another path.
    ///
    /// An app's name has one part or several, up to the first `rpc` behind its first. The
    /// endpoint is percent-decoded and without outer slashes. Empty segments are dropped, as the
    /// SyftBox server does; what would lead out of the folder once decoded is no target.
    pub fn rpc_target(&self) -> Option<(String, String)> {
        let segments: Vec<&str> = self.segments().collect();
        let (&first, rest) = segments.split_first()?;
        let rpc = rpc_at(rest, |segment| segment == "rpc")?;
        let (app, endpoint) = (&rest[..rpc], &rest[rpc + 1..]);
        if first != "app_data" || app.iter().any(|part| matches!(*part, "." | "..")) {
            return None;
        }
        let endpoint: Vec<String> = endpoint
            .iter()
            .map(|segment| decoded_segment(segment))
            .collect::<Option<_>>()?;
        Some((app.join("/"), endpoint.join("/")))
    }

    /// Tells whether the URL names another datasite than this, or another app. One that
    /// names no app names no other. Of the endpoint it says nothing: where a request lies
    /// decides that, as in the released server.
    ///
    /// The case of the email does not count, since SyftBox makes its own small. Released
    /// clients use the path as it is written, the SyftBox server decodes it: either will do.
    pub fn is_for_another(&self, datasite: &Datasite, app: &AppName) -> bool {
        if !self.datasite().eq_ignore_ascii_case(datasite.as_str()) {
            return true;
        }
        let is_like = |segment: &str, name: &str| {
            segment == name || decoded_segment(segment).is_some_and(|decoded| decoded == name)
        };
        let segments: Vec<&str> = self.segments().collect();
        let below = match segments.split_first() {
            Some((first, below)) if is_like(first, "app_data") && !below.is_empty() => below,
            _ => return false,
        };
        // Without `rpc`, what follows the name may be a file of the app.
        let (named, is_whole) = match rpc_at(below, |segment| is_like(segment, "rpc")) {
            Some(rpc) => (&below[..rpc], true),
            None => (below, false),
        };
        let n_parts = app.parts().count();
        let begins_so = named.len() >= n_parts
            && named
                .iter()
                .zip(app.parts())
                .all(|(s, part)| is_like(s, part));
        !begins_so || (is_whole && named.len() > n_parts)
    }

    /// Returns the segments of the path, but for empty ones.
    fn segments(&self) -> impl Iterator<Item = &str> {
        self.path().split('/').filter(|segment| !segment.is_empty())
    }
}

/// Returns where in a path below `app_data` the folder of requests is: behind the name of the
/// app, which has at least one part.
fn rpc_at(below: &[&str], is_rpc: impl Fn(&str) -> bool) -> Option<usize> {
    let found = below.iter().skip(1).position(|segment| is_rpc(segment));
    found.map(|at| at + 1)
}

impl fmt::Display for SyftUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no `syft://` URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text, cut, does not begin as it must.
    #[error("expected `syft://`, an email and a path, got `{0}`")]
    Shape(String),
    /// The text is longer than [`MAX_URL_BYTES`].
    #[error("longer than {MAX_URL_BYTES} bytes")]
    TooLong,
}

fn has_url_shape(text: &str) -> bool {
    // Python's `.` matches all but a line feed.
    split(text).is_some_and(|(datasite, path)| is_url_email(datasite) && !path.contains('\n'))
}

/// Cuts a URL into the email and the rest. One final line feed belongs to
/// neither: Python's `$` also matches before it.
fn split(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix(SCHEME)?;
    let rest = rest.strip_suffix('\n').unwrap_or(rest);
    Some(rest.split_at(rest.find('/').unwrap_or(rest.len())))
}

fn is_url_email(text: &str) -> bool {
    // A colon would begin a port, the other two a query or a fragment.
    has_email_shape(text)
        && !text.contains([':', '?', '#', '\\'])
        && !text.contains(char::is_control)
}

fn decoded_segment(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(hex_digit(digits[0])? << 4 | hex_digit(digits[1])?);
        rest = after;
    }
    let segment = String::from_utf8(bytes).ok()?;
    let leads_out = segment == "." || segment == ".." || segment.contains(['/', '\\']);
    (!leads_out && !segment.contains(char::is_control)).then_some(segment)
}

fn hex_digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Run through SyftBoxURL of syft-core 0.3.0, but for what is marked.
    #[test]
    fn takes_what_the_release_takes() {
        for (text, datasite, path) in [
            ("syft://o@e.co", "o@e.co", ""),
            ("syft://o@e.co/", "o@e.co", "/"),
            (
                "syft://o@e.co/app_data/demo/rpc/echo",
                "o@e.co",
                "/app_data/demo/rpc/echo",
            ),
            ("syft://o@e.co/a b?c#d", "o@e.co", "/a b"),
            ("syft://o@e.co/a#b?c", "o@e.co", "/a"),
            ("syft://O@e../x", "O@e..", "/x"),
            ("syft://.@-.-/x", ".@-.-", "/x"),
            ("syft://o@e.co/\0\r", "o@e.co", "/\0\r"),
            ("syft://o@e.co/x\n", "o@e.co", "/x"),
            ("syft://o@e.co\n", "o@e.co", ""),
            ("syft://o@e.co/\u{2028}x", "o@e.co", "/\u{2028}x"),
            ("syft://o@e.co//[x", "o@e.co", "//[x"),
            ("syft://o@e.co/../../x", "o@e.co", "/../../x"),
            // Ours: the server's emails.
            ("syft://ü'*@e.co/x", "ü'*@e.co", "/x"),
        ] {
            let url = SyftUrl::parse(text).expect(text);
            assert_eq!(
                (url.as_str(), url.datasite(), url.path()),
                (text, datasite, path)
            );
        }
    }

    #[test]
    fn refuses_what_the_release_refuses() {
        for text in [
            "",
            "o@e.co/x",
            "syft:/o@e.co",
            "SYFT://o@e.co/x",
            " syft://o@e.co/x",
            "http://o@e.co/x",
            "syft://",
            "syft:///x",
            "syft://o@e/x",
            "syft://o@.co",
            "syft://e.co/x",
            "syft://o@e.co:80/x",
            "syft://o@e.co?x",
            "syft://o@e.co#x",
            "syft://o@[::1]/x",
            "syft://o@e.co/x\ny",
            "syft://o@e.co/x\n\n",
            "syft://o@e.co\n/x",
            "syft://a b@e.co/x",
            "syft://a@b@e.co/x",
        ] {
            assert!(SyftUrl::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn is_bounded() {
        let head = "syft://o@e.co/";
        let text = format!("{head}{}", "x".repeat(MAX_URL_BYTES - head.len()));
        assert!(SyftUrl::parse(&text).is_ok());
        assert_eq!(SyftUrl::parse(&format!("{text}x")), Err(UrlError::TooLong));
    }

    #[test]
    fn names_an_rpc_target() {
        for (path, expected) in [
            ("/app_data/demo/rpc/echo", Some(("demo", "echo"))),
            ("/app_data/demo/rpc/deep/er/?a=b", Some(("demo", "deep/er"))),
            ("//app_data/demo//rpc//a//b", Some(("demo", "a/b"))),
            (
                "/app_data/demo/rpc/a%20b%C3%A9%25/rpc",
                Some(("demo", "a bé%/rpc")),
            ),
            ("/app_data/demo/rpc", Some(("demo", ""))),
            ("/app_data/demo/rpc/..", None),
            ("/app_data/demo/rpc/%2e%2E/b", None),
            ("/app_data/demo/rpc/%2fb", None),
            ("/app_data/demo/rpc/%5cb", None),
            ("/app_data/demo/rpc/%00", None),
            ("/app_data/demo/rpc/%ff", None),
            ("/app_data/demo/rpc/%é", None),
            ("/app_data/demo/rpc/%4", None),
            ("/app_data/demo/rpc/%+4", None),
            ("/app_data/../rpc/echo", None),
            ("/app_data/llm/../rpc/echo", None),
            ("/app_data/llm/./x/rpc/echo", None),
            ("/app_data/llm/x/rpc/echo", Some(("llm/x", "echo"))),
            ("/app_data//llm//x/rpc/echo", Some(("llm/x", "echo"))),
            // An endpoint, never an app below `rpc`.
            ("/app_data/llm/rpc/x/rpc/echo", Some(("llm", "x/rpc/echo"))),
            ("/app_data/rpc/rpc/echo", Some(("rpc", "echo"))),
            ("/app_data/rpc/echo", None),
            ("/app_data/rpc", None),
            ("/app_data/demo/public", None),
            ("/app_data/demo", None),
            ("/public/demo/rpc/echo", None),
            ("", None),
        ] {
            let url = SyftUrl::parse(&format!("syft://o@e.co{path}")).expect(path);
            let expected = expected.map(|(app, endpoint)| (app.to_owned(), endpoint.to_owned()));
            assert_eq!(url.rpc_target(), expected, "{path}");
        }
    }

    #[test]
    fn is_for_another_where_it_names_one() {
        let datasite = Datasite::parse("o@e.co").expect("an email");
        let app = AppName::parse("my-app").expect("a name");
        for (text, expected) in [
            ("syft://o@e.co/app_data/my-app/rpc/echo", false),
            ("syft://o@e.co/app_data/my%2Dapp/rpc/echo?x=/other#y", false),
            ("syft://O@E.co//app_data/my-app//rpc/echo/", false),
            ("syft://o@e.co/app_data/my-app/rpc/other/rpc", false),
            ("syft://o@e.co/app_data/my-app/rpc/echo/bob@x.org", false),
            ("syft://o@e.co/app_data/my-app/rpc", false),
            ("syft://o@e.co/app_data/my-app", false),
            ("syft://o@e.co/app_data/my-app/public/x", false),
            // None is named.
            ("syft://o@e.co", false),
            ("syft://o@e.co/app_data", false),
            ("syft://o@e.co/public/x", false),
            ("syft://p@e.co/app_data/my-app/rpc/echo", true),
            ("syft://o@e.com/app_data/my-app/rpc/echo", true),
            ("syft://p@e.co", true),
            ("syft://o@e.co/app_data/other/rpc/echo", true),
            ("syft://o@e.co/app_data/other", true),
            ("syft://o@e.co/app_data/My-App/rpc/echo", true),
            ("syft://o@e.co/app%5fdata/other/rpc/echo", true),
            ("syft://o@e.co/app_data/my-app/x/rpc/echo", true),
            ("syft://o@e.co/app_data/../app_data/my-app/rpc/echo", true),
        ] {
            let url = SyftUrl::parse(text).expect(text);
            assert_eq!(url.is_for_another(&datasite, &app), expected, "{text}");
        }
    }

    #[test]
    fn is_for_another_of_which_the_name_is_longer_or_shorter() {
        let datasite = Datasite::parse("o@e.co").expect("an email");
        let is_for_another = |path: &str, app: &str| {
            let url = SyftUrl::parse(&format!("syft://o@e.co/app_data/{path}")).expect(path);
            url.is_for_another(&datasite, &AppName::parse(app).expect(app))
        };
        for (path, for_outer, for_inner) in [
            ("llm/rpc/echo", false, true),
            ("llm/x/rpc/echo", true, false),
            ("llm//x//rpc/echo", true, false),
            ("llm/%78/%72pc/echo", true, false),
            ("llm%2Fx/rpc/echo", true, true),
            ("llm/rpc/x/rpc/echo", false, true),
            ("llm/x/y/rpc/echo", true, true),
            ("llm/y/rpc/echo", true, true),
            ("llm/../llm/x/rpc/echo", true, true),
            // Without `rpc` it may be a file of either.
            ("llm/x/file", false, false),
            ("llm", false, true),
        ] {
            assert_eq!(is_for_another(path, "llm"), for_outer, "{path}");
            assert_eq!(is_for_another(path, "llm/x"), for_inner, "{path}");
        }
    }

    #[test]
    fn is_made_for_an_endpoint() {
        let datasite = Datasite::parse("o@e.co").expect("an email");
        let app = AppName::parse("demo").expect("a name");
        for (endpoint, expected) in [
            ("echo", "syft://o@e.co/app_data/demo/rpc/echo"),
            ("", "syft://o@e.co/app_data/demo/rpc"),
            ("a b/100%#", "syft://o@e.co/app_data/demo/rpc/a b/100%25%23"),
        ] {
            let url =
                SyftUrl::for_endpoint(&datasite, &app, &Endpoint::parse(endpoint).expect(endpoint));
            assert_eq!(url.as_str(), expected);
            assert_eq!(SyftUrl::parse(url.as_str()), Ok(url.clone()));
            let expected = ("demo".to_owned(), endpoint.to_owned());
            assert_eq!(url.rpc_target(), Some(expected));
        }
    }
}
