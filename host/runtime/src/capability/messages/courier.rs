//! What a call asks of who carries messages, and what it is told.

use std::time::Instant;

use syft_protocol::outbox::{MessageOutcome, OutgoingMessage};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Where a call hands in what it waits for: the courier of its app is at the other end.
pub type CourierHandle = mpsc::Sender<Receive>;

/// What became of messages, in the order in which they were asked for; none where it is not
/// known yet.
pub type Received = Vec<Option<MessageOutcome>>;

/// A call wants to know what became of messages.
#[derive(Debug)]
pub struct Receive {
    /// Messages of this call, which are to be kept and to leave first.
    pub post: Vec<OutgoingMessage>,
    /// Of which messages: those, and others of the same app.
    pub ids: Vec<Uuid>,
    /// When to answer.
    pub until: Until,
    /// When to answer with what is known, whatever that is.
    pub deadline: Instant,
    /// The most bytes that all bodies and headers of the answers may have together.
    pub most_bytes: usize,
    /// Where to answer. It is closed when the call has ended.
    pub reply: oneshot::Sender<Result<Received, ReceiveError>>,
}

/// When a call is answered that waits for several messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is known of each what became of it.
    All,
    /// When it is known of one.
    Any,
}

/// Why a call is told nothing of its messages.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReceiveError {
    /// The app sent no such message, or what became of it was deleted.
    #[error("this app sent no message {0}, or what became of it was deleted")]
    Unknown(Uuid),
    /// The app, or its owner's outbox, has as many messages as it may have: why, in words.
    #[error("{0}")]
    TooMany(String),
    /// The answers have more bytes together than the call asked for.
    #[error("the answers have more than {0} bytes together: receive fewer at a time")]
    TooLarge(usize),
    /// The host cannot keep or carry messages: why, in words.
    #[error("{0}")]
    Unavailable(String),
}
