//! What is asked, and what is to be answered.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::json;
use syft_protocol::message::Response;
use syft_protocol::status::Status;

use crate::site::now;

/// Requests of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) endpoint: &'static str,
    /// Several, each with a folder: files in one folder are made one after the other,
    /// so threads would wait for each other.
    pub(crate) n_callers: usize,
    /// The body of a caller's request.
    body: fn(&str) -> Vec<u8>,
    expected: Expected,
}

#[derive(Debug, Clone, Copy)]
enum Expected {
    /// Always the same.
    Same(fn() -> &'static [u8]),
    /// Each of the numbers from one up, once for each caller.
    Counted,
    /// Each of the numbers from one up, once for all callers.
    CountedTogether,
}

/// The usual callers.
const FEW: usize = 8;

/// More than a host runs calls at a time. Since callers take turns, hardly two calls of
/// one run at the same time.
const MANY: usize = 256;

pub(crate) const HELLO: Workload = Workload {
    endpoint: "hello",
    n_callers: FEW,
    body: |_| br#"{"name":"Ada"}"#.to_vec(),
    expected: Expected::Same(|| b"Hello, Ada!"),
};

/// A handler that waits for a second, and does nothing meanwhile.
pub(crate) const SLEEP: Workload = Workload {
    endpoint: "sleep",
    n_callers: FEW,
    body: |_| br#"{"ms":1000}"#.to_vec(),
    expected: Expected::Same(|| b"slept"),
};

/// A million steps of [`checksum`], each of which needs the one before.
pub(crate) const CHECKSUM: Workload = Workload {
    endpoint: "checksum",
    n_callers: FEW,
    body: |_| json!({"text": &*TEXT, "rounds": ROUNDS}).to_string().into(),
    expected: Expected::Same(|| CHECKED.as_bytes()),
};

const ROUNDS: u32 = 1_000;
static TEXT: LazyLock<String> = LazyLock::new(|| "0123456789".repeat(100));
static CHECKED: LazyLock<String> = LazyLock::new(|| checksum(&TEXT, ROUNDS));

/// FNV-1a of a text, over and over. The guest and the Python program do the same.
pub(crate) fn checksum(text: &str, rounds: u32) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for _ in 0..rounds {
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// Gives back 200 KB.
pub(crate) const ECHO: Workload = Workload {
    endpoint: "echo",
    n_callers: FEW,
    body: |_| LARGE.clone(),
    expected: Expected::Same(|| &LARGE),
};

static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| b"0123456789".repeat(20_000));

/// Counts for each caller.
pub(crate) const INCREMENT: Workload = Workload {
    endpoint: "increment",
    n_callers: MANY,
    body: |caller| json!({"key": caller, "delta": 1}).to_string().into(),
    expected: Expected::Counted,
};

/// Counts for all callers together.
pub(crate) const INCREMENT_ONE: Workload = Workload {
    body: |_| json!({"key": "all", "delta": 1}).to_string().into(),
    expected: Expected::CountedTogether,
    ..INCREMENT
};

impl Workload {
    pub(crate) fn body(&self, caller: &str) -> Vec<u8> {
        (self.body)(caller)
    }

    /// Reads an answer, and returns whether it is right for itself; `None` where there
    /// is none, or not all of it.
    pub(crate) fn is_right(&self, answer: &Path) -> Option<bool> {
        let body = read(answer)?;
        Some(match self.expected {
            Expected::Same(expected) => body.as_deref() == Some(expected()),
            Expected::Counted | Expected::CountedTogether => number(body.as_deref()).is_some(),
        })
    }

    /// Counts those of all answers that are wrong or missing.
    pub(crate) fn n_bad(&self, answers: &[PathBuf]) -> usize {
        let n_right = match self.expected {
            Expected::Same(_) => answers
                .iter()
                .filter(|path| self.is_right(path) == Some(true))
                .count(),
            Expected::Counted => n_counted(answers, Path::parent),
            Expected::CountedTogether => n_counted(answers, |_| None),
        };
        answers.len() - n_right
    }
}

/// Counts the numbers from one up that are answered, in each group of answers.
fn n_counted<'a>(answers: &'a [PathBuf], group: impl Fn(&'a Path) -> Option<&'a Path>) -> usize {
    let mut groups: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for path in answers {
        let body = read(path).flatten();
        let numbers = groups.entry(group(path)).or_default();
        numbers.push(number(body.as_deref()).unwrap_or_default());
    }
    let n_right = groups.into_values().map(|mut numbers| {
        let n = numbers.len() as u64;
        numbers.sort_unstable();
        numbers.dedup();
        numbers
            .into_iter()
            .filter(|number| (1..=n).contains(number))
            .count()
    });
    n_right.sum()
}

fn number(body: Option<&[u8]>) -> Option<u64> {
    str::from_utf8(body?).ok()?.parse().ok()
}

/// Reads the body of an answer. None at all where there is not all of it, and no body
/// where it says that something went wrong.
fn read(path: &Path) -> Option<Option<Vec<u8>>> {
    let response = Response::from_json(&fs::read(path).ok()?, now()).ok()?;
    Some(response.body.filter(|_| response.status == Status::OK))
}
