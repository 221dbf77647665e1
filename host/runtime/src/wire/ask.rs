//! What a guest on a worker asks of the host of its owner.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::bounds::at_most;
use super::{
    FileCall, FileReply, HttpBegin, HttpChunk, HttpFailure, HttpHead, HttpName, StateError,
    StateSeen, WireMessage, WireMessageError, WireMessageOutcome,
};

/// The most ids of messages at a time, and lines.
pub(crate) const MOST_IDS: usize = 4_096;
const MOST_LINES: usize = 4_096;

/// What a guest asks, and what it said before that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCall {
    /// What it said since the last one.
    #[serde(deserialize_with = "at_most::<MOST_LINES, _, _>")]
    pub lines: Vec<LogLine>,
    /// What it asks.
    pub ask: Ask,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// None: the guest has said something.
    Nothing,
    /// The value of a key.
    StateGet {
        /// The key.
        key: String,
    },
    /// How large a value is that the call is about to replace. That is no reading of it.
    StateSize {
        /// Its key.
        key: String,
    },
    /// The next keys.
    StateList {
        /// Behind which.
        cursor: Option<String>,
    },
    /// Something about files.
    Files(FileCall),
    /// To send a message.
    Send(WireMessage),
    /// What became of messages.
    Receive {
        /// Their ids.
        #[serde(deserialize_with = "at_most::<MOST_IDS, _, _>")]
        ids: Vec<String>,
        /// When it is known of all of them, or of one.
        all: bool,
        /// How long to wait at most, in microseconds.
        timeout: u64,
    },
    /// To send a request by HTTP. It is answered with the head of the answer.
    HttpBegin(HttpBegin),
    /// To send more of its body.
    HttpSend {
        /// Which request.
        exchange: HttpName,
        /// The next part.
        chunk: HttpChunk,
    },
    /// More of the body of its answer.
    HttpReceive {
        /// Which request.
        exchange: HttpName,
    },
    /// To end it: the guest wants nothing more of it.
    HttpEnd {
        /// Which request.
        exchange: HttpName,
    },
}

/// What the guest is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostReply {
    /// It is done.
    Done,
    /// For [`Ask::StateGet`].
    Value(Result<StateSeen<Option<ByteBuf>>, StateError>),
    /// For [`Ask::StateSize`].
    Size(Result<StateSeen<Option<u64>>, StateError>),
    /// For [`Ask::StateList`].
    Keys(Result<StateSeen<Vec<String>>, StateError>),
    /// For [`Ask::Files`].
    Files(FileReply),
    /// For [`Ask::Send`]: the id of the message.
    Sent(Result<String, WireMessageError>),
    /// For [`Ask::Receive`].
    Received(Result<Vec<Option<WireMessageOutcome>>, WireMessageError>),
    /// For [`Ask::HttpBegin`].
    HttpHead(Result<HttpHead, HttpFailure>),
    /// For [`Ask::HttpSend`]: whether anybody takes more of it.
    HttpTaken(bool),
    /// For [`Ask::HttpReceive`].
    HttpChunk(Result<HttpChunk, HttpFailure>),
    /// The memory of all apps is used up: the call is to end.
    Exhausted,
    /// The call is over, for the worker broke a rule or its time is up: why, in words.
    Over(String),
}

/// Something that a guest said, or was refused on the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogLine {
    /// A line.
    Said {
        /// How important it is.
        level: LogLevel,
        /// Where it was said.
        stream: LogStream,
        /// The line, which was cut where it is too long.
        #[serde(with = "serde_bytes")]
        text: Vec<u8>,
    },
    /// A write to the state was refused.
    StateRefused(StateRefusal),
    /// It asked for something of the network, which no app has.
    NetworkRefused(NetworkWish),
}

/// What of the network a guest asks for that no app has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the log says it")]
pub enum NetworkWish {
    Tcp,
    Udp,
    Name,
}

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "all logs have these")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Where a guest says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "all programs have these")]
pub enum LogStream {
    Stdout,
    Stderr,
    Log,
}

/// Why a write was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateRefusal {
    /// The app would keep more than it may: so many bytes more than that.
    Quota {
        /// The bytes of the key and the value.
        more: u64,
    },
    /// The value is too large.
    Value,
    /// The call reads and writes too much.
    Call,
}
