//! Answers a ping with a pong.

use serde::Serialize;
use syft_guest::prelude::*;
use syft_guest::schemars::{self, JsonSchema};

/// The ball comes back.
#[derive(Serialize, JsonSchema)]
struct Pong {
    /// Comes back as one more than it was sent.
    n: u64,
    /// Who plays it back.
    from: String,
    /// To whom.
    to: String,
    /// How long the ball was in the air, in milliseconds. Not negative, whatever the
    /// clocks of the two say.
    ms: u64,
}

/// Plays the ball back.
#[on_request("/ping")]
fn ping(n: u64, request: Request) -> Result<Pong, Error> {
    let flight = syft_guest::Timestamp::now().since(request.created);
    let n = n
        .checked_add(1)
        .ok_or_else(|| Error::bad_request("that is too high a ball"))?;
    Ok(Pong {
        n,
        from: context::datasite(),
        to: request.sender.email,
        ms: u64::try_from(flight.as_millis()).unwrap_or(u64::MAX),
    })
}

syft_guest::app!(ping);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use syft_guest::test::App;

    use super::*;

    #[test]
    fn plays_back() {
        let app = App::new();
        let answer = app
            .request::<ping>()
            .sender("ada@example.com")
            .body(r#"{"n": 7}"#);
        let answer = answer.send().text();
        let expected = r#"{"n":8,"from":"owner@example.com","to":"ada@example.com","ms":"#;
        assert!(answer.starts_with(expected), "{answer}");
    }

    #[test]
    fn misses_what_is_too_high() {
        let n = BTreeMap::from([("n", u64::MAX)]);
        assert_eq!(App::new().request::<ping>().json(&n).send().status, 400);
    }
}
