//! What an app needs of the machine that runs its calls, where the owner has several.

use std::fmt;
use std::ops::RangeInclusive;

use thiserror::Error;

use super::check::{self, Problem};
use crate::sanitize::plain_excerpt;
use crate::units::{parse_size, show_size};

/// Memory that an app may ask a worker to have.
pub(super) const MEMORY_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 40;

/// The most labels of an app.
pub(super) const MAX_LABELS: usize = 8;

/// The most bytes of a label.
const MAX_LABEL: usize = 32;

/// What labels are: names of queues too, in which `.`, `*` and `>` have a meaning.
pub(super) const LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$";

/// What an app needs of a worker. It is no right: the owner decides where calls run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerNeeds {
    /// Its calls compute for long, so they are better off on another machine.
    pub cpu: bool,
    /// Memory that a worker has for calls; at least as much as a call may use.
    pub memory_bytes: Option<u64>,
    /// Labels that a worker has, each once and in their order.
    pub labels: Vec<WorkerLabel>,
}

/// What an owner says of a worker, such as `gpu`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerLabel(String);

/// A text is no label of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a label has at most {MAX_LABEL} small letters, digits and `-` between them, as in `gpu`")]
pub struct WorkerLabelError;

impl WorkerNeeds {
    /// Tells whether anything is asked for.
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }

    /// Returns it in words for people: `processor time, 2 GiB of memory, the label gpu`.
    pub fn in_words(&self) -> String {
        let cpu = self.cpu.then(|| "processor time".to_owned());
        let memory = self.memory_bytes;
        let memory = memory.map(|bytes| format!("{} of memory", show_size(bytes)));
        let labels = self.labels.iter();
        let labels = labels.map(|label| format!("the label {label}"));
        let words: Vec<String> = cpu.into_iter().chain(memory).chain(labels).collect();
        words.join(", ")
    }
}

impl WorkerLabel {
    /// Returns the label that a text is.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, WorkerLabelError> {
        let is_fit = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let is_label = (1..=MAX_LABEL).contains(&text.len())
            && text.bytes().all(is_fit)
            && !text.starts_with('-')
            && !text.ends_with('-');
        is_label
            .then(|| Self(text.to_owned()))
            .ok_or(WorkerLabelError)
    }

    /// Returns the label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn check_label(text: &str) -> Result<WorkerLabel, Problem> {
    WorkerLabel::parse(text).map_err(|error| {
        let shown = plain_excerpt(text, MAX_LABEL);
        Problem::new(
            format!("`{shown}` is no label of a worker"),
            error.to_string(),
        )
    })
}

pub(super) fn check_memory(text: &str) -> Result<u64, Problem> {
    let bytes = parse_size(text).ok_or_else(|| {
        let message = format!("`{}` is no size", plain_excerpt(text, 40));
        Problem::new(
            message,
            "write a number and its unit, as in `64MiB` or `2GiB`",
        )
    })?;
    memory_in_bounds(bytes as u64)
}

pub(super) fn memory_in_bounds(bytes: u64) -> Result<u64, Problem> {
    if MEMORY_BYTES.contains(&bytes) {
        Ok(bytes)
    } else {
        Err(Problem::new(
            "an app may ask for workers with memory from 1MiB to 1024GiB",
            "without `memory` it is what a call may use by `[limits]`",
        ))
    }
}

pub(super) fn check_number(count: usize) -> Result<(), Problem> {
    check::number("labels", count, MAX_LABELS)
}

/// Returns what is wrong with a section that asks for nothing, as its author will have meant
/// something by it.
pub(super) fn nothing() -> Problem {
    Problem::new(
        "this asks for nothing",
        "write `cpu = true` where calls compute for long, or leave the section out",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_token_of_a_queues_name() {
        for text in ["gpu", "a", "9", "big-memory", &"a".repeat(MAX_LABEL)] {
            assert_eq!(
                WorkerLabel::parse(text).map(|label| label.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "",
            "GPU",
            "a.b",
            "*",
            ">",
            "a b",
            "-a",
            "a-",
            "ä",
            "a\n",
            &"a".repeat(MAX_LABEL + 1),
        ] {
            assert_eq!(WorkerLabel::parse(text), Err(WorkerLabelError), "{text:?}");
        }
    }

    #[test]
    fn needs_are_said_in_words() {
        let label = |text| WorkerLabel::parse(text).expect("a label");
        let needs = WorkerNeeds {
            cpu: true,
            memory_bytes: Some(2 << 30),
            labels: vec![label("eu"), label("gpu")],
        };
        let words = "processor time, 2 GiB of memory, the label eu, the label gpu";
        assert_eq!(needs.in_words(), words);
        assert!(needs.is_some() && !WorkerNeeds::default().is_some());
    }
}
