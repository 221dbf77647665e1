//! Messages of a call that is recorded, and what became of them for one that runs again: nothing
//! is sent then.

use syft_protocol::outbox::OutgoingMessage;
use uuid::Uuid;

use crate::recording::{CallStep, RecordedOutcome, Recorder};
use crate::wit::messages::Error;
use crate::wit::types::{Outcome, Response};

type Received = Result<Vec<Option<Outcome>>, Error>;

/// Returns a step that sends a message, or why that was refused.
pub(super) fn sent(message: &OutgoingMessage, refused: Option<&String>) -> CallStep {
    let headers = message.headers.iter();
    CallStep::Send {
        id: message.id.to_string(),
        method: message.method.to_string(),
        url: message.url.as_str().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: message.body.as_deref().map(Into::into),
        encrypt: message.encrypt,
        error: refused.cloned(),
    }
}

/// Returns a step that receives something.
pub(super) fn received(ids: &[Uuid], received: &Received) -> CallStep {
    CallStep::Receive {
        ids: texts(ids),
        outcomes: match received {
            Ok(outcomes) => outcomes.iter().map(|it| it.as_ref().map(record)).collect(),
            Err(_) => Vec::new(),
        },
        error: received.as_ref().err().map(|error| {
            let (name, why) = parts(error);
            (name.to_owned(), why.to_owned())
        }),
    }
}

/// Returns what was received before, where the call runs again.
pub(super) fn received_before(recorder: Option<&Recorder>, ids: &[Uuid]) -> Option<Received> {
    let recorder = recorder?;
    let step = recorder.received_before(&texts(ids))?;
    recorder.step(step.clone());
    let CallStep::Receive {
        outcomes, error, ..
    } = step
    else {
        return None;
    };
    Some(match error {
        Some((name, why)) => Err(error_of(&name, why)),
        // A stranger's recording may have as many as it likes.
        None if outcomes.len() != ids.len() => Err(error_of("", "it makes no sense".to_owned())),
        None => Ok(outcomes.into_iter().map(|it| it.map(play)).collect()),
    })
}

fn texts(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}

fn record(outcome: &Outcome) -> RecordedOutcome {
    match outcome {
        Outcome::Answered(answer) => RecordedOutcome::Answered {
            status: answer.status,
            headers: answer.headers.clone(),
            body: answer.body.as_deref().map(Into::into),
        },
        Outcome::Expired => RecordedOutcome::Expired,
        Outcome::Rejected(why) => RecordedOutcome::Rejected { why: why.clone() },
    }
}

fn play(outcome: RecordedOutcome) -> Outcome {
    match outcome {
        RecordedOutcome::Answered {
            status,
            headers,
            body,
        } => Outcome::Answered(Response {
            status,
            headers,
            body: body.map(|body| body.bytes().to_vec()),
        }),
        RecordedOutcome::Expired => Outcome::Expired,
        RecordedOutcome::Rejected { why } => Outcome::Rejected(why),
    }
}

fn parts(error: &Error) -> (&'static str, &str) {
    match error {
        Error::NotGranted(why) => ("not-granted", why),
        Error::Invalid(why) => ("invalid", why),
        Error::TooMany(why) => ("too-many", why),
        Error::Unavailable(why) => ("unavailable", why),
        Error::Unknown(why) => ("unknown", why),
    }
}

fn error_of(name: &str, why: String) -> Error {
    match name {
        "not-granted" => Error::NotGranted(why),
        "invalid" => Error::Invalid(why),
        "too-many" => Error::TooMany(why),
        "unknown" => Error::Unknown(why),
        _ => Error::Unavailable(why),
    }
}
