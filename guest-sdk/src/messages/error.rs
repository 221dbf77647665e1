//! Why a message is not sent, or has no answer.

use std::fmt;

/// Why a message is not sent, or there is no answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageError {
    /// The app may not send there: its manifest does not ask for it, or the owner does not allow
    /// it. The text says what would.
    NotGranted(String),
    /// It is no message that can be sent.
    Invalid(String),
    /// There are too many messages, or they are too large.
    TooMany(String),
    /// The host sends no messages now, or here.
    Unavailable(String),
    /// This app sent no such message, or what became of it was deleted.
    Unknown(String),
    /// The receiver did not answer in time.
    Expired,
    /// It was not sent, or the receiver's datasite did not take it.
    Rejected(String),
    /// There is no answer yet, and the call has no more time to wait.
    Unanswered,
    /// The answer has this status.
    Status(u16),
    /// The answer is no text.
    NotText,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted(why)
            | Self::Invalid(why)
            | Self::TooMany(why)
            | Self::Unavailable(why)
            | Self::Unknown(why) => f.write_str(why),
            Self::Expired => f.write_str("the receiver did not answer in time"),
            Self::Rejected(why) => write!(f, "the message was not let through: {why}"),
            Self::Unanswered => f.write_str("there is no answer yet"),
            Self::Status(status) => write!(f, "the receiver answered {status}"),
            Self::NotText => f.write_str("the answer is no UTF-8"),
        }
    }
}

impl std::error::Error for MessageError {}
