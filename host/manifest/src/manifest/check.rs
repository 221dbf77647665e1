//! The rules of a manifest, for each value alone; where it came from does not matter.

use std::ops::RangeInclusive;
use std::time::Duration;

use syft_protocol::address::AppName;

use super::ProgramMemory;
use crate::sanitize::{is_plain, plain_excerpt};
use crate::units::{parse_size, parse_time};
use crate::variable::VariableName;

pub(super) const TIME: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(600);
pub(super) const MEMORY_BYTES: RangeInclusive<usize> = 1 << 20..=4 << 30;
pub(super) const QUOTA_BYTES: RangeInclusive<u64> = 1 << 20..=16 << 30;
pub(super) const CONCURRENCY: RangeInclusive<usize> = 1..=1_000;
/// Numbers that every reader of JSON keeps exactly.
pub const SEQUENCE: RangeInclusive<u64> = 1..=(1 << 53) - 1;
/// The most characters of the texts.
pub(super) const MAX_VERSION: usize = 64;
pub(super) const MAX_DESCRIPTION: usize = 500;
pub(super) const MAX_AUTHOR: usize = 254;
/// The most arguments and variables of a program, and the most bytes of one.
pub(super) const MAX_ARGS: usize = 64;
pub(super) const MAX_ENV: usize = 64;
pub(super) const MAX_ARG: usize = 1_024;
pub(super) const MAX_VALUE: usize = 1_024;

/// What is wrong with a value, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

pub(super) fn name(text: &str) -> Result<AppName, Problem> {
    AppName::parse(text).map_err(|error| {
        let help = "the name is that of the app's folder, such as `leaderboard` or `llm/x`";
        Problem::new(error.to_string(), help)
    })
}

/// Reads and checks a version.
///
/// # Errors
/// It is no version by semver.org, or too long.
pub fn parse_version(text: &str) -> Result<semver::Version, Problem> {
    let shown = plain_excerpt(text, MAX_VERSION);
    let help = "a version has three numbers, as in `1.2.0` or `1.2.0-beta.1`";
    if text.len() > MAX_VERSION {
        let message = format!("a version has at most {MAX_VERSION} characters");
        return Err(Problem::new(message, help));
    }
    semver::Version::parse(text)
        .map_err(|error| Problem::new(format!("`{shown}` is no version: {error}"), help))
}

pub(super) fn sequence(number: Option<u64>) -> Result<u64, Problem> {
    number
        .filter(|number| SEQUENCE.contains(number))
        .ok_or_else(|| {
            Problem::new(
                "the sequence of a release is from 1 to 9007199254740991",
                "begin with 1 and add one for each release, whatever its version is",
            )
        })
}

pub(super) fn description(text: &str) -> Result<String, Problem> {
    let help = "say in one line what the app does; the rest belongs into its documentation";
    one_line(text, "a description", MAX_DESCRIPTION, help)
}

pub(super) fn author(text: &str) -> Result<String, Problem> {
    let help = "the author is a name or an email, such as `alice@example.org`";
    one_line(text, "an author", MAX_AUTHOR, help)
}

/// Reads and checks what an app keeps at most, such as `64MiB`.
///
/// # Errors
/// It is no size, or none that an app can have.
pub fn quota(text: &str) -> Result<u64, Problem> {
    let bytes = size(text)?;
    quota_in_bounds(bytes as u64)
}

pub(super) fn quota_in_bounds(bytes: u64) -> Result<u64, Problem> {
    if QUOTA_BYTES.contains(&bytes) {
        Ok(bytes)
    } else {
        Err(Problem::new(
            "an app may keep from 1MiB to 16GiB",
            "without `quota` it is the host's own limit, 64MiB",
        ))
    }
}

/// Reads whether a program's memory is kept.
pub(super) fn program_memory(text: &str) -> Result<ProgramMemory, Problem> {
    let all = [ProgramMemory::Kept, ProgramMemory::Fresh];
    all.into_iter()
        .find(|memory| memory.as_str() == text)
        .ok_or_else(|| {
            Problem::new(
                format!("`memory` is not `{}`", plain_excerpt(text, 20)),
                "write `kept`, or `fresh` for a memory that each call finds as at the start",
            )
        })
}

