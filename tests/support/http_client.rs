//! A client of HTTP that sends exactly what a test says, as no browser would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// An answer over HTTP.
#[derive(Debug)]
pub struct HttpAnswer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl HttpAnswer {
    /// Returns a header; an empty text where there is none.
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value.trim())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// Sends a request with these headers alone, and reads the answer to its end.
pub fn ask(to: SocketAddr, request: &str, headers: &[&str], body: &str) -> HttpAnswer {
    let mut reader = BufReader::new(open(to, request, headers, body));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(
            reader.read_line(&mut head).unwrap(),
            0,
            "an end in {head:?}"
        );
    }
    let status = head.split(' ').nth(1).expect("a status");
    let answer = HttpAnswer {
        status: status.parse().unwrap(),
        head,
        body: String::new(),
    };
    let mut body = Vec::new();
    // Not each server closes the connection when it is asked to.
    match answer.header("content-length").parse() {
        Ok(length) => reader.take(length).read_to_end(&mut body).unwrap(),
        Err(_) => reader.read_to_end(&mut body).unwrap(),
    };
    let body = String::from_utf8(body).unwrap();
    let is_chunked = answer.header("transfer-encoding") == "chunked";
    HttpAnswer {
        body: if is_chunked { joined(&body) } else { body },
        ..answer
    }
}

/// Sends a request, of which the answer is read by the caller.
pub fn open(to: SocketAddr, request: &str, headers: &[&str], body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{request} HTTP/1.1\r\nConnection: close\r\n");
    for header in headers {
        head += &format!("{header}\r\n");
    }
    if !body.is_empty() {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    stream
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .unwrap();
    stream
}

fn joined(chunks: &str) -> String {
    let (mut whole, mut rest) = (String::new(), chunks);
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole += &after[..length];
        rest = after[length..].trim_start_matches("\r\n");
    }
    whole
}
