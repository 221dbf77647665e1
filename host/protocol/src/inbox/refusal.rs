//! Why a request is answered without running a handler.

use crate::status::Status;

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
    /// The request had expired before it could run.
    Expired,
    /// The host has crashed too often while it was handled.
    Crashing,
    /// Another request has run under its id.
    Reused,
}

impl Refusal {
    /// Returns the status of the answer, as the released server has it where
    /// it knows the case.
    pub fn status(&self) -> Status {
        match self {
            Self::Malformed(_) => Status::BAD_REQUEST,
            Self::TooLarge { .. } => Status::PAYLOAD_TOO_LARGE,
            Self::SenderDisagrees { .. } => Status::FORBIDDEN,
            Self::Expired => Status::EXPIRED,
            Self::Crashing => Status::INTERNAL_ERROR,
            Self::Reused => Status::CONFLICT,
        }
    }

    /// Returns the body of the answer.
    pub fn message(&self) -> String {
        match self {
            Self::Malformed(why) => format!("Error loading request: {why}"),
            Self::TooLarge { bytes, limit } => {
                format!("Error loading request: it has {bytes} bytes; at most {limit} are read")
            }
            Self::SenderDisagrees { folder, .. } => format!(
                "Sender mismatch: the request lies in the folder of {folder} and names another sender"
            ),
            Self::Expired => "Request expired".to_owned(),
            Self::Crashing => "Internal server error: the server crashed again and again while it handled this request, and does not try it again".to_owned(),
            Self::Reused => "The id of this request has been used for another one: \
                             each request needs an id of its own"
                .to_owned(),
        }
    }
}
