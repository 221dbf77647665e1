//! Secrets taken out of a recording: of all of it, whatever it is made of.

use data_encoding::BASE64;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::data::KEY;

/// What is taken out, and what comes in its place.
pub(super) type Replacement = (Zeroizing<String>, String);

/// Replaces secrets in each text of a document, in bytes that it has as base64, and in keys.
pub(super) fn mask(value: Value, secrets: &[Replacement]) -> Value {
    if secrets.is_empty() {
        return value;
    }
    match value {
        Value::String(text) => Value::String(mask_text(text, secrets)),
        Value::Array(values) => {
            let values = values.into_iter().map(|value| mask(value, secrets));
            Value::Array(values.collect())
        }
        Value::Object(fields) => Value::Object(mask_fields(fields, secrets)),
        other => other,
    }
}

fn mask_fields(fields: Map<String, Value>, secrets: &[Replacement]) -> Map<String, Value> {
    let field = |(key, value): (String, Value)| match (key.as_str(), value) {
        (KEY, Value::String(text)) => (key, Value::String(mask_base64(text, secrets))),
        (_, value) => (mask_text(key, secrets), mask(value, secrets)),
    };
    fields.into_iter().map(field).collect()
}

fn mask_text(text: String, secrets: &[Replacement]) -> String {
    let replace = |text: String, (secret, name): &Replacement| {
        if text.contains(secret.as_str()) {
            text.replace(secret.as_str(), name)
        } else {
            text
        }
    };
    secrets.iter().fold(text, replace)
}

fn mask_base64(text: String, secrets: &[Replacement]) -> String {
    let Ok(bytes) = BASE64.decode(text.as_bytes()) else {
        return mask_text(text, secrets);
    };
    let masked = secrets.iter().fold(bytes, |bytes, (secret, name)| {
        replace(bytes, secret.as_bytes(), name.as_bytes())
    });
    BASE64.encode(&masked)
}

fn replace(bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut left = &bytes[..];
    while let Some(at) = left.windows(from.len()).position(|part| part == from) {
        replaced.extend_from_slice(&left[..at]);
        replaced.extend_from_slice(to);
        left = &left[at + from.len()..];
    }
    if replaced.is_empty() {
        return bytes;
    }
    replaced.extend_from_slice(left);
    replaced
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_secret_stays_in_texts_keys_or_bytes() {
        let secrets = [(
            Zeroizing::new("s3cret-key".to_owned()),
            "[secret KEY]".to_owned(),
        )];
        let bytes = |bytes: &[u8]| json!({KEY: BASE64.encode(bytes)});
        let document = json!({
            "a": ["x s3cret-key y s3cret-key", 1, null],
            "s3cret-key": {"b": bytes(b"\xffs3cret-key\0")},
            "c": bytes(b"\xff"),
        });
        let masked = json!({
            "a": ["x [secret KEY] y [secret KEY]", 1, null],
            "[secret KEY]": {"b": bytes(b"\xff[secret KEY]\0")},
            "c": bytes(b"\xff"),
        });
        assert_eq!(mask(document, &secrets), masked);
    }
}
