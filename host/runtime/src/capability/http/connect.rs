//! Connections to addresses that were checked, and to no others.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use syft_manifest::{HttpHost, IpScope};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::policy::AllowedOrigin;

/// Look-ups of names at a time, of all apps. One that hangs blocks a thread until it is given
/// up by the system, whatever became of the call.
static LOOK_UPS: Semaphore = Semaphore::const_new(64);

/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// The name has no address, or cannot be looked up.
    Unknown,
    /// The name leads to an address that has to be named itself.
    Prohibited(IpAddr),
    /// Nobody answers there.
    Io(io::Error),
}

impl ConnectError {
    /// Returns it for the owner.
    pub(super) fn in_words(&self, origin: &str) -> String {
        match self {
            Self::Unknown => "its name cannot be looked up".to_owned(),
            Self::Prohibited(address) => prohibited(*address, origin),
            Self::Io(error) => format!("no connection: {}", error.kind()),
        }
    }
}

fn prohibited(address: IpAddr, origin: &str) -> String {
    let scope = IpScope::of(address);
    let where_to = scope.in_words();
    match scope {
        IpScope::Nowhere => format!("its name leads to {address}, which is {where_to}"),
        IpScope::Public | IpScope::Loopback | IpScope::Near => format!(
            "its name leads to {address} in {where_to}, which is reached only where the address \
             itself is allowed, not {origin}"
        ),
    }
}

/// Connects to an origin. Its name is looked up once: what is checked is what is connected to.
pub(super) async fn connect(
    allowed: &AllowedOrigin,
    within: Duration,
) -> Result<TcpStream, ConnectError> {
    let addresses = checked_addresses(allowed, look_up).await?;
    let each = within / u32::try_from(addresses.len()).unwrap_or(1).max(1);
    let mut error = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match tokio::time::timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(ConnectError::Io)?;
                return Ok(stream);
            }
            Ok(Err(failed)) => error = failed,
            Err(_) => error = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(ConnectError::Io(error))
}

/// Returns the addresses of an origin, each of which may be connected to. Names are looked up
/// by a function that can be called once.
async fn checked_addresses(
    allowed: &AllowedOrigin,
    look_up: impl AsyncFnOnce(&str, u16) -> io::Result<Vec<SocketAddr>>,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let origin = allowed.origin();
    let port = origin.port();
    match origin.host() {
        // It is named, so it may be near. What nobody can reach, no manifest has.
        HttpHost::Address(address) if IpScope::of(*address) == IpScope::Nowhere => {
            Err(ConnectError::Prohibited(*address))
        }
        HttpHost::Address(address) => Ok(vec![(*address, port).into()]),
        host if host.is_localhost() => Ok(vec![
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ]),
        HttpHost::Below(_) => Err(ConnectError::Unknown),
        HttpHost::Name(name) => {
            let found = look_up(name, port)
                .await
                .map_err(|_| ConnectError::Unknown)?;
            let is_near = |found: &&SocketAddr| IpScope::of(found.ip()) != IpScope::Public;
            // One is enough: who mixes them wants to be believed for the others.
            match (found.iter().find(is_near), found.is_empty()) {
                (Some(near), _) => Err(ConnectError::Prohibited(near.ip())),
                (None, true) => Err(ConnectError::Unknown),
                (None, false) => Ok(found.into_iter().take(MOST_ADDRESSES).collect()),
            }
        }
    }
}

/// Looks a name up as the system does.
async fn look_up(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let turn = LOOK_UPS.acquire().await.expect("nobody closes it");
    let name = name.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        (name.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect)
    });
    found.await?
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use syft_manifest::{Http, HttpGrants, HttpMethod, HttpOrigin};

    use super::*;
    use crate::capability::http::policy::HttpPolicy;

    fn allowed(text: &str) -> AllowedOrigin {
        let origin = HttpOrigin::parse(text).expect("an origin");
        let http = Http {
            allow: vec![origin.clone()],
            methods: Vec::new(),
        };
        let policy = HttpPolicy::new(&HttpGrants {
            requested: http.clone(),
            approved: http,
            denied: Vec::new(),
        });
        let method = HttpMethod::parse("GET").expect("a method");
        policy.decide(origin, method).expect("it is allowed")
    }

    /// Returns where it may be connected to, when the name has these addresses.
    async fn checked(origin: &str, found: &[&str]) -> Result<Vec<String>, String> {
        let found: Vec<SocketAddr> = (found.iter())
            .map(|address| (address.parse::<IpAddr>().expect("an address"), 80).into())
            .collect();
        let checked = checked_addresses(&allowed(origin), async move |_, _| Ok(found)).await;
        let ips =
            |found: Vec<SocketAddr>| found.iter().map(|found| found.ip().to_string()).collect();
        checked.map(ips).map_err(|error| error.in_words(origin))
    }

    #[tokio::test]
    async fn names_lead_to_the_internet_alone() {
        let all = |found: &[&str]| Ok(found.iter().map(ToString::to_string).collect());
        let name = "https://a.example";
        assert_eq!(checked(name, &["1.1.1.1"]).await, all(&["1.1.1.1"]));
        let two = ["1.1.1.1", "2606:4700::1111"];
        assert_eq!(checked(name, &two).await, all(&two));
        for near in [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "169.254.169.254",
            "fd00:ec2::254",
            "0.0.0.0",
            "::",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "fe80::1",
        ] {
            let error = checked(name, &[near]).await.expect_err(near);
            assert!(error.contains(near), "{error}");
            let error = checked(name, &["1.1.1.1", near]).await.expect_err(near);
            assert!(error.contains(near), "among others: {error}");
        }
        let unknown = Err("its name cannot be looked up".to_owned());
        assert_eq!(checked(name, &[]).await, unknown);
    }

    #[tokio::test]
    async fn what_is_named_may_be_near_and_is_not_looked_up() {
        for (origin, expected) in [
            ("http://localhost:80", &["127.0.0.1", "::1"][..]),
            ("http://127.0.0.1", &["127.0.0.1"]),
            ("http://10.1.2.3", &["10.1.2.3"]),
            ("http://[::1]", &["::1"]),
        ] {
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(
                checked(origin, &["8.8.8.8"]).await,
                Ok(expected),
                "{origin}"
            );
        }
        assert!(checked("http://0.0.0.0", &[]).await.is_err());
    }

    /// A name whose address changes after the check leads to what was checked.
    #[tokio::test]
    async fn a_name_is_looked_up_once() {
        let n_asked = AtomicUsize::new(0);
        let rebinding = async |_: &str, port: u16| {
            let address = match n_asked.fetch_add(1, Ordering::Relaxed) {
                0 => Ipv4Addr::new(1, 1, 1, 1),
                _ => Ipv4Addr::LOCALHOST,
            };
            Ok(vec![(address, port).into()])
        };
        let found = checked_addresses(&allowed("http://a.example"), rebinding).await;
        let found = found.expect("it is public");
        assert_eq!(found, [SocketAddr::from(([1, 1, 1, 1], 80))]);
        assert_eq!(n_asked.load(Ordering::Relaxed), 1);
    }
}
