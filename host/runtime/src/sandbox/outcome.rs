//! How a call ended.

use std::time::Duration;

use syft_manifest::units::{show_size, show_time};

use crate::capability::Advice;
use crate::meter::MemoryWish;

/// The most bytes of what a guest says about its failure.
const MAX_DETAIL_BYTES: usize = 4096;

/// What guests say where there is no second thread, and what to do about it.
const NO_THREAD: (&str, &str) = (
    "failed to spawn thread",
    "an app has one thread: do the work in the handler, or in an `async fn` with `join!`",
);

/// What they say of a file that they do not see.
const NO_FILE: [&str; 3] = [
    "os error 44",
    "[Errno 44]",
    "failed to find a pre-opened file descriptor",
];

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
        /// The memory that it was refused, which need not be why.
        refused: Option<MemoryWish>,
    },
    /// The call did not end within this time.
    TimedOut(Duration),
    /// The guest was refused memory, and ended.
    OutOfMemory(MemoryWish),
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

    /// Returns how a call ended that has nothing to answer: it has taken what it was given, or
    /// not.
    ///
    /// # Errors
    /// It has not: how it ended.
    pub fn into_taken(self) -> Result<(), Self> {
        match self {
            Self::Answered(_) => Ok(()),
            outcome => Err(outcome),
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
                let (message, trace) = parts(message);
                let place = trace.and_then(place).unwrap_or_default();
                let colon = if message.is_empty() { "" } else { ": " };
                let detail = format!("{}{colon}{}{place}", cut(kind), cut(message));
                Some(cut(&detail).to_owned())
            }
            Self::TimedOut(limit) => {
                let limit = show_time(*limit);
                Some(format!("the call did not end within {limit}"))
            }
            Self::OutOfMemory(MemoryWish { limit, .. }) => {
                let limit = show_size(*limit as u64);
                Some(format!("the guest wanted more than {limit} of memory"))
            }
            Self::TooMuchData(limit) => {
                let limit = show_size(*limit as u64);
                Some(format!("the guest passed more than {limit} at once"))
            }
            Self::TooMuchHeld(limit) => {
                let limit = show_size(*limit as u64);
                Some(format!(
                    "the guest had the host hold more than {limit} for it"
                ))
            }
            Self::Exhausted => Some("the memory of all apps together is used up".to_owned()),
            Self::TooMuchOutput(limit) => {
                let limit = show_size(*limit as u64);
                Some(format!("the guest wrote more than {limit} of output"))
            }
        }
    }

    /// Returns what a guest says that went wrong, without the steps that led there.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Failed { message, .. } => Some(cut(parts(message).0)),
            _ => None,
        }
    }

    /// Returns all the steps that led to a failure, where the guest tells them.
    pub fn trace(&self) -> Option<&str> {
        match self {
            Self::Failed { message, .. } => parts(message).1.map(cut),
            _ => None,
        }
    }

    /// Returns what can be done about it for the app of this name, where the host knows.
    pub fn hint(&self, advice: Advice, app: &str) -> Option<String> {
        match self {
            Self::Answered(_) | Self::InvalidArguments(_) => None,
            Self::Failed { kind, refused, .. } if kind == NO_MEMORY => {
                refused.map(|wish| advice.more_memory(wish, app))
            }
            Self::Failed { message, .. } | Self::Trapped(message) => {
                // Of files that an app may ask for, the line that says so has the advice.
                let is_datasite = message.contains("/datasites/");
                if !is_datasite && NO_FILE.iter().any(|said| message.contains(said)) {
                    return Some(advice.outside());
                }
                let (said, hint) = NO_THREAD;
                message.contains(said).then(|| advice.for_author(hint))
            }
            Self::TimedOut(limit) => Some(advice.more_time(*limit, app)),
            Self::OutOfMemory(wish) => Some(advice.more_memory(*wish, app)),
            Self::TooMuchData(_) | Self::TooMuchHeld(_) => Some(advice.for_author(
                "pass and keep it in smaller parts, since this limit is the same for all",
            )),
            Self::Exhausted => Some(
                "allow all apps more with --memory-total, or `memory-total` in config.toml"
                    .to_owned(),
            ),
            Self::TooMuchOutput(_) => {
                Some(advice.for_author("print and log less, since this limit is the same for all"))
            }
        }
    }
}

/// What Python raises that gets no more memory.
const NO_MEMORY: &str = "MemoryError";

/// How Python begins the steps that led to an error.
const TRACEBACK: &str = "\n\nTraceback (most recent call last):";
/// How our side in Python does where it left the first of them out.
const CUT_TRACEBACK: &str = "\n\n…";

/// Returns what went wrong, and apart from it the steps that led there.
fn parts(message: &str) -> (&str, Option<&str>) {
    if message.starts_with(TRACEBACK.trim_start()) {
        return ("", Some(message));
    }
    // An error that came of another one has the steps of both.
    let found = [TRACEBACK, CUT_TRACEBACK].map(|begin| message.find(begin));
    match found.into_iter().flatten().min() {
        Some(at) => (message[..at].trim_end(), Some(message[at..].trim())),
        None => (message, None),
    }
}

/// The folder that has a Python program in a folder of its own, where it is built.
const PROGRAMS: &str = "/syft_program/";
/// The folder of one that is not. Python tells its own files from there, and all others whole.
const APART: &str = "/program/";

