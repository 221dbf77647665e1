//! What came of a call.

use std::time::Duration;

/// The most bytes of what a guest says about its failure.
const MAX_DETAIL_BYTES: usize = 4096;

/// What came of a call. All of these are the guest's doing and none is an error
/// of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The handler answered.
    Answered(Answer),
    /// The body does not fit the endpoint's parameters.
    InvalidArguments(String),
    /// The handler reported an error.
    Failed {
        /// The kind of error, as the guest names it.
        kind: String,
        /// What went wrong.
        message: String,
        /// The handler.
        handler: String,
    },
    /// The call did not end within this time.
    TimedOut(Duration),
    /// The guest was refused memory beyond this many bytes, and ended.
    OutOfMemory(usize),
    /// The guest wrote more than this many bytes to its log, and was ended.
    TooMuchOutput(usize),
    /// The guest passed more than this many bytes at once, as an answer or in a
    /// host call.
    TooMuchData(usize),
    /// The guest ended itself: a panic, a stack overflow, an exit.
    Trapped(String),
}

/// An answer as the handler gave it, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl Outcome {
    /// Returns the kind of outcome as one word, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::InvalidArguments(_) => "invalid-arguments",
            Self::Failed { .. } => "failed",
            Self::TimedOut(_) => "timed-out",
            Self::OutOfMemory(_) => "out-of-memory",
            Self::TooMuchOutput(_) => "too-much-output",
            Self::TooMuchData(_) => "too-much-data",
            Self::Trapped(_) => "trapped",
        }
    }

    /// Returns what the owner should know about a call that gave no answer, cut
    /// where a guest has too many words.
    pub fn detail(&self) -> Option<String> {
        let mut detail = self.full_detail()?;
        detail.truncate(detail.floor_char_boundary(MAX_DETAIL_BYTES));
        Some(detail)
    }

    fn full_detail(&self) -> Option<String> {
        match self {
            Self::Answered(_) => None,
            Self::InvalidArguments(message) | Self::Trapped(message) => Some(message.clone()),
            Self::Failed { kind, message, .. } => Some(format!("{kind}: {message}")),
            Self::TimedOut(limit) => Some(format!("the call did not end within {limit:?}")),
            Self::OutOfMemory(limit) => Some(format!(
                "the guest wanted more than {limit} bytes of memory"
            )),
            Self::TooMuchData(limit) => {
                Some(format!("the guest passed more than {limit} bytes at once"))
            }
            Self::TooMuchOutput(limit) => {
                Some(format!("the guest wrote more than {limit} bytes of output"))
            }
        }
    }
}
