//! Endpoints that answer in every way.

use std::collections::BTreeMap;
use std::num::ParseIntError;

use syft_guest::prelude::*;

/// Answers the body and the headers of the request.
///
/// No body stays no body.
#[on_request("/echo")]
pub fn echo(request: Request) -> Response {
    let mut response = Response::new(200);
    response.headers = request.headers;
    response.body = request.body;
    response
}

#[on_request("/status")]
pub fn status(code: u16) -> Response {
    Response::new(code).body(format!("status {code}"))
}

#[on_request("/headers")]
pub fn headers() -> Response {
    Response::new(200)
        .header("X-First", "1")
        .header("Content-Type", "text/plain")
        .body("headers")
}

#[on_request("/none")]
pub fn none() {}

#[on_request("/int")]
pub fn int(#[default(5)] value: i64) -> i64 {
    value
}

#[on_request("/float")]
pub fn float(#[default(1.0)] value: f64) -> f64 {
    value
}

#[on_request("/bool")]
pub fn boolean(#[default(true)] value: bool) -> bool {
    value
}

#[on_request("/list")]
pub fn list(#[default(vec!["é".to_owned(), "b".to_owned()])] value: Vec<String>) -> Vec<String> {
    value
}

#[on_request("/dict")]
pub fn dict() -> BTreeMap<&'static str, Option<i64>> {
    [("a", Some(1)), ("é", None)].into()
}

/// Answers `n` bytes.
#[on_request("/big")]
pub fn big(n: u64) -> Result<Vec<u8>, Error> {
    Ok(vec![b'x'; usize::try_from(n)?])
}

#[on_request("/fail")]
pub fn fail(#[default("secret")] text: String) -> Result<i64, Error> {
    let number = text.parse().map_err(|source| Unreadable { text, source })?;
    Ok(number)
}

/// The error of [`fail()`].
#[derive(Debug)]
struct Unreadable {
    text: String,
    source: ParseIntError,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot read `{}`", self.text)
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[on_request("/refuse")]
pub fn refuse() -> Result<(), Error> {
    Err(Error::with_status(409, "not now"))
}
