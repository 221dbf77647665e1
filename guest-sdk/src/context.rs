//! Where and for whom the app runs.

use std::time::Duration;

/// Returns the email of the owner, which is the name of their datasite.
///
/// In native tests it is that of the [`test::App`](crate::test::App), or
/// `owner@example.com`.
pub fn datasite() -> String {
    host::datasite()
}

/// Returns the name of the app.
///
/// In native tests it is that of the [`test::App`](crate::test::App), or `app`.
pub fn app() -> String {
    host::app()
}

/// Returns the time left for this call, or a little less.
///
/// In native tests it is that of the [`test::App`](crate::test::App), or a minute.
pub fn time_left() -> Duration {
    Duration::from_micros(host::time_left())
}

/// Returns a UUID of the request or event that is handled: the same each time that it runs
/// again, and of no other.
///
/// It is for the header `Idempotency-Key` of an [HTTP request](crate::http) that must not take
/// effect twice. A call that sends several such requests adds to it what tells them apart. In
/// native tests it is the same for all calls.
pub fn idempotency_key() -> String {
    host::idempotency_key()
}

#[cfg(target_family = "wasm")]
use crate::bindings::syft::app::context as host;

/// The host of native tests.
#[cfg(not(target_family = "wasm"))]
mod host {
    use crate::test::world::{World, current};

    pub(super) fn datasite() -> String {
        look(|world| world.datasite.clone())
    }

    pub(super) fn app() -> String {
        look(|world| world.app.clone())
    }

    pub(super) fn time_left() -> u64 {
        let micros = look(|world| world.time_left.as_micros());
        u64::try_from(micros).unwrap_or(u64::MAX)
    }

    pub(super) fn idempotency_key() -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }

    fn look<T>(at: impl FnOnce(&World) -> T) -> T {
        match current() {
            Some(world) => at(&world),
            None => at(&World::new()),
        }
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
