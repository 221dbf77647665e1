//! How a call ended.

use std::time::Duration;

/// The most bytes of what a guest says about its failure.
const MAX_DETAIL_BYTES: usize = 4096;

/// How a call ended. Each of these is the guest's doing; an error of the host is not an
/// outcome.
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
    /// The host would have held more than this many bytes for the guest, which ended.
    TooMuchHeld(usize),
    /// The guest was ended since the memory that the owner lets all apps take together is
    /// used up. It may be its own doing or that of others.
    Exhausted,
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

// Why: docs/decisions/16-guest-failures-are-values.md
impl Outcome {
    /// Returns the kind of outcome as one word, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::InvalidArguments(_) => "invalid-arguments",
            Self::Failed { .. } => "failed",
            Self::TimedOut(_) => "timed-out",
            Self::OutOfMemory(_) => "out-of-memory",
            Self::TooMuchHeld(_) => "too-much-held",
            Self::Exhausted => "exhausted",
            Self::TooMuchOutput(_) => "too-much-output",
            Self::TooMuchData(_) => "too-much-data",
            Self::Trapped(_) => "trapped",
        }
    }

    /// Returns what the owner should know about a call that gave no answer, cut
    /// where a guest has too many words.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Answered(_) => None,
            Self::InvalidArguments(message) | Self::Trapped(message) => {
                Some(cut(message).to_owned())
            }
            Self::Failed { kind, message, .. } => {
                let detail = format!("{}: {}", cut(kind), cut(message));
                Some(cut(&detail).to_owned())
            }
            Self::TimedOut(limit) => Some(format!("the call did not end within {limit:?}")),
            Self::OutOfMemory(limit) => Some(format!(
                "the guest wanted more than {limit} bytes of memory"
            )),
            Self::TooMuchData(limit) => {
                Some(format!("the guest passed more than {limit} bytes at once"))
            }
            Self::TooMuchHeld(limit) => Some(format!(
                "the guest had the host hold more than {limit} bytes for it"
            )),
            Self::Exhausted => Some("the memory of all apps together is used up".to_owned()),
            Self::TooMuchOutput(limit) => {
                Some(format!("the guest wrote more than {limit} bytes of output"))
            }
        }
    }
}

/// Returns the beginning of what a guest says.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_DETAIL_BYTES)]
}
