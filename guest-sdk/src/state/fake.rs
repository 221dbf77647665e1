//! The state of native tests, in memory.
//!
//! Where a test has an `App` it is the app's; elsewhere it is the thread's.

use std::cell::RefCell;

use crate::test::world::{self, Values};

use super::StateError;

/// As the host allows.
const MAX_KEY_BYTES: usize = 1024;
const MAX_VALUE_BYTES: usize = 1024 * 1024;

pub(super) fn get(key: &str) -> Result<Option<Vec<u8>>, StateError> {
    Ok(with(|values| values.get(key).cloned()))
}

pub(super) fn set(key: &str, value: Vec<u8>) -> Result<(), StateError> {
    const OPERATION: &str = "set a value";
    if key.len() > MAX_KEY_BYTES {
        return Err(refused(OPERATION, "the key is too long"));
    }
    if value.len() > MAX_VALUE_BYTES {
        return Err(refused(OPERATION, "the value is too long"));
    }
    with(|values| values.insert(key.to_owned(), value));
    Ok(())
}

pub(super) fn delete(key: &str) -> Result<(), StateError> {
    with(|values| values.remove(key));
    Ok(())
}

pub(super) fn exists(key: &str) -> Result<bool, StateError> {
    Ok(with(|values| values.contains_key(key)))
}

pub(super) fn keys() -> Result<Vec<String>, StateError> {
    Ok(with(|values| values.keys().cloned().collect()))
}

pub(super) fn increment(key: &str, delta: i64) -> Result<i64, StateError> {
    const OPERATION: &str = "increment a value";
    let number = match get(key)? {
        Some(bytes) => serde_json::from_slice::<i64>(&bytes).ok(),
        None => Some(0),
    };
    let number = number.ok_or_else(|| refused(OPERATION, "it is no whole number"))?;
    let sum = number
        .checked_add(delta)
        .ok_or_else(|| refused(OPERATION, "the sum is too large"))?;
    set(key, sum.to_string().into_bytes())?;
    Ok(sum)
}

/// Sets a value if the current one is right; returns whether it was.
pub(super) fn swap(
    key: &str,
    value: Vec<u8>,
    is_right: impl FnOnce(Option<&[u8]>) -> bool,
) -> Result<bool, StateError> {
    let current = get(key)?;
    if !is_right(current.as_deref()) {
        return Ok(false);
    }
    set(key, value)?;
    Ok(true)
}

/// Returns the values in the order of the keys.
pub(super) fn get_many(keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
    keys.iter().map(|key| get(key)).collect()
}

pub(super) fn set_many(entries: Vec<(String, Vec<u8>)>) -> Result<(), StateError> {
    let mut entries = entries.into_iter();
    entries.try_for_each(|(key, value)| set(&key, value))
}

pub(super) fn delete_many(keys: &[String]) -> Result<(), StateError> {
    keys.iter().try_for_each(|key| delete(key))
}

fn with<R>(act: impl FnOnce(&mut Values) -> R) -> R {
    thread_local! {
        static OF_THREAD: RefCell<Values> = const { RefCell::new(Values::new()) };
    }
    match world::current() {
        Some(world) => act(&mut world.values.borrow_mut()),
        None => OF_THREAD.with_borrow_mut(act),
    }
}

fn refused(operation: &'static str, reason: &str) -> StateError {
    StateError::Refused {
        operation,
        reason: reason.to_owned(),
    }
}
