//! Why a request is answered without running a handler.
//!
//! Why: docs/decisions/08-the-place-of-a-request-decides.md

use crate::encryption::Unopened;
use crate::message::Response;
use crate::status::Status;

/// What the answer to a file begins with that could not be read.
const UNREADABLE: &str = "Error loading request: ";

/// A reason to answer a request without running a handler.
///
/// Its text goes to the remote caller: it says what they can mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The file is no request. The text says why.
    Malformed(String),
    /// The file is larger than the host reads.
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The request lies in one sender's folder and claims another sender.
    SenderDisagrees {
        /// The sender whose folder it is.
        folder: String,
        /// The sender that the message claims.
        claimed: String,
    },
    /// The URL of the request names another app or datasite than where it lies. The text
    /// is the URL of where it lies.
    MisdirectedTo(String),
    /// The request had expired before it could run.
    Expired,
    /// The host has crashed too often while it was handled.
    Crashing,
    /// Another request has run under its id.
    Reused,
    /// Its body is encrypted, and does not reach a handler.
    Unopened(Box<Unopened>),
}

impl Refusal {
    /// Returns the kind of refusal as one word, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } => "too-large",
            Self::SenderDisagrees { .. } => "sender-disagrees",
            Self::MisdirectedTo(_) => "misdirected",
            Self::Expired => "expired",
            Self::Crashing => "crashing",
            Self::Reused => "reused-id",
            Self::Unopened(_) => "not-opened",
        }
    }

    /// Returns what the owner of the app should know of it.
    pub fn detail(&self) -> String {
        match self {
            Self::SenderDisagrees { folder, claimed } => {
                format!("the request lies in the folder of {folder} and names {claimed}")
            }
            other => other.message(),
        }
    }

    /// Returns the status of the answer, as the released server has it where
    /// it knows the case.
    pub fn status(&self) -> Status {
        match self {
            Self::Malformed(_) | Self::MisdirectedTo(_) => Status::BAD_REQUEST,
            Self::TooLarge { .. } => Status::PAYLOAD_TOO_LARGE,
            Self::SenderDisagrees { .. } => Status::FORBIDDEN,
            Self::Expired => Status::EXPIRED,
            Self::Crashing => Status::INTERNAL_ERROR,
            Self::Reused => Status::CONFLICT,
            Self::Unopened(why) => why.status(),
        }
    }

    /// Returns the body of the answer.
    pub fn message(&self) -> String {
        match self {
            Self::Malformed(why) => format!("{UNREADABLE}{why}"),
            Self::TooLarge { bytes, limit } => {
                format!("{UNREADABLE}it has {bytes} bytes; at most {limit} are read")
            }
            Self::SenderDisagrees { folder, .. } => format!(
                "Sender mismatch: the request lies in the folder of {folder} and names another sender"
            ),
            Self::MisdirectedTo(here) => format!(
                "Wrong address: the URL of the request names another app or datasite, and it lies at {here}"
            ),
            Self::Expired => "Request expired".to_owned(),
            Self::Crashing => "Internal server error: the server crashed again and again while it handled this request, and does not try it again".to_owned(),
            Self::Reused => "The id of this request has been used for another one: \
                             each request needs an id of its own"
                .to_owned(),
            Self::Unopened(why) => format!("Encrypted request refused: {why}"),
        }
    }

    /// Tells whether an answer only says that its request could not be read. What was half
    /// a request then may be a whole one by now.
    pub fn says_unreadable(answer: &Response) -> bool {
        let body = answer.body.as_deref().unwrap_or_default();
        let is_ours = [Status::BAD_REQUEST, Status::PAYLOAD_TOO_LARGE].contains(&answer.status);
        is_ours && body.starts_with(UNREADABLE.as_bytes())
    }
}
