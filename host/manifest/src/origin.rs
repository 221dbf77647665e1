//! Where an app may send HTTP requests: a scheme, a host and a port, in one spelling.

// Types alone: nothing here connects to anything.
use core::net::{IpAddr, Ipv6Addr};
use std::fmt;

use thiserror::Error;

/// The most bytes of a host's name, and of a part of it between dots.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The methods that requests can have. A tunnel (`CONNECT`) is none.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Where requests go to: what stands before the path of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpOrigin {
    is_encrypted: bool,
    host: HttpHost,
    port: u16,
}

/// The host of an origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HttpHost {
    /// One name, in small letters.
    Name(String),
    /// All names that end in a dot and this one: `*.example.com`.
    Below(String),
    /// An address.
    Address(IpAddr),
}

/// A method that requests can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HttpMethod(&'static str);

/// Why a text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OriginError {
    /// It does not begin with a scheme.
    #[error("an origin begins with `https://` or `http://`")]
    Scheme,
    /// Something stands behind host and port.
    #[error("an origin is a scheme, a host and a port: no path and nothing behind it")]
    Path,
    /// It says who asks.
    #[error("an origin has no user and no password")]
    User,
    /// The port is no number of a port.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// The host is no name.
    #[error("a host is a name in small ASCII letters, digits, `-` and `.`, or an address")]
    Host,
    /// The host is an address in a spelling that few know.
    #[error(
        "an address is written as four numbers, as in 192.168.1.2, or in brackets, as in [::1]"
    )]
    Address,
    /// The star does not stand for the first part of a name.
    #[error("a `*` stands for the beginning of a name with two more parts, as in `*.example.com`")]
    Star,
}

impl HttpOrigin {
    /// Returns the origin that a text names, such as `https://api.example.com`.
    ///
    /// # Errors
    /// See [`OriginError`].
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (is_encrypted, rest) =
            match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
                (Some(rest), _) => (true, rest),
                (None, Some(rest)) => (false, rest),
                (None, None) => return Err(OriginError::Scheme),
            };
        Self::of_authority(is_encrypted, rest)
    }

    /// Returns the origin of a scheme and what stands behind it in a URL.
    ///
    /// # Errors
    /// See [`OriginError`].
    pub fn of_authority(is_encrypted: bool, authority: &str) -> Result<Self, OriginError> {
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(OriginError::Path);
        }
        if authority.contains('@') {
            return Err(OriginError::User);
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or(OriginError::Address)?;
                let address: Ipv6Addr = address.parse().map_err(|_| OriginError::Address)?;
                // The kernel would take it for one of IPv4, which has its own spelling.
                if address.to_ipv4_mapped().is_some() {
                    return Err(OriginError::Address);
                }
                (HttpHost::Address(address.into()), port)
            }
            None => {
                let end = authority.find(':').unwrap_or(authority.len());
                let (host, port) = authority.split_at(end);
                (HttpHost::parse(host)?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if port.is_empty() => usual_port(is_encrypted),
            None => return Err(OriginError::Port),
        };
        Ok(Self {
            is_encrypted,
            host,
            port,
        })
    }

    /// Tells whether requests to it are encrypted: its scheme is `https`.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Returns the host.
    pub fn host(&self) -> &HttpHost {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns host and port, as a URL and the header `Host` have them.
    pub fn authority(&self) -> String {
        if self.port == usual_port(self.is_encrypted) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Tells whether it stands for all that another does.
    pub fn covers(&self, other: &Self) -> bool {
        let is_same_way = (self.is_encrypted, self.port) == (other.is_encrypted, other.port);
        is_same_way && self.host.covers(&other.host)
    }
}

impl HttpHost {
    /// Returns the host that a text names, such as `api.example.com` or `*.example.com`.
    ///
    /// # Errors
    /// See [`OriginError`].
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        if let Some(name) = text.strip_prefix("*.") {
            let is_long_enough = name.contains('.') && is_name(name);
            let below = is_long_enough.then(|| Self::Below(name.to_owned()));
            return below.ok_or(OriginError::Star);
        }
        if text.contains('*') {
            return Err(OriginError::Star);
        }
        if !is_name(text) {
            return Err(OriginError::Host);
        }
        // What ends in a number is an address to some: `127.1`, `0x7f.1`, `2130706433`.
        if !ends_in_a_number(text) {
            return Ok(Self::Name(text.to_owned()));
        }
        let address = text.parse::<IpAddr>();
        address.map(Self::Address).map_err(|_| OriginError::Address)
    }

    /// Tells whether it stands for all that another does.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Below(wide), Self::Name(name) | Self::Below(name)) => {
                let start = name.strip_suffix(wide.as_str());
                let is_same = self == other;
                is_same || start.is_some_and(|start| start.ends_with('.'))
            }
            _ => self == other,
        }
    }

    /// Tells whether it is the name that this machine has for itself.
    pub fn is_localhost(&self) -> bool {
        matches!(self, Self::Name(name) if name == "localhost")
    }
}

impl HttpMethod {
    /// Returns the method of a name, such as `GET`, if requests can have it.
    pub fn parse(text: &str) -> Option<Self> {
        METHODS.into_iter().find(|method| *method == text).map(Self)
    }

