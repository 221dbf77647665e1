//! A server of HTTP as a test wants it, also such as no server should be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{PATIENCE, language_model};

/// A server on this machine, as long as the tests run.
pub struct WebServer {
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The first line of each request.
    asked: Mutex<Vec<String>>,
    holding: Mutex<Holding>,
    enough: Condvar,
}

/// Requests that are answered only when there are many at a time.
#[derive(Default)]
struct Holding {
    now: usize,
    most: usize,
}

/// How many requests to `/hold` there have to be at a time.
pub const HELD: usize = 16;

impl WebServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let each = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&each);
                // What goes wrong here is for the client to notice.
                thread::spawn(move || serve(&shared, stream?));
            }
            std::io::Result::Ok(())
        });
        Self { port, shared }
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the first lines of the requests that have a word in them.
    pub fn asked(&self, word: &str) -> Vec<String> {
        let asked = self.shared.asked.lock().unwrap();
        let has_word = |line: &&String| line.contains(word);
        asked.iter().filter(has_word).cloned().collect()
    }

    /// Returns how many requests were held at a time.
    pub fn most_held(&self) -> usize {
        self.shared.holding.lock().unwrap().most
    }
}

/// Starts a server that answers hello over encrypted connections, and returns its port.
pub fn start_encrypted(certificate: &Path, key: &Path) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_file(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let settings = Arc::new(settings);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&settings)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream?);
            // Who does not trust it says nothing more.
            if stream.read(&mut [0; 4 << 10]).is_ok() {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")?;
                stream.conn.send_close_notify();
                stream.flush()?;
            }
        }
        std::io::Result::Ok(())
    });
    port
}

/// Reads a request: its head as lines, and its body.
fn read(stream: &TcpStream) -> std::io::Result<(Vec<String>, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    let is_chunked = head.iter().any(|line| line == "transfer-encoding: chunked");
    if is_chunked {
        return Ok((head, read_chunks(&mut reader)?));
    }
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok((head, body))
}

fn read_chunks(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk)?;
        body.extend(&chunk[..length]);
        if length == 0 {
            return Ok(body);
        }
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    let (head, body) = read(&stream)?;
    let Some(line) = head.first().cloned() else {
        return Ok(());
    };
    shared.asked.lock().unwrap().push(line.clone());
    let target = line.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match path {
        "/echo" => {
            let mut text = head.join("\n").into_bytes();
            text.extend(b"\n\n");
            text.extend(body);
            answer(&mut stream, "200 OK", "", &text)
        }
        "/count" => answer(&mut stream, "200 OK", "", body.len().to_string().as_bytes()),
        "/json" => {
            let header = "content-type: application/json\r\n";
            answer(&mut stream, "200 OK", header, br#"{"name":"Ada"}"#)
        }
        "/missing" => answer(&mut stream, "404 Not Found", "", b"nothing"),
        "/redirect" => {
            let to = format!("location: {query}\r\n");
            answer(&mut stream, "302 Found", &to, b"")
        }
        "/chunked" => stream.write_all(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n4\r\n two\r\n0\r\nx: trailer\r\n\r\n",
        ),
        "/events" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")?;
            for n in 1..=3 {
                stream.write_all(format!("data: {n}\n\n").as_bytes())?;
                stream.flush()?;
            }
            Ok(())
        }
        "/silent" => until_closed(stream),
        "/slow-head" => endlessly(&mut stream, b"HTTP/1.1 200 OK\r\nx-a", b"a", true),
        "/slow-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart")?;
            until_closed(stream)
        }
        "/endless-headers" => {
            endlessly(&mut stream, b"HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n", false)
        }
        "/many-headers" => {
            let headers: String = (0..150).map(|n| format!("x-{n}: {n}\r\n")).collect();
            answer(&mut stream, "200 OK", &headers, b"")
        }
        "/endless-body" => {
            endlessly(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n", &[b'y'; 64 << 10], false)
        }
        "/cut-off" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart"),
        "/gibberish" => stream.write_all(b"not of this protocol\r\n\r\n"),
        "/hold" => {
            hold(shared);
            answer(&mut stream, "200 OK", "", b"held")
        }
        _ => match language_model::answer(path, &body) {
            Some((status, kind, body)) => {
                let header = format!("content-type: {kind}\r\n");
                answer(&mut stream, status, &header, body.as_bytes())
            }
            None => answer(&mut stream, "200 OK", "", b"hello"),
        },
    }
}

fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

/// Says nothing until the client is gone.
fn until_closed(mut stream: TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0]).map(drop)
}

/// Writes until nobody reads any more.
fn endlessly(
    stream: &mut TcpStream,
    first: &[u8],
    part: &[u8],
    slowly: bool,
) -> std::io::Result<()> {
    stream.write_all(first)?;
    loop {
        stream.write_all(part)?;
        if slowly {
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Waits for others, the first time until there are enough.
fn hold(shared: &Shared) {
    let mut holding = shared.holding.lock().unwrap();
    holding.now += 1;
    holding.most = holding.most.max(holding.now);
    shared.enough.notify_all();
    let is_waiting = |holding: &mut Holding| holding.most < HELD;
    let waited = shared
        .enough
        .wait_timeout_while(holding, PATIENCE, is_waiting);
    waited.unwrap().0.now -= 1;
}
