//! What hosts and workers say to each other, which either may have made up.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use syft_runtime::wire::{CallEnd, HandedCall, HostCall, HostReply, decode, encode};

const MOST_BYTES: usize = 1 << 20;

/// What was read is written and read again, and says the same.
pub fn remote_call(bytes: &[u8]) {
    said::<HandedCall>(bytes);
    said::<HostCall>(bytes);
    said::<HostReply>(bytes);
    said::<CallEnd>(bytes);
}

fn said<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let read: T = match decode(bytes, MOST_BYTES) {
        Ok(read) => read,
        Err(error) => return crate::assert_is_short_line(&error.to_string(), 200),
    };
    // Numbers may be written at greater length than they have to be.
    let written = encode(&read);
    assert!(written.len() <= bytes.len(), "{read:?}");
    let again = decode(&written, MOST_BYTES);
    assert_eq!(again.as_ref(), Ok(&read));
}
