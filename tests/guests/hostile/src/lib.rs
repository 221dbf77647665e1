//! Does what a guest must not, endpoint by endpoint.

use std::hint::black_box;
use std::io::Write;

use syft_guest::prelude::*;

/// Answers, to show that the app still lives.
#[on_request("/ok")]
fn ok() -> &'static str {
    "ok"
}

/// Never ends.
#[on_request("/loop")]
fn loops_forever() {
    loop {
        black_box(());
    }
}

/// Allocates and touches memory without end.
#[on_request("/allocate")]
fn allocates_without_end() {
    let mut chunks = Vec::new();
    loop {
        chunks.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Panics.
#[on_request("/panic")]
fn panics() {
    panic!("on purpose");
}

/// Starts a thread, of which no app has a second.
#[on_request("/thread")]
fn starts_a_thread() {
    std::thread::spawn(|| ()).join().expect("a thread");
}

/// Prints 1 GB in lines of 1 KiB.
#[on_request("/print")]
fn prints_a_gigabyte() -> Result<&'static str, Error> {
    let mut line = [b'x'; 1024];
    line[1023] = b'\n';
    let mut stdout = std::io::stdout().lock();
    for _ in 0..1 << 20 {
        stdout.write_all(&line)?;
    }
    Ok("printed")
}

/// Overflows the call stack, which is the host's.
#[on_request("/recurse")]
fn recurses_without_end() -> u64 {
    recurse(black_box(1))
}

fn recurse(n: u64) -> u64 {
    let next: fn(u64) -> u64 = black_box(recurse);
    next(n + 1) ^ n
}

/// Overflows the stack in the guest's own memory.
#[on_request("/recurse-with-frames")]
fn recurses_with_large_frames() -> u64 {
    recurse_with_frame(black_box(1))
}

#[expect(unconditional_recursion, reason = "the purpose")]
fn recurse_with_frame(n: u64) -> u64 {
    let frame = black_box([n; 1024]);
    recurse_with_frame(n + 1) ^ frame[0]
}

/// Ends the process, with success.
#[on_request("/exit")]
fn exits() {
    std::process::exit(0);
}

/// Answers `n` bytes.
#[on_request("/huge-response")]
fn huge_response(n: usize) -> Vec<u8> {
    vec![b'x'; n]
}

/// Answers with `n` headers.
#[on_request("/many-headers")]
fn many_headers(n: usize) -> Response {
    let mut response = Response::new(200);
    let headers: Vec<_> = (0..n).map(|i| (format!("X-{i}"), "v".to_owned())).collect();
    response.headers = headers.into();
    response
}

/// Answers with any status, such as 299, 99 or 65535.
#[on_request("/bad-status")]
fn bad_status(code: u16) -> Response {
    Response::new(code).body("bad status")
}

/// Answers with a header that holds line breaks.
#[on_request("/bad-header")]
fn bad_header() -> Response {
    Response::new(200)
        .header("X-A\r\nX-Injected", "1\r\nX-Other: 2")
        .body("bad header")
}

/// Answers the same header twice, and one without a name.
#[on_request("/repeated-header")]
fn repeated_header() -> Response {
    let mut response = Response::new(200);
    let headers = [("X-A", "1"), ("X-A", "2"), ("x-a", "3"), ("", "4")];
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    response.headers = headers.into();
    response
}

/// Says nothing, very often, in every way there is.
#[on_request("/says-nothing")]
fn says_nothing() -> &'static str {
    for _ in 0..200_000 {
        log::info!("");
        println!();
    }
    "said"
}

/// Fails with `n` bytes to say about it.
#[on_request("/fails-at-length")]
fn fails_at_length(n: usize) -> Result<(), Error> {
    Err(std::io::Error::other("\u{7}".repeat(n)))?
}

/// Answers with one header of `n` bytes.
#[on_request("/long-header")]
fn long_header(n: usize) -> Response {
    Response::new(200).header("X-A", "v".repeat(n))
}

syft_guest::app!(
    says_nothing,
    fails_at_length,
    long_header,
    ok,
    loops_forever,
    allocates_without_end,
    panics,
    starts_a_thread,
    prints_a_gigabyte,
    recurses_without_end,
    recurses_with_large_frames,
    exits,
    huge_response,
    many_headers,
    bad_status,
    bad_header,
    repeated_header,
);
