//! Has conversations of three turns with the same app of somebody else, and counts what it does in
//! each call: a turn that is taken twice, or a reply that is lost, shows.

use serde::{Deserialize, Serialize};
use syft_guest::prelude::*;

const TURNS: u32 = 3;

/// What is said in a turn.
#[derive(Serialize, Deserialize)]
struct Turn {
    peer: String,
    conversation: u32,
    turn: u32,
    value: u64,
}

impl Turn {
    fn answer(&self) -> u64 {
        self.value * 31 + u64::from(self.turn)
    }

    fn say(&self) -> Result<(), Error> {
        let app = context::app();
        Message::to_app(&self.peer, &app, "/turn")
            .json(self)?
            .timeout(std::time::Duration::from_secs(3600))
            .reply_to::<answered>()
            .context(self)?
            .send()?;
        Ok(())
    }
}

/// Begins a conversation.
#[on_request("/begin")]
fn begin(peer: String, conversation: u32) -> Result<(), Error> {
    state::increment("begun", 1)?;
    Turn {
        peer,
        conversation,
        turn: 1,
        value: u64::from(conversation),
    }
    .say()
}

/// Takes a turn of somebody else's conversation.
#[on_request("/turn")]
fn turn(Json(turn): Json<Turn>) -> Result<u64, Error> {
    state::increment("turns", 1)?;
    state::increment(&format!("turns/{}", turn.conversation), 1)?;
    Ok(turn.answer())
}

/// Goes on with a conversation, or ends it.
#[on_reply]
fn answered(reply: Reply) -> Result<(), Error> {
    let said: Turn = reply.context()?;
    state::increment("replies", 1)?;
    let answer = match reply.answer() {
        Ok(answer) if answer.status == 200 => answer.json::<u64>()?,
        other => {
            log::warn!("turn {} of {}: {other:?}", said.turn, said.conversation);
            state::increment("failed", 1)?;
            return Ok(());
        }
    };
    if answer != said.answer() {
        state::increment("wrong", 1)?;
        return Ok(());
    }
    if said.turn == TURNS {
        state::increment("ended", 1)?;
        return Ok(());
    }
    Turn {
        turn: said.turn + 1,
        value: answer,
        ..said
    }
    .say()
}

/// Tells what was counted, and which conversations of somebody else had more or fewer turns than
/// they should have.
#[on_request("/report")]
fn report() -> Result<serde_json::Value, Error> {
    let count = |key: &str| -> Result<i64, Error> { Ok(state::get(key)?.unwrap_or(0)) };
    let mut uneven = Vec::new();
    for key in state::keys("turns/")? {
        if count(&key)? != i64::from(TURNS) {
            uneven.push(key);
        }
    }
    Ok(serde_json::json!({
        "begun": count("begun")?,
        "turns": count("turns")?,
        "replies": count("replies")?,
        "failed": count("failed")?,
        "wrong": count("wrong")?,
        "ended": count("ended")?,
        "uneven": uneven,
    }))
}

syft_guest::app!(begin, turn, answered, report);
