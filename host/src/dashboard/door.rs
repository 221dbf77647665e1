//! Who gets in: the owner's own browser, and programs that the owner gave the token.
//!
//! The owner is logged in to the dashboard in a browser in which strangers' pages are open too.
//! These must neither read it nor press its buttons. Each request has to name this machine, to
//! come from a page of the dashboard or from the owner's own hand, and to show a secret.
//!
//! Why: docs/decisions/71-the-dashboard-is-for-its-owner.md

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::secret::Secret;

/// What each answer says about itself. Scripts and styles are the dashboard's own files, and
/// nothing of it is kept, framed, or told to another site.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// What a request is to the dashboard.
#[derive(Debug, PartialEq, Eq)]
enum Visit {
    /// It is the owner's.
    Welcome,
    /// It has the token of the link, which becomes a cookie.
    ByLink,
    /// It is not answered.
    Refused(Refusal),
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// It is for a host of another name, as a page has it that rebinds its name to this machine.
    OtherHost,
    /// A page of another site sent it.
    OtherSite,
    /// It shows no secret, or a wrong one.
    Stranger,
}

/// The secrets of a dashboard.
pub(super) struct Door {
    /// In the link, and for programs.
    token: Secret,
    /// In the cookie.
    session: Secret,
    /// In each form.
    form: Secret,
    cookie: String,
}

impl Door {
    /// Returns a door with new secrets. Cookies know no ports, so the name of ours has it.
    pub(super) fn new(port: u16) -> Self {
        let session = Secret::new();
        Self {
            token: Secret::new(),
            form: session.derived("form"),
            session,
            cookie: format!("syft-host-{port}"),
        }
    }

    /// Returns the token, for the owner.
    pub(super) fn token(&self) -> &str {
        self.token.reveal()
    }

    /// Returns what a form of ours holds, and no other.
    pub(super) fn form_token(&self) -> &str {
        self.form.reveal()
    }

    /// Tells whether a form is ours.
    pub(super) fn is_our_form(&self, token: &str) -> bool {
        self.form.is(token)
    }

    fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Visit {
        let Some(host) = our_host(uri, headers) else {
            return Visit::Refused(Refusal::OtherHost);
        };
        if !is_same_site(host, method, headers) {
            return Visit::Refused(Refusal::OtherSite);
        }
        if method == Method::GET && uri.path() == "/" && self.has_link_token(uri) {
            return Visit::ByLink;
        }
        if self.has_cookie(headers) || self.has_bearer(headers) {
            return Visit::Welcome;
        }
        Visit::Refused(Refusal::Stranger)
    }

    fn has_link_token(&self, uri: &Uri) -> bool {
        let query = uri.query().unwrap_or_default();
        query
            .strip_prefix("token=")
            .is_some_and(|text| self.token.is(text))
    }

    /// Another program on this machine may have set cookies of our name, so one of them has to
    /// be right.
    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).into_iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(name, value)| name == self.cookie && self.session.is(value))
    }

    fn has_bearer(&self, headers: &HeaderMap) -> bool {
        let value = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| self.token.is(token))
    }

    fn enter(&self) -> Response {
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie,
            self.session.reveal()
        );
        let headers = [(LOCATION, "/"), (SET_COOKIE, cookie.as_str())];
        (StatusCode::SEE_OTHER, headers).into_response()
    }
}

/// Answers a request, if it may be.
pub(super) async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let visit = door.judge(request.method(), request.uri(), request.headers());
    let mut response = match visit {
        Visit::Welcome => next.run(request).await,
        Visit::ByLink => door.enter(),
        Visit::Refused(refusal) => refusal.into_response(),
    };
    for (name, value) in HEADERS {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        response.headers_mut().insert(name, value);
    }
    response
}

/// Returns the host that a request names, if that is this machine. Any port will do: the owner
/// may come through a tunnel.
fn our_host<'a>(uri: &Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None, None) = (hosts.next(), hosts.next(), uri.authority()) else {
        return None;
    };
    let host = host.to_str().ok()?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let is_loopback = |name: &str| name.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    (is_loopback(name) || ["localhost", "[::1]"].contains(&name)).then_some(host)
}

