//! Asks many at once, and counts who answers. Everybody who takes part serves this app: it asks
//! for its owner, and votes for its owner.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use syft_guest::prelude::*;
use syft_guest::schemars::{self, JsonSchema};

/// How long the others have.
const TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What came of a question so far.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Count {
    /// How many were asked.
    asked: u64,
    yes: u64,
    no: u64,
    /// Those who refused, or did not answer in time.
    silent: u64,
}

/// Asks a question, and answers under which id its votes are counted.
#[on_request("/ask")]
fn ask(question: String, datasites: Vec<String>, request: Request) -> Result<String, Error> {
    if request.sender.proven() != Some(&context::datasite()) {
        return Err(Error::forbidden("only the owner asks"));
    }
    let poll = request.id;
    for datasite in &datasites {
        Message::to_app(datasite, "broadcast", "/vote")
            .body(question.as_str())
            .timeout(TIME)
            .reply_to::<voted>()
            .context(&poll)?
            .send()?;
    }
    let count = Count {
        asked: datasites.len() as u64,
        ..Count::default()
    };
    state::set(&key(&poll), &count)?;
    Ok(poll)
}

/// Counts a vote.
#[on_reply]
fn voted(reply: Reply) -> Result<(), Error> {
    let poll: String = reply.context()?;
    let vote = reply.answer().ok().filter(|answer| answer.status == 200);
    let vote = vote.and_then(|answer| answer.text().ok());
    state::update(&key(&poll), |count: Option<Count>| {
        let mut count = count.unwrap_or_default();
        match vote {
            Some("yes") => count.yes += 1,
            Some("no") => count.no += 1,
            _ => count.silent += 1,
        }
        count
    })?;
    Ok(())
}

/// Answers what came of a question so far.
#[on_request("/count")]
fn count(poll: String) -> Result<Count, Error> {
    state::get(&key(&poll))?.ok_or_else(|| Error::not_found("no such question was asked"))
}

/// Says how the owner votes from now on: `yes` or `no`.
#[on_request("/opinion")]
fn opinion(vote: String, request: Request) -> Result<(), Error> {
    if request.sender.proven() != Some(&context::datasite()) {
        return Err(Error::forbidden("only the owner has opinions here"));
    }
    if !["yes", "no"].contains(&vote.as_str()) {
        return Err(Error::bad_request("a vote is `yes` or `no`"));
    }
    state::set("opinion", &vote)?;
    Ok(())
}

/// Votes.
#[on_request("/vote")]
fn vote(question: Text) -> Result<String, Error> {
    log::info!("asked: {}", question.0);
    state::get("opinion")?.ok_or_else(|| Error::not_found("I have no opinion"))
}

fn key(poll: &str) -> String {
    format!("poll/{poll}")
}

syft_guest::app!(ask, voted, count, opinion, vote);

#[cfg(test)]
mod tests {
    use syft_guest::messages::{MessageAnswer, Outcome};
    use syft_guest::test::App;

    use super::*;

    #[test]
    fn counts_who_answers() {
        let app = App::new().with_messages(|message| {
            let whose = message.url.split('/').nth(2).unwrap();
            match whose.split('@').next().unwrap() {
                "ada" | "bob" => Some(MessageAnswer::new(200).with_body("yes").into()),
                "eve" => Some(MessageAnswer::new(404).with_body("no").into()),
                "tim" => Some(Outcome::Expired),
                _ => None,
            }
        });
        let names = ["ada", "bob", "eve", "tim", "zoe"];
        let datasites = names.map(|name| format!("{name}@example.com"));
        let asked = serde_json::json!({"question": "Tea?", "datasites": datasites});
        let by = |email: &str| app.request::<ask>().sender(email).json(&asked).send();
        assert_eq!(by("ada@example.com").status, 403);
        let poll = by("owner@example.com").text();
        assert_eq!(app.sent().len(), 5);
        assert_eq!(app.deliver::<voted>(), Ok(4), "Zoe has not answered yet");
        let count = app.call::<count>(format!(r#"{{"poll":"{poll}"}}"#)).text();
        assert_eq!(count, r#"{"asked":5,"yes":2,"no":0,"silent":2}"#);
    }

    #[test]
    fn votes_as_the_owner_says() {
        let app = App::new();
        assert_eq!(app.call::<vote>("Tea?").status, 404);
        let opine = |vote: &str| {
            let body = format!(r#"{{"vote":"{vote}"}}"#);
            let said = app.request::<opinion>().sender("owner@example.com");
            said.body(body).send().status
        };
        assert_eq!((opine("perhaps"), opine("no")), (400, 200));
        assert_eq!(app.call::<vote>("Tea?").text(), "no");
        assert_eq!(app.call::<opinion>(r#"{"vote":"yes"}"#).status, 403);
    }
}
