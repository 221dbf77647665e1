//! Types that take the whole body of a request.

use serde::de::DeserializeOwned;

use crate::truncate::truncate;
use crate::{CallError, Error};

/// The whole body, deserialised from JSON; or an answer, serialised as JSON.
///
/// ```
/// # use syft_guest::prelude::*;
/// #[on_request("/sum")]
/// fn sum(Json(numbers): Json<Vec<i64>>) -> i64 {
///     numbers.iter().sum()
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// The whole body as UTF-8 text; or an answer. No body is an empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

/// The whole body as it came; or an answer. No body is no bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// A type that takes the whole body of a request.
///
/// `#[on_request]` knows [`Json`], [`Text`] and [`Bytes`] by name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take the body of a request",
    note = "`#[on_request]` knows `Json`, `Text` and `Bytes` by their names: call other types differently"
)]
pub trait FromBody: Sized {
    /// Reads the body; fails with a text for the caller.
    fn from_body(body: Option<Vec<u8>>) -> Result<Self, String>;
}

impl<T: DeserializeOwned> FromBody for Json<T> {
    fn from_body(body: Option<Vec<u8>>) -> Result<Self, String> {
        let body = body.unwrap_or_default();
        if body.is_empty() {
            return Err("the body is missing".to_owned());
        }
        match serde_json::from_slice(&body) {
            Ok(value) => Ok(Json(value)),
            Err(error) => Err(format!("the body does not fit: {error}")),
        }
    }
}

impl FromBody for Text {
    fn from_body(body: Option<Vec<u8>>) -> Result<Self, String> {
        match String::from_utf8(body.unwrap_or_default()) {
            Ok(text) => Ok(Text(text)),
            Err(error) => Err(format!("the body is not UTF-8: {error}")),
        }
    }
}

impl FromBody for Bytes {
    fn from_body(body: Option<Vec<u8>>) -> Result<Self, String> {
        Ok(Bytes(body.unwrap_or_default()))
    }
}

impl<T: FromBody> FromBody for Option<T> {
    fn from_body(body: Option<Vec<u8>>) -> Result<Self, String> {
        match body {
            None => Ok(None),
            some => T::from_body(some).map(Some),
        }
    }
}

/// Takes the whole body as `T`.
pub fn from_body<T: FromBody>(body: Option<Vec<u8>>) -> Result<T, CallError> {
    T::from_body(body)
        .map_err(|message| CallError::InvalidArguments(truncate(message, Error::MAX_PUBLIC_BYTES)))
}
