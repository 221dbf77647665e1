//! A collector of traces, which takes what it gets and does nothing with it.

use std::io::{BufRead, BufReader, Read, Write, copy, sink};
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;

use anyhow::Context;

/// Returns where it listens, which is the same for the whole run.
pub(crate) fn url() -> anyhow::Result<&'static str> {
    static URL: OnceLock<String> = OnceLock::new();
    if let Some(url) = URL.get() {
        return Ok(url);
    }
    let listener = TcpListener::bind("127.0.0.1:0").context("listen as a collector")?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that breaks is the end of a host.
            thread::spawn(|| take_all(stream).ok());
        }
    });
    Ok(URL.get_or_init(|| url))
}

fn take_all(stream: TcpStream) -> anyhow::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            anyhow::ensure!(reader.read_line(&mut line)? > 0, "it hung up");
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        copy(&mut reader.by_ref().take(length), &mut sink())?;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        reader.get_mut().write_all(answer)?;
    }
}
