//! Plays against `pingpong`, and keeps the score.

use serde::{Deserialize, Serialize};
use syft_guest::messages::Sent;
use syft_guest::prelude::*;
use syft_guest::schemars::{self, JsonSchema};

/// The ball on its way.
#[derive(Serialize)]
struct Ping {
    n: u64,
}

/// The ball as it comes back.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Pong {
    /// One more than it was sent.
    n: u64,
    /// Who played it back.
    from: String,
}

/// How the games went.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Score {
    /// Balls that came back.
    returned: u64,
    /// Balls that did not.
    missed: u64,
    /// The highest one.
    highest: u64,
}

/// Plays a few balls, each after the one before came back, and answers the last.
#[on_request("/play")]
fn play(datasite: String, #[default(3)] rounds: u32) -> Result<Pong, Error> {
    let mut pong = Pong {
        n: 0,
        from: String::new(),
    };
    for _ in 0..rounds.clamp(1, 10) {
        pong = ping(&datasite, pong.n)?.ask()?.success()?.json()?;
    }
    Ok(pong)
}

/// Plays one ball to each of several, and does not wait for them. Answers the ids.
#[on_request("/serve")]
fn serve(datasites: Vec<String>) -> Result<Vec<String>, Error> {
    let served = datasites.iter().map(|datasite| {
        let sent = ping(datasite, 0)?.reply_to::<returned>().send()?;
        Ok(sent.id)
    });
    served.collect()
}

/// Keeps the score of balls that were served.
#[on_reply]
fn returned(reply: Reply) -> Result<(), Error> {
    let pong = match reply.answer() {
        Ok(answer) if answer.status == 200 => Some(answer.json::<Pong>()?),
        _ => None,
    };
    state::update("score", |score: Option<Score>| {
        let mut score = score.unwrap_or_default();
        match &pong {
            Some(pong) => {
                score.returned += 1;
                score.highest = score.highest.max(pong.n);
            }
            None => score.missed += 1,
        }
        score
    })?;
    Ok(())
}

/// Answers how the games went.
#[on_request("/score")]
fn score() -> Result<Score, Error> {
    Ok(state::get("score")?.unwrap_or_default())
}

/// Tells whether a ball that `/play` sent in an earlier call has come back.
#[on_request("/look")]
fn look(id: String) -> Result<Option<u16>, Error> {
    let outcome = Sent::with_id(id).outcome()?;
    Ok(outcome.and_then(|outcome| outcome.answer().ok().map(|answer| answer.status)))
}

fn ping(datasite: &str, n: u64) -> Result<Message, Error> {
    Message::to_app(datasite, "pingpong", "/ping").json(&Ping { n })
}

syft_guest::app!(play, serve, returned, score, look);

#[cfg(test)]
mod tests {
    use syft_guest::messages::{MessageAnswer, Outcome};
    use syft_guest::test::App;

    use super::*;

    /// Returns an app against whom Ada plays well, and nobody else does.
    fn app() -> App {
        App::new().with_messages(|message| {
            let Some("ada@example.com") = message.url.split('/').nth(2) else {
                return Outcome::Expired;
            };
            let body = message.body.clone().unwrap_or_default();
            let body = String::from_utf8(body).unwrap();
            let n: u64 = body
                .trim_matches(|c: char| !c.is_ascii_digit())
                .parse()
                .unwrap();
            let pong = format!(r#"{{"n":{},"from":"ada@example.com"}}"#, n + 1);
            MessageAnswer::new(200).with_body(pong).into()
        })
    }

    #[test]
    fn plays_as_long_as_the_ball_comes_back() {
        let app = app();
        let answer = app.call::<play>(r#"{"datasite":"ada@example.com","rounds":4}"#);
        assert_eq!(answer.text(), r#"{"n":4,"from":"ada@example.com"}"#);
        assert_eq!(app.sent().len(), 4);
        let lost = app.call::<play>(r#"{"datasite":"eve@example.com"}"#);
        assert_eq!(lost.status, 500);
        let failure = app.failure().unwrap();
        assert_eq!(failure.message, "the receiver did not answer in time");
    }

    #[test]
    fn keeps_the_score() {
        let app = app();
        let served = r#"{"datasites":["ada@example.com","eve@example.com"]}"#;
        assert_eq!(app.call::<serve>(served).json::<Vec<String>>().len(), 2);
        assert_eq!(app.deliver::<returned>(), Ok(2));
        let score = r#"{"returned":1,"missed":1,"highest":1}"#;
        assert_eq!(app.call::<score>("").text(), score);
    }

    #[test]
    fn a_ball_that_was_sent_can_be_looked_for() {
        let app = app();
        app.call::<play>(r#"{"datasite":"ada@example.com","rounds":1}"#);
        let known = r#"{"id":"00000000-0000-4000-9000-000000000001"}"#;
        assert_eq!(app.call::<look>(known).text(), "200");
        let unknown = r#"{"id":"00000000-0000-4000-9000-000000000009"}"#;
        assert_eq!(app.call::<look>(unknown).status, 500);
    }
}