/// Returns the path of a file in the program of the author; nothing of another one.
fn in_program(file: &str) -> Option<&str> {
    if let Some((_, below)) = file.split_once(PROGRAMS) {
        return Some(below.split_once('/')?.1);
    }
    let is_whole = file.starts_with(['/', '<']);
    file.strip_prefix(APART).or((!is_whole).then_some(file))
}

/// Returns in brackets where the last of the steps was that is the author's, as Python tells it.
fn place(trace: &str) -> Option<String> {
    let mut places = trace.lines().filter_map(|line| {
        let (file, rest) = line
            .trim()
            .strip_prefix("File \"")?
            .split_once("\", line ")?;
        Some((file, rest))
    });
    let mut own = (places.clone()).filter_map(|(file, rest)| Some((in_program(file)?, rest)));
    let (file, rest) = own.next_back().or_else(|| places.next_back())?;
    let (line, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    let within = match function {
        "" => String::new(),
        function => format!(" in {function}"),
    };
    Some(format!(" ({file}:{line}{within})"))
}

/// Returns the beginning of what a guest says.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_DETAIL_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(message: &str) -> Outcome {
        Outcome::Failed {
            kind: "ValueError".to_owned(),
            message: message.to_owned(),
            handler: "f".to_owned(),
            refused: None,
        }
    }

    #[test]
    fn a_failure_of_python_is_told_apart_from_its_steps() {
        let steps = "Traceback (most recent call last):\n  File \"/x/syft_program/0af/app.py\", \
                     line 22, in parse\n    int(text)\n  File \"/x/lib/json.py\", line 7, in \
                     loads\nValueError: bad\n\nreally";
        let outcome = failed(&format!("bad\n\nreally\n\n{steps}"));
        assert_eq!(outcome.message(), Some("bad\n\nreally"));
        assert_eq!(outcome.trace(), Some(steps));
        let detail = "ValueError: bad\n\nreally (app.py:22 in parse)";
        assert_eq!(outcome.detail().as_deref(), Some(detail));
        let cut = failed("bad\n\n…line\n  File \"/x/lib/json.py\", line 7, in loads");
        let detail = "ValueError: bad (/x/lib/json.py:7 in loads)";
        assert_eq!(cut.detail().as_deref(), Some(detail));
        let plain = failed("no such thing");
        assert_eq!(
            (plain.message(), plain.trace()),
            (Some("no such thing"), None)
        );
        assert_eq!(plain.detail().as_deref(), Some("ValueError: no such thing"));
    }

    #[test]
    fn the_line_of_a_failure_is_the_authors() {
        let head = "Traceback (most recent call last):";
        for (message, expected) in [
            // Without words of its own.
            (
                format!("{head}\n  File \"app.py\", line 20, in big\nMemoryError"),
                "ValueError (app.py:20 in big)",
            ),
            // Raised below the author's line, in a program that is not built.
            (
                format!(
                    "bad\n\n{head}\n  File \"app.py\", line 3, in f\n  File \"/program/a/b.py\", line 4, in g\n  \
                         File \"/python/json/decoder.py\", line 7, in loads\n  File \"<string>\", line 1, in x"
                ),
                "ValueError: bad (a/b.py:4 in g)",
            ),
            // One that came of another.
            (
                format!(
                    "no\n\n{head}\n  File \"/1/requests/adapters.py\", line 1, in send\nOSError: x\n\nDuring \
                         handling of the above exception, another exception occurred:\n\n{head}\n  File \"app.py\", \
                         line 9, in ask\n  File \"/1/requests/api.py\", line 2, in get\nError: no"
                ),
                "ValueError: no (app.py:9 in ask)",
            ),
        ] {
            assert_eq!(failed(&message).detail().as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_the_sandbox_lacks_has_a_hint() {
        let hint = |outcome: &Outcome| outcome.hint(Advice::ToAuthor, "app").unwrap_or_default();
        for message in [
            "[Errno 44] No such file or directory: 'data.csv'",
            "No such file or directory (os error 44)",
            "failed to find a pre-opened file descriptor through which \"/etc/hosts\" could be opened",
        ] {
            let hint = hint(&failed(message));
            assert!(hint.contains("below /datasites"), "{message}: {hint}");
            assert!(hint.contains("[files] read = "), "{message}: {hint}");
        }
        let no_thread = Outcome::Trapped("panicked at x: failed to spawn thread: Os".to_owned());
        assert!(hint(&no_thread).contains("one thread"));
        assert_eq!(hint(&failed("anything else")), "");
        let of_datasite = "[Errno 44] No such file or directory: '/datasites/bob@example.org/x'";
        assert_eq!(hint(&failed(of_datasite)), "");
        let wish = MemoryWish {
            limit: 1 << 20,
            wanted: 3 << 20,
        };
        let memory = |refused| Outcome::Failed {
            kind: "MemoryError".to_owned(),
            message: String::new(),
            handler: "f".to_owned(),
            refused,
        };
        for outcome in [memory(Some(wish)), Outcome::OutOfMemory(wish)] {
            assert!(hint(&outcome).contains("--memory 4MiB"), "{outcome:?}");
        }
        assert_eq!(hint(&memory(None)), "", "it raised it by itself");
    }
}
