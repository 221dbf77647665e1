//! The state of the app, which the host of the owner has.

use serde::{Deserialize, Serialize};

/// Something of the state, and what the app uses of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSeen<T> {
    /// What was asked for.
    pub seen: T,
    /// The bytes of all keys and values.
    pub used_bytes: u64,
}

/// Why a guest does not get at the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateError {
    /// There is none.
    Absent,
    /// The key is too long.
    Key,
    /// The call reads and writes too much.
    Call,
    /// The host would hold too much for the call.
    Held,
    /// The host cannot: why, in words.
    Store(String),
}
