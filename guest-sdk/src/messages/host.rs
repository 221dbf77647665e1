//! Messages by the host's `syft:app/messages`.

use std::time::Duration;

use super::{Message, MessageError, Outcome, Until};
use crate::Method;
use crate::bindings::syft::app::{messages, types};

pub(super) fn send(message: Message) -> Result<String, MessageError> {
    let message = messages::Message {
        url: message.url,
        method: method(message.method),
        headers: message.headers.into(),
        body: message.body,
        timeout: micros(message.timeout),
        encrypt: message.encrypt,
        reply_to: message.reply_to.map(|reply_to| messages::ReplyTo {
            handler: reply_to.handler,
            context: reply_to.context,
        }),
    };
    messages::send(&message).map_err(error)
}

pub(super) fn receive(
    ids: &[&str],
    until: Until,
    time: Duration,
) -> Result<Vec<Option<Outcome>>, MessageError> {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let until = match until {
        Until::All => messages::Until::All,
        Until::Any => messages::Until::Any,
    };
    let outcomes = messages::receive(&ids, until, micros(time)).map_err(error)?;
    let outcomes = outcomes.into_iter();
    Ok(outcomes.map(|outcome| outcome.map(Outcome::from)).collect())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn method(method: Method) -> types::Method {
    match method {
        Method::Get => types::Method::Get,
        Method::Head => types::Method::Head,
        Method::Post => types::Method::Post,
        Method::Put => types::Method::Put,
        Method::Patch => types::Method::Patch,
        Method::Delete => types::Method::Delete,
    }
}

fn error(error: messages::Error) -> MessageError {
    match error {
        messages::Error::NotGranted(why) => MessageError::NotGranted(why),
        messages::Error::Invalid(why) => MessageError::Invalid(why),
        messages::Error::TooMany(why) => MessageError::TooMany(why),
        messages::Error::Unavailable(why) => MessageError::Unavailable(why),
        messages::Error::Unknown(why) => MessageError::Unknown(why),
    }
}
