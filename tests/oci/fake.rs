//! A registry in this process that keeps what it is given, and lies as a test wants.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use syft_package::oci::OciDigest;

use crate::support::PATIENCE;

const HARDLY_ENDING: usize = 64 << 20;

/// What somebody asks.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub method: String,
    /// With what comes after a `?`.
    pub path: String,
    pub authorization: Option<String>,
    body: Vec<u8>,
}

impl Asked {
    pub fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.path.contains(part)
    }
}

/// What the registry answers.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub ending: Ending,
}

/// What comes after the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing, as announced.
    Whole,
    /// The body again and again, far longer than anybody should read.
    Endless,
    /// A byte now and then, as long as somebody reads.
    Drips,
    /// Nothing, though more was announced, as long as somebody waits.
    Stalls,
    /// Nothing, though more was announced, and the connection ends.
    BreaksOff,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            ending: Ending::Whole,
        }
    }

    pub fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self.headers.push((header, value.into()));
        self
    }

    pub fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

pub const DIGEST: &str = "Docker-Content-Digest";

type Lie = dyn Fn(&Asked, Answer) -> Answer + Send + Sync;

struct Shared {
    lie: Box<Lie>,
    /// By repository and tag or digest.
    manifests: Mutex<HashMap<String, Vec<u8>>>,
    blobs: Mutex<HashMap<String, Vec<u8>>>,
    asked: Mutex<Vec<Asked>>,
    is_over: AtomicBool,
    was_read_to_the_end: AtomicBool,
}

/// A registry on a port of its own, until it is dropped.
pub struct Fake {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Fake {
    pub fn honest() -> Self {
        Self::lying(|_, honest| honest)
    }

    /// Starts one that answers what the lie makes of the honest answer.
    pub fn lying(lie: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), lie)
    }

    pub fn at(
        listener: TcpListener,
        lie: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            lie: Box::new(lie),
            manifests: Mutex::default(),
            blobs: Mutex::default(),
            asked: Mutex::default(),
            is_over: AtomicBool::new(false),
            was_read_to_the_end: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if own.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let own = Arc::clone(&own);
                // Whoever is gone gets no answer.
                thread::spawn(move || stream.and_then(|stream| own.serve(stream)).ok());
            }
        });
        Self {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Puts a manifest there, as others than we could.
    pub fn put_manifest(&self, name: &str, manifest: &[u8]) {
        let mut manifests = self.shared.manifests.lock().unwrap();
        let (repository, _) = name.split_once(':').unwrap();
        let by_digest = format!("{repository}:{}", OciDigest::of(manifest));
        for name in [name, &by_digest] {
            manifests.insert(name.to_owned(), manifest.to_vec());
        }
    }

    pub fn manifest(&self, name: &str) -> Vec<u8> {
        self.shared.manifests.lock().unwrap()[name].clone()
    }

    /// Returns all that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Tells whether somebody took all of an answer that hardly ends.
    pub fn was_read_to_the_end(&self) -> bool {
        self.shared.was_read_to_the_end.load(Ordering::SeqCst)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        drop(self.accepting.take().map(JoinHandle::join));
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let asked = read(&mut reader)?;
        self.asked.lock().unwrap().push(asked.clone());
        let answer = (self.lie)(&asked, self.answer(&asked));
        write(reader.get_mut(), &asked, &answer)?;
        let is_endless = answer.ending == Ending::Endless && asked.method != "HEAD";
        self.was_read_to_the_end
            .fetch_or(is_endless, Ordering::SeqCst);
        Ok(())
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let path = path.strip_prefix("/v2/").unwrap_or_default();
        if let Some((repository, reference)) = path.split_once("/manifests/") {
            return self.manifests(asked, repository, reference);
        }
        let Some((repository, blob)) = path.split_once("/blobs/") else {
            return Answer::new(404, "");
        };
        match asked.method.as_str() {
            "POST" => {
                let place = format!("/v2/{repository}/blobs/uploads/1");
                Answer::new(202, "").with("Location", place)
            }
            "PUT" => {
                let digest = OciDigest::of(&asked.body).to_string();
                let is_right = query == format!("digest={}", digest.replace(':', "%3A"));
                self.put(&digest, &asked.body, is_right)
            }
            _ => match self.blobs.lock().unwrap().get(blob) {
                Some(blob) => Answer::new(200, blob.clone()),
                None => Answer::new(404, ""),
            },
        }
    }

    fn manifests(&self, asked: &Asked, repository: &str, reference: &str) -> Answer {
        let mut manifests = self.manifests.lock().unwrap();
        let digest = OciDigest::of(&asked.body).to_string();
        if asked.method == "PUT" {
            for reference in [reference, &digest] {
                manifests.insert(format!("{repository}:{reference}"), asked.body.clone());
            }
            return Answer::new(201, "");
        }
        match manifests.get(&format!("{repository}:{reference}")) {
            Some(manifest) => {
                let digest = OciDigest::of(manifest).to_string();
                Answer::new(200, manifest.clone()).with(DIGEST, digest)
            }
            None => Answer::new(404, ""),
        }
    }

    fn put(&self, digest: &str, blob: &[u8], is_right: bool) -> Answer {
        if !is_right {
            return Answer::new(400, "");
        }
        let mut blobs = self.blobs.lock().unwrap();
        blobs.insert(digest.to_owned(), blob.to_vec());
        Answer::new(201, "")
    }
}

fn read(reader: &mut impl BufRead) -> std::io::Result<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let mut asked = Asked {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        ..Asked::default()
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => asked.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    reader.take(length).read_to_end(&mut asked.body)?;
    Ok(asked)
}

fn write(stream: &mut TcpStream, asked: &Asked, answer: &Answer) -> std::io::Result<()> {
    let Answer { body, ending, .. } = answer;
    let announced = match ending {
        Ending::Whole => Some(body.len()),
        Ending::Stalls | Ending::BreaksOff => Some(body.len() + 1),
        Ending::Endless | Ending::Drips => None,
    };
    write!(stream, "HTTP/1.1 {} as it is\r\n", answer.status)?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if let Some(length) = announced {
        write!(stream, "Content-Length: {length}\r\n")?;
    }
    stream.write_all(b"Connection: close\r\n\r\n")?;
    if asked.method == "HEAD" {
        return Ok(());
    }
    stream.write_all(body)?;
    match ending {
        Ending::Whole | Ending::BreaksOff => Ok(()),
        Ending::Stalls => {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.read(&mut [0]).map(drop)
        }
        // More than any buffer in between holds.
        Ending::Endless => (0..HARDLY_ENDING / body.len()).try_for_each(|_| stream.write_all(body)),
        Ending::Drips => {
            let start = Instant::now();
            while start.elapsed() < PATIENCE {
                stream.write_all(b"x")?;
                thread::sleep(Duration::from_millis(10));
            }
            Ok(())
        }
    }
}
