//! One value of a message, as far as a field needs to know it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::excerpt::excerpt;

/// A JSON value. What is inside arrays and objects is read over, not kept, so
/// that hostile input takes no more memory than its own text.
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
    Array,
    Object,
}

impl Value<'_> {
    /// Returns what kind of value it is, without any of its content.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::Array => "an array",
            Value::Object => "an object",
        }
    }
}

/// Writes the value for a message to whoever sent it, cut to one short line.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => write!(f, "{value}"),
            Value::Integer(number) => write!(f, "{number}"),
            // `Debug`, since `Display` writes 1e308 with all its zeros.
            Value::Number(number) => write!(f, "{number:?}"),
            Value::Text(text) => write!(f, "`{}`", excerpt(text)),
            Value::Null | Value::Array | Value::Object => f.write_str(self.kind()),
        }
    }
}

/// Reads one value and hands it to a function of the field.
///
/// A wrong value is an `Ok(Err(reason))`: the rest of the document is still to
/// be read, since a later duplicate of the key wins and since a fault of the
/// JSON itself goes before a fault of a field.
pub(super) struct Field<F>(pub(super) F);

impl<'de, T, F: FnOnce(Value<'_>) -> Result<T, String>> DeserializeSeed<'de> for Field<F> {
    type Value = Result<T, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, F: FnOnce(Value<'_>) -> Result<T, String>> Visitor<'de> for Field<F> {
    type Value = Result<T, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok((self.0)(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok((self.0)(Value::Bool(value)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok((self.0)(Value::Integer(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        let value = i64::try_from(number).map_or(Value::Number(number as f64), Value::Integer);
        Ok((self.0)(value))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok((self.0)(Value::Number(number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((self.0)(Value::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok((self.0)(Value::Array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok((self.0)(Value::Object))
    }
}