/// Tells whether a request comes from a page of ours, or from no page: a link that was typed, a
/// program. Browsers say so themselves, and pages cannot change it.
fn is_same_site(host: &str, method: &Method, headers: &HeaderMap) -> bool {
    let text = |name| {
        let value = headers.get(name);
        value.map(|value: &HeaderValue| value.to_str().unwrap_or("?"))
    };
    let from = text(HeaderName::from_static("sec-fetch-site"));
    if from.is_some_and(|from| !["same-origin", "none"].contains(&from)) {
        return false;
    }
    match text(ORIGIN) {
        None => true,
        // Since our pages tell nobody where they are, their forms say that.
        Some("null") => from == Some("same-origin") && method == Method::POST,
        Some(origin) => origin.strip_prefix("http://") == Some(host),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            Self::OtherHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "The dashboard is at 127.0.0.1, localhost or [::1], and at no other name.\n",
            ),
            Self::OtherSite => (
                StatusCode::FORBIDDEN,
                "Another site asked for this. Paste the link into the address bar instead.\n",
            ),
            Self::Stranger => (
                StatusCode::UNAUTHORIZED,
                "Open the link that `syft-host serve` printed when it started: it lets you in.\n",
            ),
        };
        (status, why).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).expect("a value");
            (HeaderName::from_static(name), value)
        });
        lines.collect()
    }

    fn judge(door: &Door, request: &str, lines: &[(&'static str, &str)]) -> Visit {
        let (method, uri) = request.split_once(' ').expect("a method");
        let method = method.parse().expect("a method");
        door.judge(&method, &uri.parse().expect("a URI"), &headers(lines))
    }

    #[test]
    fn the_owner_gets_in_and_nobody_else() {
        let door = Door::new(7980);
        let cookie = format!("{}={}", door.cookie, door.session.reveal());
        let among_others = format!("a=b; {}=planted; {cookie}; c", door.cookie);
        let other_port = format!("syft-host-1={}", door.session.reveal());
        let bearer = format!("Bearer {}", door.token());
        let by_session = format!("Bearer {}", door.session.reveal());
        let by_token = format!("{}={}", door.cookie, door.token());
        let host = ("host", "127.0.0.1:7980");
        let stranger = Visit::Refused(Refusal::Stranger);
        for (lines, expected) in [
            (vec![host, ("cookie", &cookie)], Visit::Welcome),
            (vec![host, ("cookie", &among_others)], Visit::Welcome),
            (vec![host, ("authorization", &bearer)], Visit::Welcome),
            (vec![host], Visit::Refused(Refusal::Stranger)),
            (
                vec![host, ("cookie", &other_port)],
                Visit::Refused(Refusal::Stranger),
            ),
            (
                vec![host, ("cookie", &by_token)],
                Visit::Refused(Refusal::Stranger),
            ),
            (vec![host, ("authorization", &by_session)], stranger),
        ] {
            assert_eq!(judge(&door, "GET /apps", &lines), expected, "{lines:?}");
        }
        let link = format!("GET /?token={}", door.token());
        assert_eq!(judge(&door, &link, &[host]), Visit::ByLink);
        for wrong in [
            "GET /?token=".to_owned(),
            format!("GET /?token={}", door.session.reveal()),
            format!("GET /?token={}0", door.token()),
            format!("GET /apps?token={}", door.token()),
            format!("POST /?token={}", door.token()),
        ] {
            let visit = judge(&door, &wrong, &[host]);
            assert_eq!(visit, Visit::Refused(Refusal::Stranger), "{wrong}");
        }
    }

    #[test]
    fn no_name_that_strangers_have_is_ours() {
        let door = Door::new(7980);
        let bearer = format!("Bearer {}", door.token());
        let visit = |host: &[&str]| {
            let mut lines = vec![("authorization", bearer.as_str())];
            lines.extend(host.iter().map(|host| ("host", *host)));
            judge(&door, "GET /", &lines)
        };
        for host in [
            "127.0.0.1:7980",
            "127.0.0.1",
            "localhost:1",
            "[::1]:7980",
            "127.9.8.7:1",
        ] {
            assert_eq!(visit(&[host]), Visit::Welcome, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7980",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "0.0.0.0:7980",
            "2130706433",
            "[::]:7980",
            "[::ffff:127.0.0.1]",
            "localhost:",
            "localhost:x",
            "",
        ] {
            let refused = Visit::Refused(Refusal::OtherHost);
            assert_eq!(visit(&[host]), refused, "{host}");
        }
        let other_host = Visit::Refused(Refusal::OtherHost);
        assert_eq!(visit(&[]), other_host);
        assert_eq!(visit(&["localhost", "evil.example"]), other_host);
        let lines = [("host", "localhost"), ("authorization", bearer.as_str())];
        assert_eq!(judge(&door, "GET http://evil.example/", &lines), other_host);
    }

    #[test]
    fn pages_of_other_sites_get_nothing() {
        let door = Door::new(7980);
        let cookie = format!("{}={}", door.cookie, door.session.reveal());
        let visit = |method: &str, lines: &[(&'static str, &'static str)]| {
            let mut all = vec![("host", "127.0.0.1:7980"), ("cookie", cookie.as_str())];
            all.extend(lines);
            judge(&door, &format!("{method} /"), &all)
        };
        for (method, lines) in [
            ("GET", &[("sec-fetch-site", "none")][..]),
            ("GET", &[("sec-fetch-site", "same-origin")]),
            ("POST", &[("origin", "http://127.0.0.1:7980")]),
            (
                "POST",
                &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            ),
        ] {
            assert_eq!(visit(method, lines), Visit::Welcome, "{method} {lines:?}");
        }
        for (method, lines) in [
            ("GET", &[("sec-fetch-site", "cross-site")][..]),
            // Another port of this machine.
            ("GET", &[("sec-fetch-site", "same-site")]),
            (
                "POST",
                &[("sec-fetch-site", "cross-site"), ("origin", "null")],
            ),
            ("POST", &[("origin", "http://127.0.0.1:8000")]),
            ("POST", &[("origin", "https://127.0.0.1:7980")]),
            ("POST", &[("origin", "http://evil.example")]),
            ("POST", &[("origin", "http://127.0.0.1:7980.evil.example")]),
            ("POST", &[("origin", "null")]),
            (
                "GET",
                &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            ),
        ] {
            let refused = Visit::Refused(Refusal::OtherSite);
            assert_eq!(visit(method, lines), refused, "{method} {lines:?}");
        }
    }
}
