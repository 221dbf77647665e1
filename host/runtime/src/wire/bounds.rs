//! How it is written, and how much of it is read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// Items that are made room for before they are there.
const FIRST_ROOM: usize = 64;

/// What the other side wrote cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// It has more bytes than it may have.
    #[error("it has {bytes} bytes; at most {most} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// It says something else than what is read, or goes on after it.
    #[error("it is not what was to come: {0}")]
    Unreadable(String),
}

/// Writes a message.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_allocvec(message).expect("everything of these types can be written")
}

/// Reads a message that has at most so many bytes, and nothing after it.
///
/// # Errors
/// It is too large, or no such message.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], most: usize) -> Result<T, Malformed> {
    if bytes.len() > most {
        let bytes = bytes.len();
        return Err(Malformed::TooLarge { bytes, most });
    }
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => {
            let why = format!("{} bytes come after it", rest.len());
            Err(Malformed::Unreadable(why))
        }
        Err(error) => Err(Malformed::Unreadable(error.to_string())),
    }
}

/// Reads a list of at most so many items. An item may take far more memory than bytes.
pub fn at_most<'de, const MOST: usize, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    from.deserialize_seq(Items::<MOST, T>(PhantomData))
}

struct Items<const MOST: usize, T>(PhantomData<T>);

impl<'de, const MOST: usize, T: Deserialize<'de>> Visitor<'de> for Items<MOST, T> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at most {MOST} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let n_items = items.size_hint().unwrap_or(0);
        if n_items > MOST {
            return Err(A::Error::invalid_length(n_items, &self));
        }
        let mut read = Vec::with_capacity(n_items.min(FIRST_ROOM));
        while let Some(item) = items.next_element()? {
            if read.len() == MOST {
                return Err(A::Error::invalid_length(MOST + 1, &self));
            }
            read.push(item);
        }
        Ok(read)
    }
}
