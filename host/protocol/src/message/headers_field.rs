//! Reading the headers of a message.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::value::{Field, Value};
use super::{Headers, MAX_HEADER_BYTES, MAX_HEADERS};
use crate::excerpt::excerpt;

/// Reads the headers: an object of strings, within the bounds of a message.
pub(super) struct HeadersField;

impl HeadersField {
    fn refuse(value: Value<'_>) -> Result<Headers, String> {
        Err(format!(
            "expected an object of strings, got {}",
            value.kind()
        ))
    }
}

impl<'de> DeserializeSeed<'de> for HeadersField {
    type Value = Result<Headers, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for HeadersField {
    type Value = Result<Headers, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(HeadersField::refuse(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(HeadersField::refuse(Value::Bool(value)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(HeadersField::refuse(Value::Integer(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(HeadersField::refuse(Value::Number(number as f64)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(HeadersField::refuse(Value::Number(number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(HeadersField::refuse(Value::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Self::Value, A::Error> {
        Field(HeadersField::refuse).visit_seq(array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut n_bytes = 0;
        let mut fault = None;
        // A fault stops the collecting, not the reading. Duplicates count
        // towards the bounds: they take the memory all the same.
        while let Some(name) =
            object.next_key_seed(Field(|name: Value<'_>| Ok(bounded_text(name, n_bytes))))?
        {
            let name = name.expect("the closure above gives no error");
            let value =
                object.next_value_seed(Field(|value: Value<'_>| header_value(value, n_bytes)))?;
            if fault.is_some() {
                continue;
            }
            match (name, value) {
                (Some(name), Ok(Some(value))) => {
                    n_bytes += name.len() + value.len();
                    pairs.push((name, value));
                }
                (Some(name), Err(reason)) => {
                    fault = Some(format!("{reason} for `{}`", excerpt(&name)))
                }
                _ => n_bytes = MAX_HEADER_BYTES + 1,
            }
            fault = fault.or_else(|| broken_bound(pairs.len(), n_bytes));
        }
        Ok(fault.map_or_else(|| Ok(pairs.into_iter().collect()), Err))
    }
}

/// Returns the text to keep, or `None` if it would exceed what headers may
/// have in sum.
fn bounded_text(value: Value<'_>, n_bytes: usize) -> Option<String> {
    match value {
        Value::Text(text) if n_bytes + text.len() <= MAX_HEADER_BYTES => Some(text.to_owned()),
        _ => None,
    }
}

fn header_value(value: Value<'_>, n_bytes: usize) -> Result<Option<String>, String> {
    match value {
        Value::Text(_) => Ok(bounded_text(value, n_bytes)),
        _ => Err(format!("expected a string, got {}", value.kind())),
    }
}

fn broken_bound(n_headers: usize, n_bytes: usize) -> Option<String> {
    if n_headers > MAX_HEADERS {
        return Some(format!("more than {MAX_HEADERS}"));
    }
    (n_bytes > MAX_HEADER_BYTES).then(|| format!("longer than {MAX_HEADER_BYTES} bytes in sum"))
}
