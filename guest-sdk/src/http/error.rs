//! Why there is no answer to a request.

use std::fmt;

/// Why there is no answer to an HTTP request. The texts name origins and nothing else of a
/// request, so they are fit for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpError {
    /// The URL is none of `http` or `https`.
    InvalidUrl,
    /// The app may not send this there: its manifest does not ask for it, or the owner does not
    /// allow it. The host's log has the line that would.
    NotAllowed(String),
    /// The name leads to an address of the owner's machine or network, or to none that can be
    /// reached. Such an address must itself be allowed.
    Prohibited(String),
    /// Nobody answers there, or not in time, or the connection ended.
    Unanswered(String),
    /// It took too long.
    TimedOut(String),
    /// More was sent or received than a call may.
    TooLarge(String),
    /// The answer has this status.
    Status(u16),
    /// The body is no text.
    NotText,
    /// A header or the method cannot be sent.
    Malformed(String),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUrl => f.write_str("a URL begins with https:// or http:// and a host"),
            Self::NotAllowed(origin) => write!(
                f,
                "the app may not send this to {origin}: `[http] allow` of syft-app.toml has to ask \
                 for it, and the owner to allow it; the host's log says how"
            ),
            Self::Prohibited(origin) => write!(
                f,
                "{origin} leads to an address that has to be allowed by itself"
            ),
            Self::Unanswered(why) => write!(f, "no answer: {why}"),
            Self::TimedOut(why) => write!(f, "no answer in time: {why}"),
            Self::TooLarge(what) => write!(f, "too large: {what}"),
            Self::Status(status) => write!(f, "the server answered {status}"),
            Self::NotText => f.write_str("the answer is no UTF-8"),
            Self::Malformed(what) => write!(f, "cannot be sent: {what}"),
        }
    }
}

impl std::error::Error for HttpError {}
