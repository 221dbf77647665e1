//! The state of the app: values by key, kept between calls.
//!
//! A call has an instance of its own, so nothing that is in memory outlives it.
//! What is to be kept goes here. The state is private to the app and the datasite
//! that it runs for; it needs no grant.
//!
//! ```
//! use syft_guest::prelude::*;
//!
//! /// Counts.
//! #[on_request("/increment")]
//! fn increment() -> Result<i64, Error> {
//!     let counter: i64 = state::get("counter")?.unwrap_or(0);
//!     state::set("counter", &(counter + 1))?;
//!     Ok(counter + 1)
//! }
//! # let app = syft_guest::test::App::new();
//! # assert_eq!(app.call::<increment>("").text(), "1");
//! # assert_eq!(app.call::<increment>("").text(), "2");
//! ```
//!
//! # A call is a transaction
//!
//! A call reads the state as it was at one moment, and sees what it wrote itself.
//! What it wrote is kept when it ends well, all of it at once. If another call
//! changed meanwhile what this one read, the host runs this one again from its
//! start, in a fresh instance. So to get a value and then to set it, as above, is
//! safe however many callers there are.
//!
//! A call that fails keeps nothing: one that returns an error for the log, panics,
//! takes too long, or whose arguments did not fit. An answer with a status of its
//! own, a 404 say, is an answer, and what was written before it is kept.
//!
//! # Values
//!
//! Values are JSON, in whatever way serde writes a type: one value a key, so that a
//! collection which grows is better kept under many keys than under one.
//! [`get_bytes`] and [`set_bytes`] leave them alone. Python apps keep JSON as well.
//!
//! A key is a text of at most 1 KiB; a value has at most 1 MiB, and an app 64 MiB in
//! all, unless its owner says otherwise. [`keys`] lists the keys that begin with
//! some text, so `users/ada` and `users/bob` make a table.

mod error;
#[cfg(not(target_family = "wasm"))]
mod fake;
#[cfg(target_family = "wasm")]
mod store;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::error::StateError;
#[cfg(not(target_family = "wasm"))]
use self::fake as store;

/// Returns the value of this key.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, StateError> {
    match store::get(key)? {
        Some(bytes) => read(key, &bytes).map(Some),
        None => Ok(None),
    }
}

/// Sets the value of this key.
pub fn set<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<(), StateError> {
    store::set(key, write(key, value)?)
}

/// Deletes this key and its value. It need not be there.
pub fn delete(key: &str) -> Result<(), StateError> {
    store::delete(key)
}

/// Returns whether the key has a value.
pub fn exists(key: &str) -> Result<bool, StateError> {
    store::exists(key)
}

/// Returns the keys that begin with `prefix`, sorted. All keys begin with `""`.
///
/// The host lists all keys for it, so it takes as long as there are keys.
pub fn keys(prefix: &str) -> Result<Vec<String>, StateError> {
    let mut keys = store::keys()?;
    keys.retain(|key| key.starts_with(prefix));
    keys.sort_unstable();
    Ok(keys)
}

/// Adds `delta` to the whole number of this key, and returns the sum. A key that
/// is not there counts as 0.
///
/// Shorter than [`get`] and [`set`], and quicker where many call at a time.
///
/// ```
/// # syft_guest::test::App::new().run(|| {
/// # use syft_guest::state;
/// assert_eq!(state::increment("visits", 1)?, 1);
/// assert_eq!(state::increment("visits", 10)?, 11);
/// assert_eq!(state::get::<u64>("visits")?, Some(11));
/// # Ok::<_, state::StateError>(())
/// # }).unwrap();
/// ```
pub fn increment(key: &str, delta: i64) -> Result<i64, StateError> {
    store::increment(key, delta)
}

/// Sets the value of this key to what the function makes of the old one, and
/// returns it.
///
/// ```
/// # syft_guest::test::App::new().run(|| {
/// # use syft_guest::state;
/// let add = |name: &str| {
///     state::update("names", |names: Option<Vec<String>>| {
///         let mut names = names.unwrap_or_default();
///         names.push(name.to_owned());
///         names
///     })
/// };
/// add("Ada")?;
/// assert_eq!(add("Bob")?, ["Ada", "Bob"]);
/// # Ok::<_, state::StateError>(())
/// # }).unwrap();
/// ```
pub fn update<T: Serialize + DeserializeOwned>(
    key: &str,
    change: impl FnOnce(Option<T>) -> T,
) -> Result<T, StateError> {
    let value = change(get(key)?);
    set(key, &value)?;
    Ok(value)
}

