//! Endpoints that look around.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use syft_guest::prelude::*;

/// Answers what the request says of itself.
#[on_request("/whoami")]
pub fn whoami(request: Request) -> Value {
    json!({
        "sender": request.sender.email,
        "proof": request.sender.proof,
        "id": request.id,
        "endpoint": request.endpoint,
        "url": request.url,
        "method": request.method,
        "created": request.created,
        "expires": request.expires,
        "datasite": context::datasite(),
        "app": context::app(),
        "time_left_us": u64::try_from(context::time_left().as_micros()).unwrap_or(u64::MAX),
    })
}

/// Answers how often this instance was called.
#[on_request("/calls")]
pub fn calls() -> u32 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

#[on_request("/sleep")]
pub fn sleep(ms: u64) -> &'static str {
    thread::sleep(Duration::from_millis(ms));
    "slept"
}

#[on_request("/spin")]
pub fn spin(ms: u64) -> u64 {
    let start = Instant::now();
    let mut n_rounds = 0;
    while start.elapsed() < Duration::from_millis(ms) {
        n_rounds += 1;
    }
    n_rounds
}

/// Takes a fixed amount of work: FNV-1a of a text, over and over.
#[on_request("/checksum")]
pub fn checksum(text: String, rounds: u32) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for _ in 0..rounds {
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// Answers the environment and the arguments.
#[on_request("/env")]
pub fn env() -> Value {
    let variables: Vec<_> = std::env::vars().collect();
    let arguments: Vec<_> = std::env::args().collect();
    json!({"variables": variables, "arguments": arguments})
}

/// Answers what the file system shows, or the kind of error.
#[on_request("/files")]
pub fn files() -> Value {
    json!({
        "root": outcome(fs::read_dir("/").map(names)),
        "passwd": outcome(File::open("/etc/passwd").map(|_| "opened")),
        "written": outcome(File::create("/written").map(|_| "created")),
    })
}

fn names(entries: fs::ReadDir) -> Vec<String> {
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

fn outcome<T: serde::Serialize>(result: io::Result<T>) -> Value {
    match result {
        Ok(value) => json!({"ok": value}),
        Err(error) => json!({"error": format!("{:?}", error.kind())}),
    }
}

/// Answers `connected`, or the kind of error.
#[on_request("/connect")]
pub fn connect(#[default("127.0.0.1:80")] address: String) -> String {
    match TcpStream::connect(address) {
        Ok(_) => "connected".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// Answers the seconds since 1970 and two random numbers.
#[on_request("/now")]
pub fn now() -> Result<Value, Error> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let random = RandomState::new();
    Ok(json!({
        "seconds": now.as_secs(),
        "random": [random.hash_one(0), random.hash_one(1)],
    }))
}

/// Writes to the log, to standard output and to standard error.
#[on_request("/log")]
pub fn write_log(#[default("a line")] line: String) {
    log::info!("log: {line}");
    println!("stdout: {line}");
    eprintln!("stderr: {line}");
}

/// Sleeps, and says so before.
#[on_request("/sleep-loudly")]
pub fn sleep_loudly(ms: u64) -> &'static str {
    log::info!("sleeping");
    sleep(ms)
}

/// Opens a file `n` times, and answers how often it could.
#[on_request("/open-many")]
pub fn open_many(path: String, n: u32) -> usize {
    (0..n).filter(|_| File::open(&path).is_ok()).count()
}
