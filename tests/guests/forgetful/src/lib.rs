//! An app whose author has listed one of its handlers.

use syft_guest::prelude::*;

/// Is listed.
#[on_request("/listed")]
fn listed() -> &'static str {
    "listed"
}

/// Is listed by way of a router.
#[on_request("/routed")]
fn routed() {}

/// Is not.
#[on_request("/left-out")]
fn left_out() {}

/// As others may use it.
pub mod inner {
    use syft_guest::prelude::*;

    /// Is public, so that the compiler finds nothing wrong with it.
    #[on_request("/public")]
    pub fn public() {}

    /// Watches nothing that anybody sees.
    #[watch("{datasite}/**/*.json")]
    pub fn on_json() {}
}

syft_guest::router!(some: routed);
syft_guest::app!(listed, "/below" => some);
