//! Messages to other apps, and what becomes of them.

use serde::{Deserialize, Serialize};

use super::WireMethod;
use super::bounds::at_most;

/// A message as the guest gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireMessage {
    /// To where.
    pub url: String,
    /// The method.
    pub method: WireMethod,
    /// The headers, in order.
    #[serde(deserialize_with = "at_most::<65_536, _, _>")]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(with = "serde_bytes")]
    pub body: Option<Vec<u8>>,
    /// How long the receiver has, in microseconds.
    pub timeout: u64,
    /// It is to be encrypted.
    pub encrypt: bool,
    /// Who is told what becomes of it.
    pub reply_to: Option<WireReplyTo>,
}

/// The handler that is told what becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireReplyTo {
    /// Its name.
    pub handler: String,
    /// What it needs to know.
    #[serde(with = "serde_bytes")]
    pub context: Option<Vec<u8>>,
}

/// Why a message was not taken, or nothing was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the WIT files say it")]
pub enum WireMessageError {
    NotGranted(String),
    Invalid(String),
    TooMany(String),
    Unavailable(String),
    Unknown(String),
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireMessageOutcome {
    /// The receiver answered.
    Answered(WireAnswer),
    /// No answer came in time.
    Expired,
    /// It was not sent, or not taken: why, in words.
    Rejected(String),
}

impl WireMessageOutcome {
    /// Returns what it takes in memory, by and large.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Answered(answer) => {
                let headers = answer.headers.iter();
                let headers = headers.map(|(name, value)| name.len() + value.len());
                headers.sum::<usize>() + answer.body.as_ref().map_or(0, Vec::len)
            }
            Self::Expired => 0,
            Self::Rejected(why) => why.len(),
        }
    }
}

/// An answer of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireAnswer {
    /// The status code.
    pub status: u16,
    /// The headers, in order.
    #[serde(deserialize_with = "at_most::<65_536, _, _>")]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(with = "serde_bytes")]
    pub body: Option<Vec<u8>>,
}
