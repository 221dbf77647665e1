//! Messages that an app sends to other apps, and what becomes of them.
//!
//! A message is a request of which this host is the client. [`OutgoingMessage`] is what the app
//! said, [`Receiver`] whom it is for, [`MessageOutcome`] how it ended. [`Outbox`] says step by
//! step what is to be done about all messages of an app.
//!
//! Why: docs/decisions/82-messages-are-effects-of-a-transaction.md

mod life;
mod receiver;

use std::time::Duration;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

pub use life::{Ending, Event, Look, Outbox, OutboxAction, OutboxLimits, Stage, Way};
pub use receiver::{Receiver, ReceiverError};

use crate::message::{Headers, Method, Request};
use crate::status::Status;
use crate::timestamp::Timestamp;
use crate::url::SyftUrl;

/// How long the outcome of a message is kept beyond the time at which the message expires, for
/// an app that looks for it.
pub const KEEP_OUTCOME: Duration = Duration::from_secs(24 * 60 * 60);

/// A message as an app gave it to the host. Who sends it is not the app's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The id of the request, by [`message_id`].
    pub id: Uuid,
    /// The endpoint that it is for.
    pub url: SyftUrl,
    /// The method.
    pub method: Method,
    /// The headers.
    pub headers: Headers,
    /// The body; an empty one is not the same as none.
    pub body: Option<Vec<u8>>,
    /// How long it lasts, from the moment in which it is kept.
    pub timeout: Duration,
    /// The body is encrypted for the receiver.
    pub encrypt: bool,
    /// Where the app wants to be told what became of it.
    pub reply_to: Option<ReplyTo>,
}

/// Where an app wants to be told what became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The name of the handler, which only the app understands.
    pub handler: String,
    /// What the handler gets besides the outcome.
    pub context: Option<Vec<u8>>,
}

/// What the receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAnswer {
    /// The status.
    pub status: Status,
    /// The headers.
    pub headers: Headers,
    /// The body, opened if it was sealed.
    pub body: Option<Vec<u8>>,
}

/// How a message ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    /// The receiver answered.
    Answered(MessageAnswer),
    /// No answer came in time, or the receiver found it too late.
    Expired,
    /// It was not let through, or there can be no answer: why, in words.
    Rejected(String),
}

impl OutgoingMessage {
    /// Returns the request as it is written for the receiver, not encrypted.
    pub fn to_request(&self, sender: &str, created: Timestamp) -> Request {
        Request {
            id: Some(self.id),
            sender: sender.to_owned(),
            url: self.url.clone(),
            body: self.body.clone(),
            headers: self.headers.clone(),
            created,
            expires: created.saturating_add(self.timeout),
            method: self.method,
        }
    }

    /// Returns about what the message takes where it is kept, in bytes.
    pub fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        let reply_to = self.reply_to.as_ref().map_or(0, |reply_to| {
            reply_to.handler.len() + reply_to.context.as_ref().map_or(0, Vec::len)
        });
        let body = self.body.as_ref().map_or(0, Vec::len);
        self.url.as_str().len() + headers + reply_to + body
    }
}

impl MessageOutcome {
    /// Returns about what the outcome takes where it is kept, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Answered(answer) => {
                let headers = answer.headers.iter();
                let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
                headers + answer.body.as_ref().map_or(0, Vec::len)
            }
            Self::Expired => 0,
            Self::Rejected(reason) => reason.len(),
        }
    }
}

/// Returns the id of a message, from the idempotency key of the call that sends it, what it
/// says, and how many messages of this call before it say the same. A call that runs again
/// gives its messages the same ids, so that none is sent twice; where it says something else
/// the second time, it does not get the answer to what it said first.
///
/// The id that the message has already does not count. A version 4 UUID by its form.
pub fn message_id(idempotency_key: &str, message: &OutgoingMessage, n_equal: u32) -> Uuid {
    let mut hash = Sha256::new();
    // With its length before it, so that no two lists of parts are the same bytes.
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(b"message");
    add(idempotency_key.as_bytes());
    add(message.url.as_str().as_bytes());
    add(message.method.as_str().as_bytes());
    add(&[u8::from(message.encrypt)]);
    add(&n_equal.to_be_bytes());
    for (name, value) in message.headers.iter() {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    let reply_to = message.reply_to.as_ref();
    let parts = [
        message.body.as_deref(),
        reply_to.map(|reply_to| reply_to.handler.as_bytes()),
        reply_to.and_then(|reply_to| reply_to.context.as_deref()),
    ];
    for part in parts {
        add(&[u8::from(part.is_some())]);
        add(part.unwrap_or_default());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (head, _) = digest
        .split_first_chunk()
        .expect("32 bytes have a first 16");
    Builder::from_random_bytes(*head).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn message() -> OutgoingMessage {
        OutgoingMessage {
            id: Uuid::nil(),
            url: SyftUrl::parse("syft://bob@x.org/app_data/a/rpc/b").expect("a URL"),
            method: Method::Post,
            headers: [("a".to_owned(), "b".to_owned())].into_iter().collect(),
            body: Some(b"body".to_vec()),
            timeout: Duration::from_secs(1),
            encrypt: false,
            reply_to: None,
        }
    }

    #[test]
    fn ids_follow_from_the_call_and_what_is_said() {
        let id = message_id("a key", &message(), 0);
        assert_eq!(id.get_version_num(), 4);
        let later = OutgoingMessage {
            id,
            timeout: Duration::from_secs(2),
            ..message()
        };
        assert_eq!(message_id("a key", &later, 0), id);
        assert_ne!(message_id("a key", &message(), 1), id);
        assert_ne!(message_id("another key", &message(), 0), id);
    }

    #[test]
    fn whatever_is_said_makes_another_id() {
        let reply_to = |context: Option<&[u8]>| {
            Some(ReplyTo {
                handler: "body".to_owned(),
                context: context.map(<[u8]>::to_vec),
            })
        };
        let all = [
            message(),
            OutgoingMessage {
                url: SyftUrl::parse("syft://bob@x.org/app_data/a/rpc/c").expect("a URL"),
                ..message()
            },
            OutgoingMessage {
                method: Method::Get,
                ..message()
            },
            OutgoingMessage {
                headers: [("ab".to_owned(), String::new())].into_iter().collect(),
                ..message()
            },
            OutgoingMessage {
                body: None,
                ..message()
            },
            OutgoingMessage {
                body: Some(Vec::new()),
                ..message()
            },
            OutgoingMessage {
                encrypt: true,
                ..message()
            },
            OutgoingMessage {
                reply_to: reply_to(None),
                ..message()
            },
            OutgoingMessage {
                reply_to: reply_to(Some(b"")),
                ..message()
            },
        ];
        let ids: HashSet<Uuid> = all.iter().map(|said| message_id("key", said, 0)).collect();
        assert_eq!(ids.len(), all.len());
    }
}
