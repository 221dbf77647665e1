//! Answers, and carries a manifest once `syft-host build` built it.

use syft_guest::prelude::*;

#[on_request("/hello")]
fn hello() -> &'static str {
    "hello"
}

syft_guest::app!(hello);
