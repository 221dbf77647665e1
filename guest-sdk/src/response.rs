//! A response, and what becomes one.

use std::borrow::Cow;

use serde::Serialize;

use crate::bindings::syft::app::types;
use crate::{Bytes, Error, Headers, Json, Text};

/// A response, for a handler that sets the status or headers.
///
/// ```
/// # use syft_guest::prelude::*;
/// #[on_request("/scores")]
/// fn scores() -> Result<Response, Error> {
///     Response::new(201).header("X-Count", "2").with_json(&[1, 2])
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// An HTTP status code. Released clients know those of RFC 9110 with its
    /// common extensions, 419 and 499; the host maps any other to the first one
    /// of its class.
    pub status: u16,
    /// The headers. None is added by itself.
    pub headers: Headers,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl Response {
    /// Returns a response without headers and body.
    pub fn new(status: u16) -> Response {
        Response {
            status,
            headers: Headers::new(),
            body: None,
        }
    }

    /// Returns a response of status 200 with a text.
    pub fn text(text: impl Into<String>) -> Response {
        Response::new(200).body(text.into())
    }

    /// Returns a response of status 200 with compact JSON.
    ///
    /// Fails where the value has no JSON, such as a map with keys that are no
    /// text.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Response, Error> {
        Response::new(200).with_json(value)
    }

    /// Returns the response with that header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Response {
        self.headers.set(name, value);
        self
    }

    /// Returns the response with that body: bytes or text.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Response {
        self.body = Some(body.into());
        self
    }

    /// Returns the response with compact JSON as its body. Fails as [`Response::json`].
    pub fn with_json<T: Serialize + ?Sized>(self, value: &T) -> Result<Response, Error> {
        Ok(self.body(serde_json::to_vec(value)?))
    }
}

/// A type that answers in its own way.
///
/// A handler may return any type that implements this or [`Serialize`]; where a
/// type does both, this counts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer of a handler",
    label = "neither `Serialize` nor `IntoResponse`",
    note = "derive `serde::Serialize` for it to answer JSON, or implement `syft_guest::IntoResponse`"
)]
pub trait IntoResponse {
    /// Returns the response.
    fn into_response(self) -> Result<Response, Error>;
}

impl IntoResponse for Response {
    fn into_response(self) -> Result<Response, Error> {
        Ok(self)
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Result<Response, Error> {
        Ok(Response::new(200))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Result<Response, Error> {
        Response::json(&self.0)
    }
}

impl IntoResponse for Text {
    fn into_response(self) -> Result<Response, Error> {
        self.0.into_response()
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Result<Response, Error> {
        self.0.into_response()
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Result<Response, Error> {
        Ok(Response::new(200).body(self))
    }
}

impl IntoResponse for &str {
    fn into_response(self) -> Result<Response, Error> {
        Ok(Response::new(200).body(self))
    }
}

impl IntoResponse for Cow<'_, str> {
    fn into_response(self) -> Result<Response, Error> {
        self.into_owned().into_response()
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Result<Response, Error> {
        Ok(Response::new(200).body(self))
    }
}

impl From<Response> for types::Response {
    fn from(response: Response) -> types::Response {
        types::Response {
            status: response.status,
            headers: response.headers.into(),
            body: response.body,
        }
    }
}
