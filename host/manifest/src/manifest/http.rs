//! The requests that an app asks to send: what nobody could grant, and what an owner should
//! think about first.

use super::check::Problem;
use crate::ip_scope::IpScope;
use crate::origin::{HttpHost, HttpMethod, HttpOrigin};
use crate::sanitize::plain_excerpt;

/// The most origins of a manifest.
pub(super) const MAX_ORIGINS: usize = 64;

pub(super) fn check_origin(text: &str) -> Result<HttpOrigin, Problem> {
    let origin = HttpOrigin::parse(text).map_err(|error| {
        let help = "origins look like `https://api.example.com` or `http://localhost:11434`";
        Problem::new(error.to_string(), help)
    })?;
    match scope(&origin) {
        IpScope::Nowhere => Err(Problem::new(
            format!(
                "no app can reach `{}`: it is the address of no single host",
                origin.host()
            ),
            "name the host itself; this machine is `localhost`",
        )),
        _ => Ok(origin),
    }
}

pub(super) fn check_method(text: &str) -> Result<HttpMethod, Problem> {
    HttpMethod::parse(text).ok_or_else(|| {
        let all: Vec<&str> = HttpMethod::all().map(HttpMethod::as_str).collect();
        let message = format!(
            "`{}` is no method that apps can use",
            plain_excerpt(text, 20)
        );
        Problem::new(message, format!("the methods are {}", all.join(", ")))
    })
}

pub(super) fn check_number(count: usize) -> Result<(), Problem> {
    if count <= MAX_ORIGINS {
        return Ok(());
    }
    let message = format!("`allow` has {count} origins; at most {MAX_ORIGINS} are allowed");
    Err(Problem::new(
        message,
        "name those that the app needs, or all below one as `https://*.example.com`",
    ))
}

pub(super) fn twice(key: &str) -> Problem {
    Problem::new(format!("this is twice in `{key}`"), "leave one of them out")
}

pub(super) fn no_methods() -> Problem {
    Problem::new(
        "`methods` is empty, so nothing could be sent",
        "name the methods, as in `methods = [\"GET\"]`, or leave this out for all of them",
    )
}

/// Returns what an owner should know before granting requests to an origin.
pub(super) fn warning(origin: &HttpOrigin) -> Option<Problem> {
    let scope = scope(origin);
    if scope != IpScope::Public {
        return Some(Problem::new(
            format!(
                "`{origin}` leads to {}, where programs may trust whoever connects",
                scope.in_words()
            ),
            "leave it out unless that very program is what the app is for",
        ));
    }
    (!origin.is_encrypted()).then(|| {
        Problem::new(
            format!("what goes to `{origin}` and back can be read and changed on the way"),
            "write `https://` if the server has it",
        )
    })
}

/// Returns where an origin leads, as far as that can be told from its text.
fn scope(origin: &HttpOrigin) -> IpScope {
    match origin.host() {
        HttpHost::Address(address) => IpScope::of(*address),
        host if host.is_localhost() => IpScope::Loopback,
        HttpHost::Name(_) | HttpHost::Below(_) => IpScope::Public,
    }
}
