//! Who is answered: the owner's own browser, and programs that the owner gave the token.
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

/// What a request may do.
#[derive(Debug, PartialEq, Eq)]
enum Access {
    /// It is the owner's, and is answered.
    Granted,
    /// It has the token of the link, which becomes a cookie: a session.
    Login,
    /// It is not answered.
    Denied(Denial),
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denial {
    /// It is for a host of another name, as a page has it that rebinds its name to this machine.
    OtherHost,
    /// A page of another site sent it.
    OtherSite,
    /// It shows no secret, or a wrong one.
    Unauthenticated,
}

/// The secrets of a dashboard.
pub(super) struct Authenticator {
    /// In the link, and for programs.
    token: Secret,
    /// In the cookie.
    session: Secret,
    /// In each form.
    form: Secret,
    cookie: String,
}

impl Authenticator {
    /// Returns one with new secrets. Cookies know no ports, so the name of ours has it.
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

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Access {
        let Some(host) = our_host(uri, headers) else {
            return Access::Denied(Denial::OtherHost);
        };
        if !is_same_site(host, method, headers) {
            return Access::Denied(Denial::OtherSite);
        }
        if method == Method::GET && uri.path() == "/" && self.has_link_token(uri) {
            return Access::Login;
        }
        if self.has_cookie(headers) || self.has_bearer(headers) {
            return Access::Granted;
        }
        Access::Denied(Denial::Unauthenticated)
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

    fn start_session(&self) -> Response {
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
pub(super) async fn authenticate(
    State(authenticator): State<Arc<Authenticator>>,
    request: Request,
    next: Next,
) -> Response {
    let access = authenticator.check(request.method(), request.uri(), request.headers());
    let mut response = match access {
        Access::Granted => next.run(request).await,
        Access::Login => authenticator.start_session(),
        Access::Denied(denial) => denial.into_response(),
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

impl IntoResponse for Denial {
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
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "Open the link that `syft-host serve` printed when it started: it lets you in. \
                 Each start has a new link.\n",
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

    fn check(
        authenticator: &Authenticator,
        request: &str,
        lines: &[(&'static str, &str)],
    ) -> Access {
        let (method, uri) = request.split_once(' ').expect("a method");
        let method = method.parse().expect("a method");
        authenticator.check(&method, &uri.parse().expect("a URI"), &headers(lines))
    }

    #[test]
    fn the_owner_is_answered_and_nobody_else() {
        let authenticator = Authenticator::new(7980);
        let cookie = format!(
            "{}={}",
            authenticator.cookie,
            authenticator.session.reveal()
        );
        let among_others = format!("a=b; {}=planted; {cookie}; c", authenticator.cookie);
        let other_port = format!("syft-host-1={}", authenticator.session.reveal());
        let bearer = format!("Bearer {}", authenticator.token());
        let by_session = format!("Bearer {}", authenticator.session.reveal());
        let by_token = format!("{}={}", authenticator.cookie, authenticator.token());
        let host = ("host", "127.0.0.1:7980");
        let unauthenticated = Access::Denied(Denial::Unauthenticated);
        for (lines, expected) in [
            (vec![host, ("cookie", &cookie)], Access::Granted),
            (vec![host, ("cookie", &among_others)], Access::Granted),
            (vec![host, ("authorization", &bearer)], Access::Granted),
            (vec![host], Access::Denied(Denial::Unauthenticated)),
            (
                vec![host, ("cookie", &other_port)],
                Access::Denied(Denial::Unauthenticated),
            ),
            (
                vec![host, ("cookie", &by_token)],
                Access::Denied(Denial::Unauthenticated),
            ),
            (vec![host, ("authorization", &by_session)], unauthenticated),
        ] {
            assert_eq!(
                check(&authenticator, "GET /apps", &lines),
                expected,
                "{lines:?}"
            );
        }
        let link = format!("GET /?token={}", authenticator.token());
        assert_eq!(check(&authenticator, &link, &[host]), Access::Login);
        for wrong in [
            "GET /?token=".to_owned(),
            format!("GET /?token={}", authenticator.session.reveal()),
            format!("GET /?token={}0", authenticator.token()),
            format!("GET /apps?token={}", authenticator.token()),
            format!("POST /?token={}", authenticator.token()),
        ] {
            let access = check(&authenticator, &wrong, &[host]);
            assert_eq!(access, Access::Denied(Denial::Unauthenticated), "{wrong}");
        }
    }

    #[test]
    fn no_name_that_strangers_have_is_ours() {
        let authenticator = Authenticator::new(7980);
        let bearer = format!("Bearer {}", authenticator.token());
        let access_of = |host: &[&str]| {
            let mut lines = vec![("authorization", bearer.as_str())];
            lines.extend(host.iter().map(|host| ("host", *host)));
            check(&authenticator, "GET /", &lines)
        };
        for host in [
            "127.0.0.1:7980",
            "127.0.0.1",
            "localhost:1",
            "[::1]:7980",
            "127.9.8.7:1",
        ] {
            assert_eq!(access_of(&[host]), Access::Granted, "{host}");
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
            let denied = Access::Denied(Denial::OtherHost);
            assert_eq!(access_of(&[host]), denied, "{host}");
        }
        let other_host = Access::Denied(Denial::OtherHost);
        assert_eq!(access_of(&[]), other_host);
        assert_eq!(access_of(&["localhost", "evil.example"]), other_host);
        let lines = [("host", "localhost"), ("authorization", bearer.as_str())];
        assert_eq!(
            check(&authenticator, "GET http://evil.example/", &lines),
            other_host
        );
    }

    #[test]
    fn pages_of_other_sites_get_nothing() {
        let authenticator = Authenticator::new(7980);
        let cookie = format!(
            "{}={}",
            authenticator.cookie,
            authenticator.session.reveal()
        );
        let access_of = |method: &str, lines: &[(&'static str, &'static str)]| {
            let mut all = vec![("host", "127.0.0.1:7980"), ("cookie", cookie.as_str())];
            all.extend(lines);
            check(&authenticator, &format!("{method} /"), &all)
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
            assert_eq!(
                access_of(method, lines),
                Access::Granted,
                "{method} {lines:?}"
            );
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
            let denied = Access::Denied(Denial::OtherSite);
            assert_eq!(access_of(method, lines), denied, "{method} {lines:?}");
        }
    }
}
