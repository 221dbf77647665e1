//! JSON to messages, as lenient as the released client and bounded.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use uuid::Uuid;

use super::encrypted::{Mark, mark};
use super::headers_field::HeadersField;
use super::value::{Field, Value};
use super::{Headers, MAX_DEPTH, MAX_SENDER_BYTES, MessageError, Method, Request, Response, body};
use crate::excerpt::excerpt;
use crate::status::Status;
use crate::timestamp::Timestamp;
use crate::url::SyftUrl;

/// How long a message without `expires` lasts, as in the released client.
const DEFAULT_EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the request in `bytes`.
pub(super) fn request(bytes: &[u8], now: Timestamp) -> Result<Request, MessageError> {
    let fields = fields(bytes)?;
    Ok(Request {
        id: given("id", fields.id)?,
        sender: required("sender", fields.sender)?,
        url: required("url", fields.url)?,
        body: given("body", fields.body)?.flatten(),
        headers: given("headers", fields.headers)?.unwrap_or_default(),
        created: given("created", fields.created)?.unwrap_or(now),
        expires: given("expires", fields.expires)?.unwrap_or(now.saturating_add(DEFAULT_EXPIRY)),
        method: given("method", fields.method)?.unwrap_or(Method::Get),
    })
}

/// Returns the response in `bytes`.
pub(super) fn response(bytes: &[u8], now: Timestamp) -> Result<Response, MessageError> {
    let fields = fields(bytes)?;
    Ok(Response {
        id: given("id", fields.id)?.unwrap_or(Uuid::nil()),
        sender: required("sender", fields.sender)?,
        url: required("url", fields.url)?,
        body: given("body", fields.body)?.flatten(),
        headers: given("headers", fields.headers)?.unwrap_or_default(),
        created: given("created", fields.created)?.unwrap_or(now),
        expires: given("expires", fields.expires)?.unwrap_or(now.saturating_add(DEFAULT_EXPIRY)),
        status: given("status_code", fields.status)?.unwrap_or(Status::OK),
    })
}

/// A field: not there, there, or there with a fault.
type Slot<T> = Option<Result<T, String>>;

/// The fields of either message. One that a message does not have is unknown
/// to it, so a fault in it is never looked at.
#[derive(Default)]
struct Fields {
    id: Slot<Uuid>,
    sender: Slot<String>,
    url: Slot<SyftUrl>,
    body: Slot<Option<Vec<u8>>>,
    headers: Slot<Headers>,
    created: Slot<Timestamp>,
    expires: Slot<Timestamp>,
    method: Slot<Method>,
    status: Slot<Status>,
}

fn given<T>(field: &'static str, slot: Slot<T>) -> Result<Option<T>, MessageError> {
    slot.transpose()
        .map_err(|reason| MessageError::Field { field, reason })
}

fn required<T>(field: &'static str, slot: Slot<T>) -> Result<T, MessageError> {
    let missing = || MessageError::Field {
        field,
        reason: "missing".to_owned(),
    };
    given(field, slot)?.ok_or_else(missing)
}

fn fields(bytes: &[u8]) -> Result<Fields, MessageError> {
    match mark(bytes) {
        Mark::Whole(kind) => return Err(MessageError::Encrypted(kind)),
        Mark::Begun => {
            return Err(MessageError::Incomplete(
                "ends within its first bytes".to_owned(),
            ));
        }
        Mark::None => {}
    }
    // All of it, since `serde_json` does not look into what it passes over.
    let text = str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        match error.error_len() {
            Some(_) => MessageError::Json(format!("not UTF-8 at byte {at}")),
            None => MessageError::Incomplete(format!("ends within a character at byte {at}")),
        }
    })?;
    if is_too_deep(text) {
        return Err(MessageError::Json(format!(
            "nested deeper than {MAX_DEPTH}"
        )));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let fields = deserializer.deserialize_map(Document);
    fields
        .and_then(|fields| deserializer.end().map(|()| fields))
        .map_err(json_error)
}

fn json_error(error: serde_json::Error) -> MessageError {
    // The text may repeat a string of the input.
    let shown = excerpt(&error.to_string());
    if error.is_eof() {
        MessageError::Incomplete(shown)
    } else {
        MessageError::Json(shown)
    }
}

