//! The state as the host keeps it: the bucket `default` of `wasi:keyvalue`.

use crate::bindings::wasi::keyvalue::atomics::{self, Cas, CasError};
use crate::bindings::wasi::keyvalue::batch;
use crate::bindings::wasi::keyvalue::store::{self, Bucket, Error};

use super::StateError;

pub(super) fn get(key: &str) -> Result<Option<Vec<u8>>, StateError> {
    let got = open()?.get(key);
    got.map_err(|error| refused("get a value", error))
}

pub(super) fn set(key: &str, value: Vec<u8>) -> Result<(), StateError> {
    let set = open()?.set(key, &value);
    set.map_err(|error| refused("set a value", error))
}

pub(super) fn delete(key: &str) -> Result<(), StateError> {
    let deleted = open()?.delete(key);
    deleted.map_err(|error| refused("delete a key", error))
}

pub(super) fn exists(key: &str) -> Result<bool, StateError> {
    let exists = open()?.exists(key);
    exists.map_err(|error| refused("find a key", error))
}

pub(super) fn keys() -> Result<Vec<String>, StateError> {
    let bucket = open()?;
    let mut keys = Vec::new();
    let mut cursor = None;
    loop {
        let page = bucket
            .list_keys(cursor.as_deref())
            .map_err(|error| refused("list keys", error))?;
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(keys);
        }
    }
}

pub(super) fn increment(key: &str, delta: i64) -> Result<i64, StateError> {
    let sum = atomics::increment(&open()?, key, delta);
    sum.map_err(|error| refused("increment a value", error))
}

/// Sets a value if the current one is right; returns whether it was.
pub(super) fn swap(
    key: &str,
    value: Vec<u8>,
    is_right: impl FnOnce(Option<&[u8]>) -> bool,
) -> Result<bool, StateError> {
    const OPERATION: &str = "swap a value";
    let bucket = open()?;
    let cas = Cas::new(&bucket, key).map_err(|error| refused(OPERATION, error))?;
    let current = cas.current().map_err(|error| refused(OPERATION, error))?;
    if !is_right(current.as_deref()) {
        return Ok(false);
    }
    match atomics::swap(cas, &value) {
        Ok(()) => Ok(true),
        Err(CasError::CasFailed(_)) => Ok(false),
        Err(CasError::StoreError(error)) => Err(refused(OPERATION, error)),
    }
}

/// Returns the values in the order of the keys.
pub(super) fn get_many(keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
    let values = batch::get_many(&open()?, keys);
    let values = values.map_err(|error| refused("get values", error))?;
    let value = |entry: Option<(String, Vec<u8>)>| entry.map(|(_, value)| value);
    Ok(values.into_iter().map(value).collect())
}

pub(super) fn set_many(entries: Vec<(String, Vec<u8>)>) -> Result<(), StateError> {
    let set = batch::set_many(&open()?, &entries);
    set.map_err(|error| refused("set values", error))
}

pub(super) fn delete_many(keys: &[String]) -> Result<(), StateError> {
    let deleted = batch::delete_many(&open()?, keys);
    deleted.map_err(|error| refused("delete keys", error))
}

fn open() -> Result<Bucket, StateError> {
    store::open("default").map_err(|error| refused("open the app's bucket", error))
}

fn refused(operation: &'static str, error: Error) -> StateError {
    let reason = match error {
        Error::AccessDenied => return StateError::Denied,
        Error::NoSuchStore => "there is no such bucket".to_owned(),
        Error::Other(reason) => reason,
    };
    StateError::Refused { operation, reason }
}