fn one_line(text: &str, what: &str, max_chars: usize, help: &str) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(format!("{what} is not empty"), help));
    }
    if text.chars().count() > max_chars {
        let message = format!("{what} has at most {max_chars} characters");
        return Err(Problem::new(message, help));
    }
    if !text.chars().all(is_plain) {
        let message =
            format!("{what} is one line without control characters or ones that reorder text");
        return Err(Problem::new(message, help));
    }
    Ok(text.to_owned())
}

/// Reads and checks the time that a call may take, such as `5s`.
///
/// # Errors
/// It is no time, or none that a call can have.
pub fn time(text: &str) -> Result<Duration, Problem> {
    let time = parse_time(text).ok_or_else(|| {
        let message = format!("`{}` is no time", plain_excerpt(text, 40));
        Problem::new(
            message,
            "write a number and its unit, as in `500ms`, `5s` or `2m`",
        )
    })?;
    time_in_bounds(time)
}

pub(super) fn time_in_bounds(time: Duration) -> Result<Duration, Problem> {
    if TIME.contains(&time) {
        Ok(time)
    } else {
        Err(Problem::new(
            "a call may take from 1ms to 10m",
            "without `time` it is the host's own limit, 10s",
        ))
    }
}

/// Reads and checks the memory that a call may use, such as `128MiB`.
///
/// # Errors
/// It is no size, or none that a call can have.
pub fn memory(text: &str) -> Result<usize, Problem> {
    memory_in_bounds(size(text)?)
}

fn size(text: &str) -> Result<usize, Problem> {
    parse_size(text).ok_or_else(|| {
        let message = format!("`{}` is no size", plain_excerpt(text, 40));
        let help = "write a number and its unit, as in `64MiB` or `1GiB`";
        Problem::new(message, help)
    })
}

pub(super) fn memory_in_bounds(bytes: usize) -> Result<usize, Problem> {
    if MEMORY_BYTES.contains(&bytes) {
        Ok(bytes)
    } else {
        Err(Problem::new(
            "a call may use from 1MiB to 4GiB of memory",
            "without `memory` it is the host's own limit, 128MiB",
        ))
    }
}

pub(super) fn concurrency(count: Option<usize>) -> Result<usize, Problem> {
    count
        .filter(|count| CONCURRENCY.contains(count))
        .ok_or_else(|| {
            Problem::new(
                "from 1 to 1000 calls may run at the same time",
                "without `concurrency` it is the host's own limit, 128",
            )
        })
}

/// Checks how many there are of something.
pub(super) fn number(what: &str, count: usize, most: usize) -> Result<(), Problem> {
    if count <= most {
        return Ok(());
    }
    let message = format!("`{what}` has {count} entries; at most {most} are allowed");
    Err(Problem::new(
        message,
        "leave out what the app can do without",
    ))
}

/// Checks one of the arguments of a program.
pub(super) fn arg(text: &str) -> Result<String, Problem> {
    of_a_line(text, "an argument", MAX_ARG)
}

/// Checks the value of an environment variable.
pub(super) fn value(text: &str) -> Result<String, Problem> {
    of_a_line(text, "the value of a variable", MAX_VALUE)
}

fn of_a_line(text: &str, what: &str, max_bytes: usize) -> Result<String, Problem> {
    if text.len() <= max_bytes && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    let message = format!(
        "{what} is one line of at most {max_bytes} bytes without control characters or ones that \
         reorder text"
    );
    Err(Problem::new(
        message,
        "put longer texts into a file of the app",
    ))
}

/// Reads and checks the name of an environment variable, or of a secret.
pub(super) fn variable(text: &str) -> Result<VariableName, Problem> {
    VariableName::parse(text).map_err(|error| {
        let message = format!("`{}` is no name of a variable", plain_excerpt(text, 40));
        Problem::new(message, error.to_string())
    })
}