/// `serde_json` passes over what nobody asks for without recursion, and hence
/// without a bound; the released client's parser has one.
fn is_too_deep(text: &str) -> bool {
    let mut depth: usize = 0;
    let mut is_in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_in_string = !is_in_string,
            // Whatever is escaped, a quote above all, is passed over.
            b'\\' if is_in_string => drop(bytes.next()),
            b'[' | b'{' if !is_in_string => depth += 1,
            b']' | b'}' if !is_in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

struct Document;

impl<'de> Visitor<'de> for Document {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = object.next_key_seed(Field(key))? {
            match key.expect("`key` gives no error") {
                Key::Id => fields.id = Some(object.next_value_seed(Field(id))?),
                Key::Sender => fields.sender = Some(object.next_value_seed(Field(sender))?),
                Key::Url => fields.url = Some(object.next_value_seed(Field(url))?),
                Key::Body => fields.body = Some(object.next_value_seed(Field(body))?),
                Key::Headers => fields.headers = Some(object.next_value_seed(HeadersField)?),
                Key::Created => fields.created = Some(object.next_value_seed(Field(timestamp))?),
                Key::Expires => fields.expires = Some(object.next_value_seed(Field(timestamp))?),
                Key::Method => fields.method = Some(object.next_value_seed(Field(method))?),
                Key::Status => fields.status = Some(object.next_value_seed(Field(status))?),
                Key::Unknown => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(fields)
    }
}

enum Key {
    Id,
    Sender,
    Url,
    Body,
    Headers,
    Created,
    Expires,
    Method,
    Status,
    Unknown,
}

fn key(value: Value<'_>) -> Result<Key, String> {
    Ok(match value {
        Value::Text("id") => Key::Id,
        Value::Text("sender") => Key::Sender,
        Value::Text("url") => Key::Url,
        Value::Text("body") => Key::Body,
        Value::Text("headers") => Key::Headers,
        Value::Text("created") => Key::Created,
        Value::Text("expires") => Key::Expires,
        Value::Text("method") => Key::Method,
        Value::Text("status_code") => Key::Status,
        _ => Key::Unknown,
    })
}

fn id(value: Value<'_>) -> Result<Uuid, String> {
    let id = match value {
        Value::Text(text) => Uuid::try_parse(text).ok(),
        _ => None,
    };
    id.ok_or_else(|| format!("expected a UUID, got {value}"))
}

fn sender(value: Value<'_>) -> Result<String, String> {
    match value {
        Value::Text(text) if text.len() <= MAX_SENDER_BYTES => Ok(text.to_owned()),
        Value::Text(_) => Err(format!("longer than {MAX_SENDER_BYTES} bytes")),
        _ => Err(format!("expected a string, got {value}")),
    }
}

fn url(value: Value<'_>) -> Result<SyftUrl, String> {
    match value {
        Value::Text(text) => SyftUrl::parse(text).map_err(|error| error.to_string()),
        _ => Err(format!("expected a string, got {value}")),
    }
}

fn body(value: Value<'_>) -> Result<Option<Vec<u8>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Text(text) => body::decode(text)
            .map(Some)
            .map_err(|error| format!("not base64: {error}")),
        _ => Err(format!("expected a string in base64 or null, got {value}")),
    }
}

fn timestamp(value: Value<'_>) -> Result<Timestamp, String> {
    let timestamp = match value {
        Value::Text(text) => Timestamp::parse(text),
        Value::Integer(number) => Timestamp::from_integer(number),
        Value::Number(number) => Timestamp::from_number(number),
        _ => None,
    };
    timestamp.ok_or_else(|| format!("expected a date and time, got {value}"))
}

fn method(value: Value<'_>) -> Result<Method, String> {
    let method = match value {
        Value::Text(name) => Method::parse(name),
        _ => None,
    };
    method.ok_or_else(|| format!("expected GET, HEAD, POST, PUT, PATCH or DELETE, got {value}"))
}

/// Takes 200, 200.0 and both as text, as the released client does.
fn status(value: Value<'_>) -> Result<Status, String> {
    let code = match value {
        Value::Integer(number) => Some(number),
        Value::Number(number) if number.fract() == 0.0 => Some(number as i64),
        Value::Text(text) => whole_number(text.trim()),
        _ => None,
    };
    let status = code.and_then(|code| Status::new(u16::try_from(code).ok()?));
    status.ok_or_else(|| format!("expected a known status code, got {value}"))
}

fn whole_number(text: &str) -> Option<i64> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => {
            whole
        }
        _ => text,
    };
    whole.parse().ok()
}
