//! Addresses that only this machine reaches.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The port where nobody names one.
const USUAL_PORT: u16 = 7980;

/// An address of this machine that no other one reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopbackAddress(SocketAddr);

impl Default for LoopbackAddress {
    fn default() -> Self {
        Self(SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT)))
    }
}

impl LoopbackAddress {
    /// Reads a port, an address, or both.
    ///
    /// # Errors
    /// It is none, or other machines reach it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let local = text.replacen("localhost", "127.0.0.1", 1);
        let address = local
            .parse::<SocketAddr>()
            .or_else(|_| {
                local
                    .parse::<u16>()
                    .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            })
            .or_else(|_| {
                local
                    .parse::<IpAddr>()
                    .map(|ip| SocketAddr::from((ip, USUAL_PORT)))
            })
            .map_err(|_| {
                "expected a port, or an address of this machine such as `127.0.0.1:7980`".to_owned()
            })?;
        if address.ip().is_loopback() {
            return Ok(Self(address));
        }
        Err(format!(
            "{} can be reached from other machines, and the dashboard is not encrypted; use \
             127.0.0.1, and from another machine `ssh -L {port}:127.0.0.1:{port} HOST`",
            address.ip(),
            port = address.port()
        ))
    }

    /// Returns it for the system.
    pub fn socket(self) -> SocketAddr {
        self.0
    }
}

impl fmt::Display for LoopbackAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_listened_on() {
        for (text, expected) in [
            ("8080", "127.0.0.1:8080"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("localhost:9", "127.0.0.1:9"),
            ("localhost", "127.0.0.1:7980"),
            ("127.1.2.3", "127.1.2.3:7980"),
            ("[::1]:9", "[::1]:9"),
            ("::1", "[::1]:7980"),
        ] {
            let address = LoopbackAddress::parse(text).map(|address| address.to_string());
            assert_eq!(address.as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "0.0.0.0:80",
            "192.168.0.1",
            "[::]:80",
            "[::ffff:10.0.0.1]:1",
        ] {
            let error = LoopbackAddress::parse(text).expect_err(text);
            assert!(error.contains("other machines"), "{text}: {error}");
        }
        for text in ["", "example.org:80", "70000", "127.0.0.1:x", "127.1"] {
            let error = LoopbackAddress::parse(text).expect_err(text);
            assert!(error.contains("expected"), "{text}: {error}");
        }
    }
}
