//! The state as texts.

use syft_guest::bindings::wasi::keyvalue::{atomics, store};

fn bucket() -> store::Bucket {
    store::open("default").unwrap()
}

pub(crate) fn get(key: &str) -> Option<String> {
    let value = bucket().get(key).unwrap();
    value.map(|value| String::from_utf8(value).unwrap())
}

pub(crate) fn set(key: &str, value: &str) {
    bucket().set(key, value.as_bytes()).unwrap();
}

pub(crate) fn delete(key: &str) {
    bucket().delete(key).unwrap();
}

pub(crate) fn count(key: &str) -> i64 {
    atomics::increment(&bucket(), key, 1).unwrap()
}

/// Returns what begins with a prefix, in the order of the keys.
pub(crate) fn all(prefix: &str) -> Vec<(String, String)> {
    let bucket = bucket();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = bucket.list_keys(cursor.as_deref()).unwrap();
        for key in page.keys {
            if let Some(rest) = key.strip_prefix(prefix) {
                let value = bucket.get(&key).unwrap().unwrap_or_default();
                found.push((rest.to_owned(), String::from_utf8(value).unwrap()));
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return found;
        }
    }
}
