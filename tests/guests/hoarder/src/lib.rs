//! Has the host hold what it can be made to hold, kind by kind.

use std::hint::black_box;

use syft_guest::bindings::wasi::keyvalue::{atomics, batch, store};
use syft_guest::prelude::*;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::{Pollable, poll};

const MIB: usize = 1 << 20;
const HOUR: u64 = 3_600_000_000_000;

fn failed(error: store::Error) -> Error {
    Error::with_status(409, format!("{error:?}"))
}

fn bucket() -> Result<store::Bucket, Error> {
    store::open("default").map_err(failed)
}

/// Answers, to show that the app still lives.
#[on_request("/ok")]
fn ok() -> &'static str {
    "ok"
}

/// Takes so much memory and writes to all of it.
#[on_request("/fill")]
fn fills(bytes: usize) -> usize {
    black_box(vec![7_u8; bytes]).len()
}

/// Makes handles that hold a value each, as many as it gets.
#[on_request("/compare")]
fn compares(n: usize) -> Result<String, Error> {
    let bucket = bucket()?;
    bucket.set("k", &vec![7; MIB]).map_err(failed)?;
    let mut kept = Vec::new();
    for _ in 0..n {
        match atomics::Cas::new(&bucket, "k") {
            Ok(cas) => kept.push(cas),
            Err(error) => return Ok(format!("{} handles: {error:?}", kept.len())),
        }
    }
    Ok(format!("{} handles", kept.len()))
}

/// Makes handles out of swaps that fail.
#[on_request("/swap")]
fn swaps(n: usize) -> Result<String, Error> {
    let bucket = bucket()?;
    let mut kept = Vec::new();
    for _ in 0..n {
        let cas = atomics::Cas::new(&bucket, "s").map_err(failed)?;
        bucket
            .set("s", &vec![kept.len() as u8; MIB])
            .map_err(failed)?;
        match atomics::swap(cas, b"other") {
            Err(atomics::CasError::CasFailed(cas)) => kept.push(cas),
            Err(atomics::CasError::StoreError(error)) => {
                return Ok(format!("{} handles: {error:?}", kept.len()));
            }
            Ok(()) => return Ok("swapped".to_owned()),
        }
    }
    Ok(format!("{} handles", kept.len()))
}

/// Opens the bucket again and again.
#[on_request("/open")]
fn opens(n: usize) -> Result<usize, Error> {
    let buckets: Result<Vec<_>, Error> = (0..n).map(|_| bucket()).collect();
    Ok(buckets?.len())
}

/// Writes values until it may not, then overwrites one by a larger one, which is refused,
/// again and again; then by nothing, and says what became of the room.
#[on_request("/overwrite")]
fn overwrites(n: usize) -> Result<String, Error> {
    let bucket = bucket()?;
    let value = vec![7; MIB];
    let mut n_written = 0;
    while bucket
        .set(&format!("f{n_written}"), &value[..500_000])
        .is_ok()
    {
        n_written += 1;
    }
    let n_refused = (0..n).filter(|_| bucket.set("f0", &value).is_err());
    let n_refused = n_refused.count();
    for i in 0..n_written {
        bucket.set(&format!("f{i}"), b"").map_err(failed)?;
    }
    let after = bucket.set("new", &value).is_ok();
    Ok(format!(
        "{n_written} written, {n_refused} refused, then {after}"
    ))
}

/// Writes as much as it may and overwrites each with a larger value that is refused. What it
/// then holds is what it may hold.
#[on_request("/creep")]
fn creeps(rounds: usize) -> Result<usize, Error> {
    let bucket = bucket()?;
    let value = vec![7; MIB];
    let mut n_written = 0;
    for _ in 0..rounds {
        while bucket
            .set(&format!("c{n_written}"), &value[..500_000])
            .is_ok()
        {
            n_written += 1;
        }
        if bucket.set("c0", &value).is_ok() {
            bucket.set("c0", &value[..500_000]).map_err(failed)?;
        }
    }
    Ok(n_written)
}

/// Reads many values at once, again and again.
#[on_request("/get-many")]
fn gets_many(n: usize) -> Result<String, Error> {
    let bucket = bucket()?;
    bucket.set("k", &vec![7; MIB]).map_err(failed)?;
    let keys = vec!["k".to_owned(); n];
    Ok(match batch::get_many(&bucket, &keys) {
        Ok(values) => format!("{} values", values.len()),
        Err(error) => format!("{error:?}"),
    })
}

/// Asks for one key very often at once.
#[on_request("/get-nothing")]
fn gets_nothing(n: usize) -> Result<String, Error> {
    let keys = vec![String::new(); n];
    Ok(match batch::get_many(&bucket()?, &keys) {
        Ok(values) => format!("{} values", values.len()),
        Err(error) => format!("{error:?}"),
    })
}

/// Writes long keys and lists them.
#[on_request("/list")]
fn lists(n: usize) -> Result<usize, Error> {
    let bucket = bucket()?;
    for i in 0..n {
        bucket.set(&format!("{i:01000}"), b"").map_err(failed)?;
    }
    Ok(bucket.list_keys(None).map_err(failed)?.keys.len())
}

/// Waits for many things, each of them many times, of which the last is soon.
#[on_request("/poll")]
fn polls(n: usize, times: usize) -> usize {
    let soon = subscribe_duration(1_000_000);
    let late: Vec<Pollable> = (0..n).map(|_| subscribe_duration(HOUR)).collect();
    let all: Vec<&Pollable> = late.iter().cycle().take(n * times).chain([&soon]).collect();
    poll(&all).len()
}

/// Gets random bytes again and again.
#[on_request("/random")]
fn random(n: usize) -> usize {
    let random = |_| wasip2::random::random::get_random_bytes(MIB as u64).len();
    (0..n).map(random).sum()
}

/// Logs long lines.
#[on_request("/log")]
fn logs(n: usize) -> &'static str {
    let line = "x".repeat(MIB);
    for _ in 0..n {
        log::info!("{line}");
        print!("{line}");
    }
    "logged"
}

/// Fails with so many bytes to say about it.
#[on_request("/fail")]
fn fails(bytes: usize) -> Result<(), Error> {
    Err(std::io::Error::other("x".repeat(bytes)))?
}

/// Refuses its body with so many bytes to say about it.
#[on_request("/refuse")]
fn refuses(bytes: usize) -> Result<(), Error> {
    Err(Error::with_status(400, "x".repeat(bytes)))
}

/// Answers so many bytes.
#[on_request("/answer")]
fn answers(bytes: usize) -> Vec<u8> {
    vec![b'x'; bytes]
}

syft_guest::app!(
    ok,
    fills,
    compares,
    swaps,
    opens,
    overwrites,
    creeps,
    gets_many,
    gets_nothing,
    lists,
    polls,
    random,
    logs,
    fails,
    refuses,
    answers,
);