/// Sets the value of this key if it is what is expected, and returns whether it
/// was. `None` stands for a key that is not there.
///
/// Values are compared as JSON, whatever their spaces and the order of their
/// fields.
///
/// ```
/// # syft_guest::test::App::new().run(|| {
/// # use syft_guest::state;
/// assert!(state::compare_and_swap("turn", None, "ada")?);
/// assert!(!state::compare_and_swap("turn", Some("bob"), "carol")?);
/// assert!(state::compare_and_swap("turn", Some("ada"), "bob")?);
/// # Ok::<_, state::StateError>(())
/// # }).unwrap();
/// ```
pub fn compare_and_swap<T: Serialize + ?Sized>(
    key: &str,
    expected: Option<&T>,
    new: &T,
) -> Result<bool, StateError> {
    let expected = expected.map(|value| write(key, value)).transpose()?;
    let new = write(key, new)?;
    store::swap(key, new, |current| same_json(current, expected.as_deref()))
}

/// Returns the values of these keys, in their order.
pub fn get_many<T: DeserializeOwned>(
    keys: &[impl AsRef<str>],
) -> Result<Vec<Option<T>>, StateError> {
    let keys = owned(keys);
    let values = store::get_many(&keys)?;
    let read_one =
        |(key, bytes): (&String, Option<Vec<u8>>)| bytes.map(|bytes| read(key, &bytes)).transpose();
    keys.iter().zip(values).map(read_one).collect()
}

/// Sets the values of these keys.
pub fn set_many<T: Serialize>(entries: &[(impl AsRef<str>, T)]) -> Result<(), StateError> {
    let written = entries.iter().map(|(key, value)| {
        let key = key.as_ref();
        Ok((key.to_owned(), write(key, value)?))
    });
    store::set_many(written.collect::<Result<_, StateError>>()?)
}

/// Deletes these keys and their values. They need not be there.
pub fn delete_many(keys: &[impl AsRef<str>]) -> Result<(), StateError> {
    store::delete_many(&owned(keys))
}

/// Returns the value of this key as it is kept.
pub fn get_bytes(key: &str) -> Result<Option<Vec<u8>>, StateError> {
    store::get(key)
}

/// Sets the value of this key to bytes, which need be no JSON. [`get`] reads them
/// where they are.
pub fn set_bytes(key: &str, value: impl Into<Vec<u8>>) -> Result<(), StateError> {
    store::set(key, value.into())
}

fn owned(keys: &[impl AsRef<str>]) -> Vec<String> {
    keys.iter().map(|key| key.as_ref().to_owned()).collect()
}

fn read<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StateError> {
    serde_json::from_slice(bytes).map_err(|error| StateError::Unfit {
        key: key.to_owned(),
        error,
    })
}

fn write<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(value).map_err(|error| StateError::NoJson {
        key: key.to_owned(),
        error,
    })
}

