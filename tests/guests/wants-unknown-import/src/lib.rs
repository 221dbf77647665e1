//! Imports an interface that no host has: to be refused when it is loaded.

use syft_guest::prelude::*;

#[rustfmt::skip]
#[allow(clippy::all, reason = "generated from the WIT")]
mod bindings;

#[on_request("/ask")]
fn ask(question: String) -> String {
    bindings::tests::unknown::oracle::ask(&question)
}

syft_guest::app!(ask);
