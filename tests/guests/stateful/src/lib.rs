//! Keeps state through `wasi:keyvalue` itself: no help by the SDK is in between.

use syft_guest::bindings::wasi::keyvalue::{atomics, batch, store};
use syft_guest::prelude::*;

/// What one operation came to, as JSON.
type Told = Result<serde_json::Value, Error>;

fn failed(error: store::Error) -> Error {
    // A status, so that what the call did before is kept.
    Error::with_status(409, format!("{error:?}"))
}

fn bucket() -> Result<store::Bucket, Error> {
    store::open("default").map_err(failed)
}

fn text(value: Option<Vec<u8>>) -> serde_json::Value {
    value
        .map(|value| String::from_utf8_lossy(&value).into_owned())
        .into()
}

#[on_request("/get")]
fn get(key: String) -> Told {
    Ok(text(bucket()?.get(&key).map_err(failed)?))
}

#[on_request("/set")]
fn set(key: String, value: String) -> Told {
    bucket()?.set(&key, value.as_bytes()).map_err(failed)?;
    Ok(true.into())
}

#[on_request("/delete")]
fn delete(key: String) -> Told {
    bucket()?.delete(&key).map_err(failed)?;
    Ok(bucket()?.exists(&key).map_err(failed)?.into())
}

#[on_request("/keys")]
fn keys() -> Told {
    let bucket = bucket()?;
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = bucket.list_keys(cursor.as_deref()).map_err(failed)?;
        all.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(all.into());
        }
    }
}

/// Counts by reading and writing, as programs do that were not written for many
/// calls at a time.
#[on_request("/count")]
fn count() -> Told {
    let bucket = bucket()?;
    let old = bucket
        .get("count")
        .map_err(failed)?
        .unwrap_or_else(|| b"0".to_vec());
    let old: u64 = String::from_utf8_lossy(&old).parse()?;
    bucket
        .set("count", (old + 1).to_string().as_bytes())
        .map_err(failed)?;
    Ok((old + 1).into())
}

#[on_request("/increment")]
fn increment(key: String, delta: i64) -> Told {
    Ok(atomics::increment(&bucket()?, &key, delta)
        .map_err(failed)?
        .into())
}

/// Swaps with a value of its own, after one that another part of the call wrote.
#[on_request("/swap")]
fn swap(key: String, between: Option<String>, value: String) -> Told {
    let bucket = bucket()?;
    let cas = atomics::Cas::new(&bucket, &key).map_err(failed)?;
    if let Some(between) = between {
        bucket.set(&key, between.as_bytes()).map_err(failed)?;
    }
    match atomics::swap(cas, value.as_bytes()) {
        Ok(()) => Ok("swapped".into()),
        Err(atomics::CasError::CasFailed(cas)) => {
            let current = cas.current().map_err(failed)?;
            atomics::swap(cas, value.as_bytes())
                .map_err(|error| Error::failed(format!("{error:?}")))?;
            Ok(text(current))
        }
        Err(atomics::CasError::StoreError(error)) => Err(failed(error)),
    }
}

#[on_request("/many")]
fn many() -> Told {
    let bucket = bucket()?;
    let pair = |key: &str| (key.to_owned(), key.as_bytes().to_vec());
    batch::set_many(&bucket, &["x", "y", "z"].map(pair)).map_err(failed)?;
    batch::delete_many(&bucket, &["y".to_owned(), "none".to_owned()]).map_err(failed)?;
    let keys = ["x", "y", "z"].map(str::to_owned);
    let found = batch::get_many(&bucket, &keys).map_err(failed)?;
    Ok(found
        .into_iter()
        .map(|pair| text(pair.map(|(_, value)| value)))
        .collect())
}

/// Writes, and then ends in this way.
#[on_request("/set-and")]
fn set_and(value: String, end: String) -> Told {
    bucket()?.set("ended", value.as_bytes()).map_err(failed)?;
    match end.as_str() {
        "answer" => Ok("answered".into()),
        "status" => Err(Error::conflict("a status is an answer")),
        "fail" => Err(Error::failed("on purpose")),
        "panic" => panic!("on purpose"),
        _ => loop {
            std::hint::black_box(());
        },
    }
}

#[on_request("/open")]
fn open(name: String) -> Told {
    store::open(&name).map_err(failed)?;
    Ok(true.into())
}

/// Sets values of so many bytes under numbered keys, and tells how many it could.
#[on_request("/fill")]
fn fill(n_values: usize, n_bytes: usize) -> Told {
    let bucket = bucket()?;
    let value = vec![b'x'; n_bytes];
    let done = (0..n_values)
        .take_while(|n| bucket.set(&format!("fill {n}"), &value).is_ok())
        .count();
    Ok(done.into())
}

/// Sets a value under a key of so many bytes.
#[on_request("/long-key")]
fn long_key(n_bytes: usize) -> Told {
    set("k".repeat(n_bytes), String::new())
}

syft_guest::app!(
    get, set, delete, keys, count, increment, swap, many, set_and, open, fill, long_key,
);
