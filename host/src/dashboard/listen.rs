//! Where the dashboard listens: on this machine alone.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::CommandError;

/// The port where nobody names one.
const USUAL_PORT: u16 = 7980;

/// Connections at a time. Each browser window has one that stays.
const MAX_CONNECTIONS: usize = 64;

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

    /// Starts to listen.
    ///
    /// # Errors
    /// Somebody else listens there.
    pub(super) async fn listen(self) -> Result<BoundedListener, CommandError> {
        let listener = TcpListener::bind(self.0).await.map_err(|error| {
            CommandError::from(error)
                .about(format!("cannot open the dashboard at {self}"))
                .hint("take any free port: --dashboard=127.0.0.1:0")
        })?;
        Ok(BoundedListener {
            listener,
            room: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        })
    }
}

impl fmt::Display for LoopbackAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Takes so many connections at a time; others wait.
pub(super) struct BoundedListener {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Listener for BoundedListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let room = Arc::clone(&self.room).acquire_owned().await;
        let room = room.expect("nobody closes it");
        // Waits where the system has no more to give, and tries again.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            _room: room,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, which has its place as long as it is open.
pub(super) struct Connection {
    stream: TcpStream,
    _room: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
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
