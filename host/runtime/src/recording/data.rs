//! Bytes in a recording: as text where they are one that people can read.

use std::fmt;

use data_encoding::BASE64;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes, which JSON has as a text, or as an object with their base64.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Data(Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form<'a> {
    Text(std::borrow::Cow<'a, str>),
    Base64(Base64),
}

/// The name of the only key of bytes that are no text.
pub(super) const KEY: &str = "base64";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base64 {
    base64: String,
}

impl Data {
    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Returns them as a text, if they are one.
    pub fn text(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}

/// Tells whether a text takes as much room in JSON as its base64 would, or not much more.
fn is_readable(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = match self.text().filter(|text| is_readable(text)) {
            Some(text) => Form::Text(text.into()),
            None => Form::Base64(Base64 {
                base64: BASE64.encode(&self.0),
            }),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(Self(text.into_owned().into_bytes())),
            Form::Base64(Base64 { base64 }) => {
                let bytes = BASE64.decode(base64.as_bytes());
                bytes.map(Self).map_err(D::Error::custom)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_again() {
        for (bytes, json) in [
            (&b"a\n\"text\""[..], r#""a\n\"text\"""#),
            (b"", r#""""#),
            (b"\xff\0", r#"{"base64":"/wA="}"#),
            (b"\x1b[31m", r#"{"base64":"G1szMW0="}"#),
        ] {
            let data = Data::from(bytes);
            let written = serde_json::to_string(&data).expect("JSON");
            assert_eq!(written, json);
            let read: Data = serde_json::from_str(&written).expect("bytes");
            assert_eq!(read, data);
        }
        for wrong in [r#"{"base64":"?"}"#, "7", r#"{"base64":"","x":1}"#, "null"] {
            assert!(serde_json::from_str::<Data>(wrong).is_err(), "{wrong}");
        }
    }
}
