//! Values of the protocol as texts in JSON.

use std::fmt::Display;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use syft_protocol::address::Datasite;
use syft_protocol::timestamp::Timestamp;

/// What has a text that it can be read from.
pub(super) trait Text: Display + Sized {
    fn read(text: &str) -> Result<Self, String>;
}

impl Text for Datasite {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }
}

impl Text for Timestamp {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| "this is no time".to_owned())
    }
}

pub(super) fn serialize<T: Text, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn deserialize<'de, T: Text, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    T::read(&text).map_err(D::Error::custom)
}
