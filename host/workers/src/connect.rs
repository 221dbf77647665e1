//! The connection to the NATS server: to whom, with which key, and never in the clear where
//! others could listen.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use thiserror::Error;
use tokio::sync::mpsc;
use url::Url;

use crate::accounts::{AccountKey, AccountsError, read_key};

const USUAL_PORT: u16 = 4222;

/// How long a first connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The longest time between two attempts.
const MOST_DELAY: Duration = Duration::from_secs(2);

/// Events that wait to be looked at.
const EVENTS: usize = 64;

/// The address of a NATS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    url: Url,
    is_encrypted: bool,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectTo {
    /// To whom.
    pub server: ServerUrl,
    /// The file of the key.
    pub key_file: PathBuf,
    /// Whose certificates count; those that the system knows, where none is named.
    pub ca_file: Option<PathBuf>,
}

/// Why there is no connection, which somebody has to mend.
#[derive(Debug, Error)]
pub enum WorkersError {
    /// It is no address.
    #[error("{0:?} is no address of a NATS server: {1}")]
    Url(String, String),
    /// The key.
    #[error(transparent)]
    Key(#[from] AccountsError),
    /// The server does not let this key in.
    #[error("the NATS server {0} refuses the key {1}")]
    Refused(String, String),
    /// There is no encrypted connection.
    #[error("no encrypted connection to the NATS server {0}: {1}")]
    Tls(String, String),
    /// Nobody is there.
    #[error("the NATS server {0} is not there: {1}")]
    Absent(String, String),
    /// The server cannot do what is needed.
    #[error("the NATS server {0} is not as it has to be: {1}")]
    Unfit(String, String),
}

impl WorkersError {
    /// Returns what to do about it.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Url(..) => "write it as `nats://HOST:4222`",
            Self::Key(_) => {
                "the owner makes keys with `syft-host workers setup` and `syft-host workers add NAME`"
            }
            Self::Refused(..) => {
                "if it was added of late, have the server read its configuration again: \
                 `nats-server --signal reload`"
            }
            Self::Tls(..) => {
                "give the server a certificate (`syft-host workers setup --tls-cert FILE --tls-key \
                 FILE`), and name who has vouched for it: `--ca FILE`, or `--workers-ca FILE` of \
                 `serve`"
            }
            Self::Absent(..) => "start it with `nats-server --config nats-server.conf`",
            Self::Unfit(..) => "stop the other host, or give each a server of its own",
        };
        vec![hint.to_owned()]
    }
}

/// What becomes of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    /// It is there, for the first time or again.
    Up,
    /// It is gone.
    Down,
    /// The server refuses the key.
    Refused,
}

impl ServerUrl {
    /// Reads `nats://HOST[:PORT]` or `tls://HOST[:PORT]`.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "expected an address such as `nats://nats.example.org:4222`".to_owned();
        let url = Url::parse(text).map_err(|_| wrong())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address has no user and no password: there are keys".to_owned());
        }
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
        let host = url.host_str().filter(|host| !host.is_empty());
        let Some(host) = host.filter(|_| is_bare && url.fragment().is_none()) else {
            return Err(wrong());
        };
        let is_encrypted = match url.scheme() {
            "tls" => true,
            // What others on the way could read or change is encrypted or not said.
            "nats" => !is_loopback(host),
            _ => return Err(wrong()),
        };
        Ok(Self { url, is_encrypted })
    }

    /// Tells whether all that is said is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    fn address(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().unwrap_or(USUAL_PORT);
        format!("{}://{host}:{port}", self.url.scheme())
    }
}

impl std::fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.address())
    }
}

fn is_loopback(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']');
    let ip = ip.parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

