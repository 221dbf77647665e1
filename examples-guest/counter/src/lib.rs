//! Counts, for all callers together.

use serde::Serialize;
use syft_guest::prelude::*;
use syft_guest::schemars::{self, JsonSchema};

/// Where the counter is.
#[derive(Serialize, JsonSchema)]
struct Counter {
    counter: i64,
}

/// Counts one more.
///
/// It reads and then writes, and still no call is lost: one that meets another is run
/// again.
#[on_request("/increment")]
fn increment() -> Result<Counter, Error> {
    let counter = state::update("counter", |old: Option<i64>| old.unwrap_or(0) + 1)?;
    Ok(Counter { counter })
}

/// Tells where the counter is.
#[on_request("/value")]
fn value() -> Result<Counter, Error> {
    let counter = state::get("counter")?.unwrap_or(0);
    Ok(Counter { counter })
}

/// Begins anew. Only the owner may.
#[on_request("/reset")]
fn reset(request: Request) -> Result<Counter, Error> {
    let owner = context::datasite();
    if request.sender.proven() != Some(owner.as_str()) {
        return Err(Error::forbidden("only the owner may"));
    }
    state::delete("counter")?;
    Ok(Counter { counter: 0 })
}

syft_guest::app!(increment, value, reset);

#[cfg(test)]
mod tests {
    use syft_guest::test::App;

    use super::*;

    #[test]
    fn counts_until_the_owner_begins_anew() {
        let app = App::new().owned_by("ada@example.com");
        for expected in [r#"{"counter":1}"#, r#"{"counter":2}"#] {
            assert_eq!(app.call::<increment>("").text(), expected);
        }
        let bob = app.request::<reset>().sender("bob@example.com");
        assert_eq!(bob.send().status, 403);
        let somebody = app.request::<reset>().claimed_sender("ada@example.com");
        assert_eq!(somebody.send().status, 403);
        assert_eq!(app.call::<value>("").text(), r#"{"counter":2}"#);
        let ada = app.request::<reset>().sender("ada@example.com");
        assert_eq!(ada.send().status, 200);
        assert_eq!(app.call::<increment>("").text(), r#"{"counter":1}"#);
    }
}
