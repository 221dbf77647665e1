//! Asks the host for something while it is instantiated: which call it runs for.

use std::sync::OnceLock;

use syft_guest::prelude::*;

static AT_START: OnceLock<String> = OnceLock::new();

/// Called when it is instantiated, as part of that.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    AT_START.get_or_init(syft_guest::context::idempotency_key);
}

/// Returns the call that it was instantiated for, and the one that it handles.
#[on_request("/calls")]
fn calls() -> (String, String) {
    let at_start = AT_START.get().cloned().unwrap_or_default();
    (at_start, syft_guest::context::idempotency_key())
}

syft_guest::app!(calls);
