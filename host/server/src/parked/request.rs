//! A request that was given up.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use syft_protocol::address::Address;
use uuid::Builder;

/// A request that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedRequest {
    /// By which the owner names it. Ids of requests are given by callers, and need not
    /// differ.
    pub id: String,
    /// Where it lies below the app's `rpc/` folder, without the extension.
    pub address: String,
    /// How often the host crashed; a panic within it counts twice.
    pub crashes: u32,
    /// When it was given up, as microseconds since the epoch.
    pub at: i64,
}

impl ParkedRequest {
    /// Returns the request at an address, which was given up.
    pub fn new(address: &Address, crashes: u32, at: i64) -> Self {
        let address = address.to_string();
        let digest = Sha256::digest(&address);
        let bytes = digest.first_chunk().expect("a digest has more bytes");
        Self {
            id: Builder::from_random_bytes(*bytes).into_uuid().to_string(),
            address,
            crashes,
            at,
        }
    }
}
