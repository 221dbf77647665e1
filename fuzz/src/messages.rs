//! Requests and responses.

use std::fmt::Debug;

use serde::de::IgnoredAny;
use serde_json::Value;
use syft_protocol::message::{
    Headers, MAX_HEADER_BYTES, MAX_HEADERS, MAX_SENDER_BYTES, MessageError, Request, Response,
};
use syft_protocol::timestamp::Timestamp;

use crate::assert_is_short_line;

const NOW: Timestamp = Timestamp::MIN;

/// The bytes of a request file.
pub fn request(bytes: &[u8]) {
    let Some(request) = read(bytes, Request::from_json, Request::to_json) else {
        return;
    };
    let url = request.url.as_str();
    check_fields(bytes, &request.sender, url, &request.headers, &request.body);
    let again = Request {
        id: None,
        created: Timestamp::MAX,
        expires: Timestamp::MIN,
        ..request.clone()
    };
    assert_eq!(again.deterministic_id(), request.deterministic_id());
}

/// The bytes that come as an answer to a call.
pub fn response(bytes: &[u8]) {
    let Some(response) = read(bytes, Response::from_json, Response::to_json) else {
        return;
    };
    let url = response.url.as_str();
    let (sender, headers) = (&response.sender, &response.headers);
    check_fields(bytes, sender, url, headers, &response.body);
    assert!((100..=599).contains(&response.status.code()));
}

/// Returns the message, if it is one, which is the same when it was written and read again.
fn read<M: Debug + PartialEq>(
    bytes: &[u8],
    read: fn(&[u8], Timestamp) -> Result<M, MessageError>,
    write: fn(&M) -> Vec<u8>,
) -> Option<M> {
    let message = match read(bytes, NOW) {
        Ok(message) => message,
        Err(error) => {
            check_error(bytes, &error);
            return None;
        }
    };
    let json = write(&message);
    assert_eq!(read(&json, Timestamp::MAX).as_ref(), Ok(&message));
    let half = read(&json[..bytes.len() % json.len()], NOW);
    assert!(matches!(half, Err(MessageError::Incomplete(_))), "{half:?}");
    Some(message)
}

/// What ends too early is waited for, and nothing else.
fn check_error(bytes: &[u8], error: &MessageError) {
    assert_is_short_line(&error.to_string(), 200);
    let json = serde_json::from_slice::<IgnoredAny>(bytes);
    match error {
        MessageError::Incomplete(_) => assert!(json.is_err(), "{error}"),
        MessageError::Field { .. } => assert!(json.is_ok(), "{error}"),
        MessageError::Encrypted(magic) => assert!(bytes.starts_with(magic.as_bytes())),
        MessageError::Json(_) => {}
    }
}

/// What was read is what another parser reads, and within its bounds.
fn check_fields(bytes: &[u8], sender: &str, url: &str, headers: &Headers, body: &Option<Vec<u8>>) {
    let header_bytes: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    assert!(headers.len() <= MAX_HEADERS && header_bytes <= MAX_HEADER_BYTES);
    assert!(sender.len() <= MAX_SENDER_BYTES);
    assert!(body.as_ref().is_none_or(|body| body.len() < bytes.len()));
    // It has a smaller bound for the depth, and looks into what nobody asks for.
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    assert_eq!(value["sender"], sender);
    assert_eq!(value["url"], url);
    let others = value.get("headers").and_then(Value::as_object);
    let others = others.into_iter().flatten();
    let others = others.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
    assert!(others.eq(headers.iter()), "{headers:?}");
}
