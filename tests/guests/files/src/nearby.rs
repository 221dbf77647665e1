//! What else a guest could reach for, beside files.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};
use syft_guest::prelude::*;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::random::random::get_random_bytes;

/// Answers the environment, the arguments and the working folder.
#[on_request("/environment")]
pub(crate) fn environment() -> Value {
    json!({
        "variables": std::env::vars().collect::<Vec<_>>(),
        "arguments": std::env::args().collect::<Vec<_>>(),
        "initial": wasip2::cli::environment::initial_cwd(),
    })
}

/// Answers what came of each way to the network.
#[on_request("/sockets")]
pub(crate) fn sockets(port: u16) -> Value {
    let sent =
        UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", ("127.0.0.1", port)));
    let connected = |address: &str| said(TcpStream::connect(address).map(|_| ()));
    json!({
        "tcp": said(TcpStream::connect(("127.0.0.1", port)).map(|_| ())),
        "tcp6": connected("[::1]:80"),
        "listen": said(TcpListener::bind("127.0.0.1:0").map(|_| ())),
        "udp": said(UdpSocket::bind("127.0.0.1:0").map(|_| ())),
        "send": said(sent.map(|_| ())),
    })
}

/// Answers what came of looking up names.
#[on_request("/look-up")]
pub(crate) fn look_up() -> Value {
    ["localhost:80", "example.com:80"]
        .iter()
        .map(|name| said(name.to_socket_addrs().map(|_| ())))
        .collect()
}

fn said(result: std::io::Result<()>) -> Value {
    match result {
        Ok(()) => json!("done"),
        Err(error) => json!(format!("{:?}", error.kind())),
    }
}

/// Answers the time, how it passes, and random bytes.
#[on_request("/clocks-and-random")]
pub(crate) fn clocks_and_random() -> Result<Value, Error> {
    let start = Instant::now();
    std::thread::sleep(std::time::Duration::from_millis(5));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(json!({
        "seconds": now.as_secs(),
        "slept_us": u64::try_from(start.elapsed().as_micros())?,
        "random": get_random_bytes(32),
    }))
}

/// Holds so many handles of the host at once.
#[on_request("/hold-pollables")]
pub(crate) fn hold_pollables(n: usize) -> usize {
    let held: Vec<_> = (0..n).map(|_| subscribe_duration(1_000_000_000)).collect();
    held.len()
}
