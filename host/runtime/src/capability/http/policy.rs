//! The one decision about requests: what an app asked for and what its owner approved.
//!
//! Why: docs/decisions/24-granted-is-requested-and-approved.md

use syft_manifest::{Http, HttpGrants, HttpHost, HttpMethod, HttpOrigin};

use crate::capability::Advice;

/// Why a request is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum HttpDenied {
    /// The manifest does not ask for the origin.
    NotRequested,
    /// It asks for the origin, and for other methods.
    MethodNotRequested,
    /// The owner did not approve it.
    NotApproved,
    /// The owner denies the host, whatever was approved.
    Forbidden,
}

/// Proof that requests may be sent to an origin: only [`HttpPolicy::decide`] makes one.
#[derive(Debug)]
pub(super) struct AllowedOrigin(HttpOrigin);

impl AllowedOrigin {
    pub(super) fn origin(&self) -> &HttpOrigin {
        &self.0
    }
}

/// The origins of one app, ready to decide.
#[derive(Debug, Default)]
pub(super) struct HttpPolicy {
    requested: Http,
    approved: Http,
    denied: Vec<HttpHost>,
}

impl HttpPolicy {
    pub(super) fn new(grants: &HttpGrants) -> Self {
        let HttpGrants {
            requested,
            approved,
            denied,
        } = grants.clone();
        Self {
            requested,
            approved,
            denied,
        }
    }

    /// Decides about a request.
    pub(super) fn decide(
        &self,
        origin: HttpOrigin,
        method: HttpMethod,
    ) -> Result<AllowedOrigin, HttpDenied> {
        if !self.requested.has_origin(&origin) {
            return Err(HttpDenied::NotRequested);
        }
        if !self.requested.has_method(method) {
            return Err(HttpDenied::MethodNotRequested);
        }
        if self
            .denied
            .iter()
            .any(|denied| denied.covers(origin.host()))
        {
            return Err(HttpDenied::Forbidden);
        }
        if self.approved.has_origin(&origin) && self.approved.has_method(method) {
            Ok(AllowedOrigin(origin))
        } else {
            Err(HttpDenied::NotApproved)
        }
    }
}

/// Says which line would allow it.
pub(super) fn hint(
    origin: &HttpOrigin,
    method: HttpMethod,
    denied: HttpDenied,
    advice: Advice,
) -> String {
    match denied {
        HttpDenied::NotRequested => advice.to_ask_for(&format!("[http] allow = [\"{origin}\"]")),
        HttpDenied::MethodNotRequested => advice.to_ask_for(&format!(
            "[http] methods = [\"{method}\"], beside those there"
        )),
        HttpDenied::NotApproved => advice.to_approve(&format!("--allow-http \"{origin}\"")),
        HttpDenied::Forbidden => {
            "the owner denies the host: see `deny` in `syft-host config`".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(allow: &[&str], methods: &[&str]) -> Http {
        let origins = allow.iter().map(|text| HttpOrigin::parse(text));
        let methods = methods.iter().map(|text| HttpMethod::parse(text));
        Http {
            allow: origins.collect::<Result<_, _>>().expect("origins"),
            methods: methods.collect::<Option<_>>().expect("methods"),
        }
    }

    #[test]
    fn grants_what_is_both_requested_and_approved() {
        use HttpDenied::{MethodNotRequested, NotApproved, NotRequested};
        let requested = http(&["https://a.example", "https://*.b.example"], &["GET"]);
        for (approved, origin, method, expected) in [
            (&requested, "https://a.example", "GET", Ok(())),
            (&requested, "https://x.b.example", "GET", Ok(())),
            (&requested, "https://b.example", "GET", Err(NotRequested)),
            (&requested, "http://a.example", "GET", Err(NotRequested)),
            (
                &requested,
                "https://a.example:8443",
                "GET",
                Err(NotRequested),
            ),
            (
                &requested,
                "https://a.example",
                "POST",
                Err(MethodNotRequested),
            ),
            (
                &http(&["https://a.example"], &[]),
                "https://x.b.example",
                "GET",
                Err(NotApproved),
            ),
            (
                &http(&["https://a.example"], &[]),
                "https://a.example",
                "GET",
                Ok(()),
            ),
            (
                &http(&["https://a.example"], &["POST"]),
                "https://a.example",
                "GET",
                Err(NotApproved),
            ),
            (
                &Http::default(),
                "https://a.example",
                "GET",
                Err(NotApproved),
            ),
        ] {
            let policy = HttpPolicy::new(&HttpGrants {
                requested: requested.clone(),
                approved: approved.clone(),
                denied: Vec::new(),
            });
            let origin = HttpOrigin::parse(origin).expect("an origin");
            let method = HttpMethod::parse(method).expect("a method");
            let decided = policy.decide(origin.clone(), method).map(|_| ());
            assert_eq!(decided, expected, "{method} {origin}");
        }
    }

    #[test]
    fn what_is_denied_is_not_granted_by_any_scheme_or_port() {
        let all = http(&["https://*.a.example", "http://b.a.example:81"], &["GET"]);
        let policy = HttpPolicy::new(&HttpGrants {
            requested: all.clone(),
            approved: all,
            denied: vec![HttpHost::parse("b.a.example").expect("a host")],
        });
        let method = HttpMethod::parse("GET").expect("a method");
        for (origin, expected) in [
            ("https://b.a.example", Err(HttpDenied::Forbidden)),
            ("http://b.a.example:81", Err(HttpDenied::Forbidden)),
            ("https://c.a.example", Ok(())),
        ] {
            let parsed = HttpOrigin::parse(origin).expect("an origin");
            let decided = policy.decide(parsed, method).map(|_| ());
            assert_eq!(decided, expected, "{origin}");
        }
    }

    #[test]
    fn nothing_is_granted_at_first() {
        let origin = HttpOrigin::parse("https://a.example").expect("an origin");
        let method = HttpMethod::parse("GET").expect("a method");
        let decided = HttpPolicy::default().decide(origin, method).map(|_| ());
        assert_eq!(decided, Err(HttpDenied::NotRequested));
    }
}