impl ConnectTo {
    /// Connects. What is said of the connection later comes by the receiver.
    ///
    /// # Errors
    /// Something that does not mend itself; or nobody is there and `wait` is not set.
    pub(crate) async fn connect(
        &self,
        name: &str,
        wait: bool,
    ) -> Result<(Client, mpsc::Receiver<LinkEvent>), WorkersError> {
        let key = read_key(&self.key_file)?;
        let (sender, links) = mpsc::channel(EVENTS);
        let options = |sender: mpsc::Sender<LinkEvent>| {
            let options = ConnectOptions::with_nkey(key.seed.to_string())
                .name(name)
                .require_tls(self.server.is_encrypted || self.ca_file.is_some())
                .ignore_discovered_servers()
                .connection_timeout(CONNECT_WITHIN)
                .reconnect_delay_callback(delay)
                .event_callback(move |event| note(sender.clone(), event));
            match &self.ca_file {
                Some(file) => options.add_root_certificates(file.clone()),
                None => options,
            }
        };
        let address = self.server.address();
        match options(sender.clone()).connect(&address).await {
            Ok(client) => Ok((client, links)),
            Err(error) => {
                let error = self.explain(error, &key);
                if !wait || !matches!(error, WorkersError::Absent(..)) {
                    return Err(error);
                }
                tracing::warn!("{error}; it is tried again");
                let options = options(sender).retry_on_initial_connect();
                let client = options.connect(&address).await;
                Ok((client.map_err(|error| self.explain(error, &key))?, links))
            }
        }
    }

    fn explain(&self, error: async_nats::ConnectError, key: &AccountKey) -> WorkersError {
        let server = self.server.to_string();
        let why = match std::error::Error::source(&error) {
            Some(source) => source.to_string(),
            None => error.kind().to_string(),
        };
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                WorkersError::Refused(server, key.public())
            }
            ConnectErrorKind::Tls | ConnectErrorKind::ServerParse => WorkersError::Tls(server, why),
            // So rustls says that the other side speaks no TLS, or has the wrong certificate.
            _ if why.contains("certificate") || why.contains("corrupt message") => {
                WorkersError::Tls(server, why)
            }
            _ => WorkersError::Absent(server, why),
        }
    }
}

/// What somebody found who wanted to know whether a server can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The version of the server.
    pub server_version: String,
    /// How long the server takes to answer.
    pub round_trip: Duration,
}

/// Connects for a moment.
///
/// # Errors
/// It cannot be used.
pub async fn probe(to: &ConnectTo) -> Result<Probe, WorkersError> {
    let (client, _links) = to.connect("syft-host probe", false).await?;
    let server_version = client.server_info().version;
    let start = Instant::now();
    let flushed = tokio::time::timeout(CONNECT_WITHIN, client.flush()).await;
    let absent = |why: String| WorkersError::Absent(to.server.to_string(), why);
    flushed
        .map_err(|_| absent("it does not answer".to_owned()))?
        .map_err(|error| absent(error.to_string()))?;
    let round_trip = start.elapsed();
    Ok(Probe {
        server_version,
        round_trip,
    })
}

fn delay(attempts: usize) -> Duration {
    let doubled = u32::try_from(attempts.min(8)).unwrap_or(8);
    Duration::from_millis(20 << doubled).min(MOST_DELAY)
}

async fn note(links: mpsc::Sender<LinkEvent>, event: Event) {
    let link = match &event {
        Event::Connected => LinkEvent::Up,
        Event::Disconnected | Event::Closed => LinkEvent::Down,
        Event::ServerError(async_nats::ServerError::AuthorizationViolation) => LinkEvent::Refused,
        Event::ClientError(error) if error.to_string().contains("authorization violation") => {
            LinkEvent::Refused
        }
        _ => {
            tracing::debug!("the NATS server: {event}");
            return;
        }
    };
    // Nobody who has gone needs to know.
    links.try_send(link).ok();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn off_loopback_everything_is_encrypted() {
        for (text, is_encrypted) in [
            ("nats://127.0.0.1:4222", false),
            ("nats://localhost", false),
            ("nats://[::1]:4222", false),
            ("tls://127.0.0.1:4222", true),
            ("nats://nats:4222", true),
            ("nats://192.168.1.5", true),
            ("nats://localhost.example.org", true),
        ] {
            let url = ServerUrl::parse(text).unwrap();
            assert_eq!(url.is_encrypted(), is_encrypted, "{text}");
        }
    }

    #[test]
    fn an_address_has_a_host_and_nothing_to_hide() {
        for wrong in [
            "",
            "nats.example.org",
            "http://example.org",
            "ws://example.org",
            "nats://user@example.org",
            "nats://user:pass@example.org",
            "nats://example.org/path",
            "nats://example.org?x",
            "nats://",
        ] {
            assert!(ServerUrl::parse(wrong).is_err(), "{wrong}");
        }
        let url = ServerUrl::parse("nats://nats.example.org").unwrap();
        assert_eq!(url.to_string(), "nats://nats.example.org:4222");
    }
}
