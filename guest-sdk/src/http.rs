//! HTTP requests to where the owner allowed.
//!
//! An app asks in `syft-app.toml` for where it sends requests, and its owner approves:
//!
//! ```toml
//! [http]
//! allow = ["https://api.example.com"]
//! ```
//!
//! ```
//! use syft_guest::http;
//! use syft_guest::prelude::*;
//!
//! /// Tells the weather.
//! #[on_request("/weather")]
//! fn weather(city: String) -> Result<String, Error> {
//!     let answer = http::get(format!("https://api.example.com/weather/{city}"))
//!         .header("Accept", "text/plain")
//!         .send()?;
//!     Ok(answer.success()?.text()?.to_owned())
//! }
//! ```
//!
//! A request waits for its answer, also in an `async` handler. Redirects are not followed: the
//! answer has the status and the header `Location`. Certificates are checked by the host.
//!
//! # Sent is sent
//!
//! A handler may run again, with the same request, and what it wrote to the state is then as if
//! it had not run before; but what it has sent stays sent. [`context::idempotency_key`] is the same
//! each time, for services that take an `Idempotency-Key`:
//!
//! ```no_run
//! # use syft_guest::prelude::*;
//! # use syft_guest::http;
//! # fn pay() -> Result<(), Error> {
//! http::post("https://pay.example.com/charges")
//!     .header("Idempotency-Key", context::idempotency_key())
//!     .json(&serde_json::json!({ "amount": 5 }))?
//!     .send()?
//!     .success()?;
//! # Ok(())
//! # }
//! ```
//!
//! In native tests nothing is sent: [`test::App::with_http`](crate::test::App::with_http) answers.
//!
//! [`context::idempotency_key`]: crate::context::idempotency_key

mod error;
#[cfg(target_family = "wasm")]
mod exchange;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod stand_in;
mod url;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Headers};
pub use error::HttpError;

/// Begins a request by `GET`.
pub fn get(url: impl Into<String>) -> HttpRequest {
    HttpRequest::new("GET", url)
}

/// Begins a request by `POST`.
pub fn post(url: impl Into<String>) -> HttpRequest {
    HttpRequest::new("POST", url)
}

/// A request to a server of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method in capital letters.
    pub method: String,
    /// The whole URL: `https://example.com/path?query`.
    pub url: String,
    /// The headers. The host adds `Host`; a body has its length added.
    pub headers: Headers,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// How long to wait for a connection, for the answer to begin, and for each next part of
    /// it. A request never waits longer than the call has time.
    pub timeout: Option<Duration>,
}

/// The answer of a server, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers. Bytes that are no UTF-8 are replaced.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// Begins a request by any method, such as `PUT`.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> HttpRequest {
        HttpRequest {
            method: method.into(),
            url: url.into(),
            headers: Headers::new(),
            body: None,
            timeout: None,
        }
    }

    /// Returns the request with that header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> HttpRequest {
        self.headers.set(name, value);
        self
    }

    /// Returns the request with that body: bytes or text.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> HttpRequest {
        self.body = Some(body.into());
        self
    }

    /// Returns the request with compact JSON as its body, and the header that says so.
    ///
    /// # Errors
    /// The value has no JSON, such as a map with keys that are no text.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<HttpRequest, Error> {
        let json = serde_json::to_vec(value)?;
        Ok(self.header("Content-Type", "application/json").body(json))
    }

    /// Returns the request with so much time for each step.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> HttpRequest {
        self.timeout = Some(time);
        self
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    /// There is no whole answer; see [`HttpError`]. A status such as 404 is none: see
    /// [`HttpResponse::success`].
    pub fn send(self) -> Result<HttpResponse, HttpError> {
        let url = url::Url::parse(&self.url).ok_or(HttpError::InvalidUrl)?;
        host::send(&self, &url)
    }
}

impl HttpResponse {
    /// Returns an answer without headers and body, for native tests.
    pub fn new(status: u16) -> HttpResponse {
        HttpResponse {
            status,
            ..HttpResponse::default()
        }
    }

    /// Returns the answer with that header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> HttpResponse {
        self.headers.set(name, value);
        self
    }

    /// Returns the answer with that body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> HttpResponse {
        self.body = body.into();
        self
    }

    /// Returns the answer, if its status is from 200 to 299.
    ///
    /// # Errors
    /// It is another one.
    pub fn success(self) -> Result<HttpResponse, HttpError> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(HttpError::Status(status)),
        }
    }

    /// Returns the body as text.
    ///
    /// # Errors
    /// It is no UTF-8.
    pub fn text(&self) -> Result<&str, HttpError> {
        str::from_utf8(&self.body).map_err(|_| HttpError::NotText)
    }

    /// Returns the value of the JSON that the body is.
    ///
    /// # Errors
    /// It is no JSON, or none of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

#[cfg(target_family = "wasm")]
use exchange as host;
#[cfg(not(target_family = "wasm"))]
use stand_in as host;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::App;

    #[test]
    fn a_test_answers() {
        let app = App::new().with_http(|request| {
            assert_eq!(request.method, "POST");
            assert_eq!(
                request.headers.get("content-type"),
                Some("application/json")
            );
            assert_eq!(request.body.as_deref(), Some(b"[1]".as_slice()));
            Ok(HttpResponse::new(201).with_body("\"made\""))
        });
        let send = || post("https://a.example/x").json(&[1]).ok()?.send().ok();
        let answer = app.run(send).expect("an answer");
        assert_eq!((answer.status, answer.text()), (201, Ok("\"made\"")));
        assert_eq!(answer.json::<String>().ok().as_deref(), Some("made"));
        assert_eq!(
            HttpResponse::new(404).success(),
            Err(HttpError::Status(404))
        );
    }

    #[test]
    fn nothing_is_allowed_at_first() {
        let refused = get("https://a.example:8443/secret?key=1").send();
        let origin = "https://a.example:8443".to_owned();
        assert_eq!(refused, Err(HttpError::NotAllowed(origin)));
        assert_eq!(get("a.example").send(), Err(HttpError::InvalidUrl));
    }
}