    /// Returns all that there are.
    pub fn all() -> impl Iterator<Item = Self> {
        METHODS.into_iter().map(Self)
    }

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

fn parse_port(text: &str) -> Result<u16, OriginError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let port = text.parse().ok().filter(|_| is_number);
    port.ok_or(OriginError::Port)
}

fn usual_port(is_encrypted: bool) -> u16 {
    if is_encrypted { 443 } else { 80 }
}

fn is_name(text: &str) -> bool {
    let is_of_a_name = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    let is_label = |label: &str| {
        let is_long_enough = (1..=MAX_LABEL).contains(&label.len());
        is_long_enough && label.bytes().all(is_of_a_name) && !label.starts_with('-')
    };
    text.len() <= MAX_NAME && text.split('.').all(is_label)
}

fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_decimal = last.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = last.strip_prefix("0x");
    is_decimal || hexadecimal.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl fmt::Display for HttpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_spelling() {
        for (text, shown) in [
            ("https://api.openai.com", "https://api.openai.com"),
            ("https://api.openai.com:443", "https://api.openai.com"),
            ("https://api.openai.com:80", "https://api.openai.com:80"),
            ("http://localhost:11434", "http://localhost:11434"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[0:0::1]", "http://[::1]"),
            ("https://*.example.com", "https://*.example.com"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
            ("http://under_score.example", "http://under_score.example"),
        ] {
            let origin = HttpOrigin::parse(text).map(|origin| origin.to_string());
            assert_eq!(origin.as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_says_why() {
        use OriginError::{Address, Host, Path, Port, Scheme, Star, User};
        for (text, error) in [
            ("", Scheme),
            ("api.openai.com", Scheme),
            ("HTTPS://api.openai.com", Scheme),
            ("ftp://example.com", Scheme),
            ("https:example.com", Scheme),
            ("https://", Host),
            ("https://example.com/", Path),
            ("https://example.com/v1", Path),
            ("https://example.com?a", Path),
            ("https://example.com#a", Path),
            ("https://example.com\\@evil.example", Path),
            ("https://user@example.com", User),
            ("https://example.com:0", Port),
            ("https://example.com:", Port),
            ("https://example.com:+80", Port),
            ("https://example.com:080", Port),
            ("https://example.com:65536", Port),
            ("https://example.com:80:80", Port),
            ("https://[::1]8080", Port),
            ("https://Example.com", Host),
            ("https://example.com.", Host),
            ("https://.example.com", Host),
            ("https://a..example.com", Host),
            ("https://exa mple.com", Host),
            ("https://b\u{fc}cher.example", Host),
            ("https://-a.example", Host),
            ("http://127.1", Address),
            ("http://0x7f.1", Address),
            ("http://0x7f.0x1", Address),
            ("http://2130706433", Address),
            ("http://127.0.0.01", Address),
            ("http://0177.0.0.1", Address),
            ("http://1.2.3.4.5", Address),
            ("http://[::1", Address),
            ("http://[fe80::1%eth0]", Address),
            ("http://[127.0.0.1]", Address),
            ("http://[::ffff:127.0.0.1]", Address),
            ("http://[::ffff:7f00:1]", Address),
            ("https://*", Star),
            ("https://*.com", Star),
            ("https://a.*.example.com", Star),
            ("https://*a.example.com", Star),
            ("https://*.*.example.com", Star),
        ] {
            assert_eq!(HttpOrigin::parse(text), Err(error), "{text}");
        }
        let long = format!("https://{}.example", "a".repeat(64));
        assert_eq!(HttpOrigin::parse(&long), Err(Host));
    }

    #[test]
    fn an_origin_covers_what_it_stands_for() {
        let origin = |text| HttpOrigin::parse(text).expect("an origin");
        for (wide, narrow, expected) in [
            ("https://a.example", "https://a.example:443", true),
            ("https://a.example", "http://a.example:443", false),
            ("https://a.example", "https://a.example:8443", false),
            ("https://a.example", "https://b.a.example", false),
            ("https://*.a.example", "https://b.a.example", true),
            ("https://*.a.example", "https://c.b.a.example", true),
            ("https://*.a.example", "https://*.b.a.example", true),
            ("https://*.a.example", "https://*.a.example", true),
            ("https://*.a.example", "https://a.example", false),
            ("https://*.a.example", "https://ba.example", false),
            ("https://b.a.example", "https://*.a.example", false),
            ("http://127.0.0.1", "http://127.0.0.1:80", true),
            ("http://127.0.0.1", "http://localhost", false),
        ] {
            assert_eq!(
                origin(wide).covers(&origin(narrow)),
                expected,
                "{wide} {narrow}"
            );
        }
    }

    #[test]
    fn methods_are_those_that_there_are() {
        assert!(HttpMethod::all().all(|method| HttpMethod::parse(method.as_str()) == Some(method)));
        for text in ["", "get", "CONNECT", "TRACE", "BREW", "GET "] {
            assert_eq!(HttpMethod::parse(text), None, "{text}");
        }
    }
}