fn same_json(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return a.is_none() && b.is_none();
    };
    let value = |bytes| serde_json::from_slice::<Value>(bytes).ok();
    a == b || value(a).is_some_and(|a| Some(a) == value(b))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::test::App;

    /// Runs in an empty state.
    fn check(body: impl FnOnce() -> Result<(), StateError>) {
        App::new().run(body).expect("the state does all this");
    }

    #[test]
    fn values_are_json() {
        check(|| {
            assert_eq!(get::<String>("a")?, None);
            set("a", "é\"")?;
            assert_eq!(get_bytes("a")?.as_deref(), Some("\"é\\\"\"".as_bytes()));
            assert_eq!(get::<String>("a")?.as_deref(), Some("é\""));
            set("b", &BTreeMap::from([("x", [1, 2])]))?;
            assert_eq!(get_bytes("b")?.as_deref(), Some(&br#"{"x":[1,2]}"#[..]));
            set("nothing", &None::<i64>)?;
            assert_eq!(get::<Option<i64>>("nothing")?, Some(None));
            assert!(exists("a")? && exists("nothing")? && !exists("c")?);
            delete("a")?;
            delete("a")?;
            assert_eq!((get::<String>("a")?, exists("a")?), (None, false));
            Ok(())
        });
    }

    #[test]
    fn keys_are_listed_by_their_beginning() {
        check(|| {
            for key in ["users/b", "users/a", "user", "users/a/x", "z", ""] {
                set(key, &1)?;
            }
            assert_eq!(keys("users/")?, ["users/a", "users/a/x", "users/b"]);
            assert_eq!(
                keys("")?,
                ["", "user", "users/a", "users/a/x", "users/b", "z"]
            );
            assert!(keys("y")?.is_empty());
            Ok(())
        });
    }

    #[test]
    fn numbers_are_incremented() {
        check(|| {
            assert_eq!(increment("n", -2)?, -2);
            assert_eq!(get::<i64>("n")?, Some(-2));
            set("n", &5)?;
            assert_eq!(increment("n", 0)?, 5);
            assert_eq!(get_bytes("n")?.as_deref(), Some(&b"5"[..]));
            set("n", &i64::MAX)?;
            assert!(matches!(increment("n", 1), Err(StateError::Refused { .. })));
            set("n", "five")?;
            assert!(matches!(increment("n", 1), Err(StateError::Refused { .. })));
            Ok(())
        });
    }

    #[test]
    fn a_value_of_another_type_is_an_error_that_names_the_key() {
        check(|| {
            set("n", "five")?;
            let error = get::<i64>("n").expect_err("no number");
            assert_eq!(
                error.to_string(),
                "the value of `n` in the state does not fit"
            );
            let error = crate::Error::from(error);
            assert_eq!(
                error.to_string(),
                "the value of `n` in the state does not fit: invalid type: string \"five\", \
                 expected i64 at line 1 column 6"
            );
            let error = set("m", &BTreeMap::from([((1, 2), 3)])).expect_err("no JSON");
            assert_eq!(
                error.to_string(),
                "the value for `m` in the state has no JSON"
            );
            Ok(())
        });
    }

    #[test]
    fn swaps_what_is_expected() {
        check(|| {
            assert!(!compare_and_swap("k", Some(&1), &2)?);
            assert!(compare_and_swap("k", None, &1)?);
            assert!(!compare_and_swap("k", None, &2)?);
            assert!(!compare_and_swap("k", Some(&3), &2)?);
            assert_eq!(get::<i64>("k")?, Some(1));
            assert!(compare_and_swap("k", Some(&1), &2)?);
            set_bytes("k", " { \"b\" : 1, \"a\": [ ] } ")?;
            let expected = serde_json::json!({"a": [], "b": 1});
            assert!(compare_and_swap("k", Some(&expected), &Value::Null)?);
            assert_eq!(get::<Value>("k")?, Some(Value::Null));
            // `null` is a value.
            assert!(!compare_and_swap("k", None, &Value::Null)?);
            Ok(())
        });
    }

    #[test]
    fn several_at_a_time() {
        check(|| {
            set_many(&[("a", 1), ("b", 2)])?;
            set_many::<i64>(&[("", 0); 0])?;
            assert_eq!(get_many(&["b", "c", "a"])?, [Some(2), None, Some(1)]);
            delete_many(&["a", "c"])?;
            assert_eq!(keys("")?, ["b"]);
            set("c", "text")?;
            assert!(get_many::<i64>(&["b", "c"]).is_err());
            Ok(())
        });
    }

    /// The same bounds as the host's, whom `tests/sdk` asks.
    #[test]
    fn what_is_too_long_is_refused() {
        check(|| {
            set(&"k".repeat(1024), &1)?;
            set_bytes("large", vec![b'v'; 1 << 20])?;
            let refused = [
                set(&"k".repeat(1025), &1),
                set_bytes("large", vec![b'v'; (1 << 20) + 1]),
            ];
            for result in refused {
                assert!(matches!(result, Err(StateError::Refused { .. })));
            }
            Ok(())
        });
    }

    #[test]
    fn bytes_are_left_alone() {
        check(|| {
            set_bytes("b", [0, 255])?;
            assert_eq!(get_bytes("b")?, Some(vec![0, 255]));
            assert!(get::<Value>("b").is_err());
            set_bytes("b", "[1,  2]")?;
            assert_eq!(get::<Vec<u8>>("b")?, Some(vec![1, 2]));
            Ok(())
        });
    }
}
