//! Where and for whom the app runs.

use std::time::Duration;

/// Returns the email of the owner, which is the name of their datasite.
///
/// In native tests it is `owner@example.com`.
pub fn datasite() -> String {
    host::datasite()
}

/// Returns the name of the app. In native tests it is `app`.
pub fn app() -> String {
    host::app()
}

/// Returns the time left for this call. In native tests it is a minute.
pub fn time_left() -> Duration {
    Duration::from_micros(host::time_left())
}

#[cfg(target_family = "wasm")]
use crate::bindings::syft::app::context as host;

/// The host of native tests.
#[cfg(not(target_family = "wasm"))]
mod host {
    pub(super) fn datasite() -> String {
        "owner@example.com".to_owned()
    }

    pub(super) fn app() -> String {
        "app".to_owned()
    }

    pub(super) fn time_left() -> u64 {
        60_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_tests_have_a_context() {
        assert_eq!(
            (datasite().as_str(), app().as_str()),
            ("owner@example.com", "app")
        );
        assert_eq!(time_left(), Duration::from_secs(60));
    }
}
