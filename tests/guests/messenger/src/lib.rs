//! Sends messages wherever it is told to, by the interface itself, and answers them.

use std::fs::OpenOptions;
use std::io::Write;

use serde::Deserialize;
use serde_json::{Value, json};
use syft_guest::bindings::syft::app::messages::{self, Error as MessagesError, Until};
use syft_guest::bindings::syft::app::types::{Method, Outcome};
use syft_guest::messages::ReplyHandler;
use syft_guest::prelude::*;
use syft_guest::schemars::{self, JsonSchema};

/// What to send.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    /// In place of a body: one of so many bytes.
    bytes: Option<usize>,
    /// In microseconds.
    #[serde(default = "a_minute")]
    timeout: u64,
    #[serde(default)]
    encrypt: bool,
    handler: Option<String>,
    context: Option<String>,
    /// How often.
    #[serde(default = "once")]
    times: usize,
}

fn a_minute() -> u64 {
    60_000_000
}

fn once() -> usize {
    1
}

impl Wanted {
    fn send(&self) -> Value {
        let body = self.body.as_ref().map(|body| body.clone().into_bytes());
        let message = messages::Message {
            url: self.url.clone(),
            method: Method::Post,
            headers: self.headers.clone(),
            body: body.or(self.bytes.map(|bytes| vec![b'x'; bytes])),
            timeout: self.timeout,
            encrypt: self.encrypt,
            reply_to: self.handler.as_ref().map(|handler| messages::ReplyTo {
                handler: handler.clone(),
                context: self
                    .context
                    .as_ref()
                    .map(|context| context.clone().into_bytes()),
            }),
        };
        match messages::send(&message) {
            Ok(id) => json!(id),
            Err(error) => shown(error),
        }
    }
}

fn shown(error: MessagesError) -> Value {
    let (kind, why) = match error {
        MessagesError::NotGranted(why) => ("not-granted", why),
        MessagesError::Invalid(why) => ("invalid", why),
        MessagesError::TooMany(why) => ("too-many", why),
        MessagesError::Unavailable(why) => ("unavailable", why),
        MessagesError::Unknown(why) => ("unknown", why),
    };
    json!({"error": kind, "why": why})
}

fn became(outcome: Option<Outcome>) -> Value {
    match outcome {
        None => Value::Null,
        Some(Outcome::Expired) => json!("expired"),
        Some(Outcome::Rejected(why)) => json!({"rejected": why}),
        Some(Outcome::Answered(answer)) => {
            let body = answer.body.unwrap_or_default();
            json!({"status": answer.status, "body": String::from_utf8_lossy(&body)})
        }
    }
}

fn received(ids: &[String], until: Until, timeout: u64) -> Value {
    match messages::receive(ids, until, timeout) {
        Ok(outcomes) => outcomes.into_iter().map(became).collect(),
        Err(error) => shown(error),
    }
}

/// Sends, and answers the id or the error of each. Fails afterwards, if it is to.
#[on_request("/send")]
fn sends(messages: Vec<Wanted>, #[default(false)] fail: bool) -> Result<Vec<Value>, Error> {
    let mut answers = Vec::new();
    for wanted in &messages {
        answers.extend((0..wanted.times).map(|_| wanted.send()));
    }
    state::increment("sent", 1)?;
    match fail {
        true => Err(Error::failed("as it was told")),
        false => Ok(answers),
    }
}

/// Answers what became of messages.
#[on_request("/receive")]
fn receives(ids: Vec<String>, #[default(0)] timeout: u64, #[default(false)] any: bool) -> Value {
    let until = if any { Until::Any } else { Until::All };
    received(&ids, until, timeout)
}

/// Sends, waits for all, and answers what became of each. Fails afterwards, if it is to.
#[on_request("/ask")]
fn asks(
    messages: Vec<Wanted>,
    #[default(60_000_000)] timeout: u64,
    #[default(false)] any: bool,
    #[default(false)] fail: bool,
) -> Result<Value, Error> {
    let sent = messages.iter().map(Wanted::send);
    let sent: Vec<Value> = sent.collect();
    if let Some(refused) = sent.iter().find(|it| !it.is_string()) {
        return Ok(refused.clone());
    }
    let ids: Vec<String> = sent
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let until = if any { Until::Any } else { Until::All };
    let outcomes = received(&ids, until, timeout);
    match fail {
        true => Err(Error::failed("as it was told")),
        false => Ok(json!({"ids": ids, "outcomes": outcomes})),
    }
}

/// Answers with what it was told, and by whom.
#[on_request("/echo")]
fn echo(request: Request) -> Result<Value, Error> {
    state::increment("echoed", 1)?;
    let body = request.text()?;
    Ok(json!({"body": body, "sender": request.sender.email, "proof": request.sender.proof}))
}

/// Keeps what it is told.
#[on_reply]
fn replied(reply: Reply) -> Result<(), Error> {
    let context = reply.context.clone().unwrap_or_default();
    let context = String::from_utf8_lossy(&context).into_owned();
    if let Some(path) = context.strip_prefix("fail once, after it wrote to ") {
        append(path, &reply.attempt.to_string())?;
    }
    if context.starts_with("fail once") && reply.attempt == 1 {
        return Err(Error::failed("as it was told"));
    }
    let outcome = match reply.answer() {
        Ok(answer) => format!("{} {}", answer.status, answer.text()?),
        Err(why) => why.to_string(),
    };
    let told = json!({"handler": replied::NAME, "url": reply.url, "context": context,
        "outcome": outcome, "attempt": reply.attempt});
    state::update("replies", |replies: Option<Vec<Value>>| {
        let mut replies = replies.unwrap_or_default();
        replies.push(told.clone());
        replies
    })?;
    Ok(())
}

fn append(path: &str, text: &str) -> Result<(), Error> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Error::failed(error.to_string()))
}

/// Answers what it was told by replies.
#[on_request("/replies")]
fn replies() -> Result<Vec<Value>, Error> {
    Ok(state::get("replies")?.unwrap_or_default())
}

/// Answers how often it was called to send, and to echo.
#[on_request("/counts")]
fn counts() -> Result<Value, Error> {
    let sent: Option<i64> = state::get("sent")?;
    let echoed: Option<i64> = state::get("echoed")?;
    Ok(json!({"sent": sent, "echoed": echoed}))
}

syft_guest::app!(sends, receives, asks, echo, replied, replies, counts);
