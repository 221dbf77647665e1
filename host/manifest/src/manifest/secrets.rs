//! The secrets that an app asks for, and how it is to get them.
//!
//! Why: docs/decisions/59-the-host-adds-secrets.md

use super::Manifest;
use super::check::{self, Problem};
use crate::ip_scope::IpScope;
use crate::origin::{HttpHost, HttpOrigin};
use crate::sanitize::plain_excerpt;
use crate::variable::VariableName;

/// The most secrets of a manifest.
pub(super) const MAX_SECRETS: usize = 32;

const MAX_HEADER: usize = 64;
const MAX_FORMAT: usize = 200;

/// The header in which services expect a secret, if nothing else is said.
const USUAL_HEADER: &str = "Authorization";
const USUAL_FORMAT: &str = "Bearer {}";
/// What stands for the secret in a format.
const PLACE: &str = "{}";

/// Headers that say how a request is sent, not what is in it.
const OF_CONNECTIONS: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A secret of the owner that an app asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSecret {
    /// Its name, which is that of the variable in which the app finds it, or what stands for it.
    pub name: VariableName,
    /// Where the host adds it; without that, the app itself gets it.
    pub sent: Option<SecretHeader>,
}

/// A header that the host adds to requests, with a secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHeader {
    /// Where the requests go to.
    pub to: HttpOrigin,
    /// The name of the header.
    pub header: String,
    /// What it says, with `{}` for the secret.
    pub format: String,
}

/// A secret as it is written.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) to: Option<HttpOrigin>,
    pub(super) header: Option<String>,
    pub(super) format: Option<String>,
}

impl WantedSecret {
    /// Returns in words what is done with it, before its name: `read the secret`.
    pub fn words(&self) -> String {
        match &self.sent {
            None => "read the secret".to_owned(),
            Some(sent) => format!("have the host add to requests to {} the secret", sent.to),
        }
    }

    /// Returns in words what the app asks for.
    pub fn in_words(&self) -> String {
        format!("{} {}", self.words(), self.name)
    }

    /// Returns what the app finds in the place of a secret that only the host has.
    pub fn stand_in(&self) -> String {
        format!("added-by-the-host-{}", self.name)
    }
}

impl SecretHeader {
    /// Returns what the header says, given the secret.
    pub fn fill(&self, secret: &str) -> String {
        self.format.replacen(PLACE, secret, 1)
    }
}

impl Parts {
    /// Puts them together.
    pub(super) fn finish(self) -> Result<Option<SecretHeader>, Problem> {
        let Self { to, header, format } = self;
        let Some(to) = to else {
            return match header.or(format) {
                None => Ok(None),
                Some(_) => Err(Problem::new(
                    "nothing says where to send it",
                    "say it with `send-to = \"https://api.example.com\"`",
                )),
            };
        };
        let header = header.unwrap_or_else(|| USUAL_HEADER.to_owned());
        let usual = if header.eq_ignore_ascii_case(USUAL_HEADER) {
            USUAL_FORMAT
        } else {
            PLACE
        };
        let format = format.unwrap_or_else(|| usual.to_owned());
        Ok(Some(SecretHeader { to, header, format }))
    }
}

pub(super) fn check_target(text: &str) -> Result<HttpOrigin, Problem> {
    let origin = super::http::check_origin(text)?;
    if let HttpHost::Below(_) = origin.host() {
        return Err(Problem::new(
            "a secret is sent to one host",
            "name the host itself, without `*`",
        ));
    }
    if may_carry_secrets(&origin) {
        return Ok(origin);
    }
    Err(Problem::new(
        format!("a secret is not sent to `{origin}`, where anybody on the way could read it"),
        "write `https://`; `http://` is for `localhost` and addresses of this machine",
    ))
}

/// Tells whether nobody on the way can read what is sent to an origin.
pub fn may_carry_secrets(origin: &HttpOrigin) -> bool {
    let stays_here = match origin.host() {
        HttpHost::Address(address) => IpScope::of(*address) == IpScope::Loopback,
        host => host.is_localhost(),
    };
    origin.is_encrypted() || stays_here
}

pub(super) fn check_header(text: &str) -> Result<String, Problem> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_name = (1..=MAX_HEADER).contains(&text.len()) && text.bytes().all(is_fit);
    let shown = plain_excerpt(text, MAX_HEADER);
    if !is_name {
        let message = format!("`{shown}` is no name of a header");
        return Err(Problem::new(message, "headers look like `X-Api-Key`"));
    }
    if OF_CONNECTIONS.contains(&text.to_ascii_lowercase().as_str()) {
        let message = format!("the host itself writes the header `{shown}`");
        let help = "services expect secrets in `Authorization`, or in one such as `X-Api-Key`";
        return Err(Problem::new(message, help));
    }
    Ok(text.to_owned())
}

pub(super) fn check_format(text: &str) -> Result<String, Problem> {
    let is_shown = text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let has_one_place = text.matches(PLACE).count() == 1;
    if is_shown && has_one_place && text.len() <= MAX_FORMAT && text.trim() == text {
        return Ok(text.to_owned());
    }
    Err(Problem::new(
        "a format is one line of ASCII with one `{}` in it, which stands for the secret",
        "write it as in `format = \"Bearer {}\"`",
    ))
}

pub(super) fn check_number(count: usize) -> Result<(), Problem> {
    check::number("secrets", count, MAX_SECRETS)
}

/// Returns what of the secrets does not fit the rest of a manifest, by their place.
pub(super) fn misfits(manifest: &Manifest) -> Vec<(usize, Problem)> {
    let mut found = Vec::new();
    for (at, secret) in manifest.secrets.iter().enumerate() {
        if manifest.env.contains_key(&secret.name) {
            let message = format!(
                "`{}` is in `env` too, which nobody keeps secret",
                secret.name
            );
            found.push((at, Problem::new(message, "leave one of them out")));
        }
        let Some(sent) = &secret.sent else {
            continue;
        };
        if !manifest.http.has_origin(&sent.to) {
            let message = format!("the app asks for no requests to `{}`", sent.to);
            let help = format!("add to `allow` in `[http]`: \"{}\"", sent.to);
            found.push((at, Problem::new(message, help)));
        }
        let is_same = |other: &WantedSecret| {
            let other = other.sent.as_ref();
            other.is_some_and(|other| {
                other.to == sent.to && other.header.eq_ignore_ascii_case(&sent.header)
            })
        };
        if manifest.secrets[..at].iter().any(is_same) {
            let message = format!(
                "another secret is sent to `{}` in the header `{}` already",
                sent.to, sent.header
            );
            found.push((at, Problem::new(message, "leave one of them out")));
        }
    }
    found
}

/// Returns what an owner should know before letting an app have a secret.
pub(super) fn warning(secret: &WantedSecret) -> Option<Problem> {
    secret.sent.is_none().then(|| {
        Problem::new(
            format!(
                "the app itself gets the secret `{}`, and can pass it on",
                secret.name
            ),
            "if a service takes it in a header, `send-to` has the host add it, and the app never \
             has it",
        )
    })
}
