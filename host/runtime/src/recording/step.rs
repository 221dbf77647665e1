//! One thing that a call asked the host for, with what it was told.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Data;

/// One thing that a call asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "asked", rename_all = "lowercase", deny_unknown_fields)]
pub enum CallStep {
    /// Something with a file or a folder.
    File {
        /// What was to be done.
        operation: String,
        /// With what, below the folder of all datasites.
        path: String,
        /// Where it was to be moved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// What came of it.
        result: String,
    },
    /// Something with the state.
    State {
        /// What was to be done: `get`, `set`, `delete` or `list`.
        operation: String,
        /// With which key. A list begins behind it.
        key: String,
        /// What was read or written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Data>,
        /// The keys of a list.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        keys: Vec<String>,
        /// Why it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// An HTTP request.
    Http {
        /// Its method.
        method: String,
        /// Where it went.
        url: String,
        /// What the app said in it. Secrets that the host adds are not among these.
        headers: Vec<(String, String)>,
        /// What was sent of its body.
        body: Data,
        /// What came back, if anything did.
        answer: Option<HttpAnswer>,
    },
    /// A message to another app.
    Send {
        /// Its id.
        id: String,
        /// Its method.
        method: String,
        /// Where it goes.
        url: String,
        /// Its headers.
        headers: Vec<(String, String)>,
        /// Its body.
        body: Option<Data>,
        /// Whether it is encrypted for the receiver.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        encrypt: bool,
        /// Why it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A look at what became of messages.
    Receive {
        /// Of which.
        ids: Vec<String>,
        /// What became of them, in this order; none where it was not known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outcomes: Vec<Option<RecordedOutcome>>,
        /// Why it was not told, by its name and in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<(String, String)>,
    },
    /// A line for the log.
    Log {
        /// Where the app wrote it.
        to: String,
        /// The line.
        text: String,
    },
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "lowercase", deny_unknown_fields)]
pub enum RecordedOutcome {
    /// The receiver answered.
    Answered {
        /// The status.
        status: u16,
        /// The headers in order.
        headers: Vec<(String, String)>,
        /// The body.
        body: Option<Data>,
    },
    /// No answer came in time.
    Expired,
    /// It was not let through.
    Rejected {
        /// Why, in words.
        why: String,
    },
}

/// The answer to an HTTP request, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum HttpAnswer {
    /// The server answered.
    Answered {
        /// The status.
        status: u16,
        /// The headers in order.
        headers: Vec<(String, Data)>,
        /// What came of the body.
        body: Data,
    },
    /// It was refused, or failed.
    Failed {
        /// Why, as WASI names it.
        error: String,
    },
}

impl CallStep {
    pub(crate) fn state(operation: &str, key: &str, value: Option<&[u8]>) -> Self {
        Self::State {
            operation: operation.to_owned(),
            key: key.to_owned(),
            value: value.map(Data::from),
            keys: Vec::new(),
            error: None,
        }
    }

    pub(crate) fn list(after: &str, keys: &[String]) -> Self {
        Self::State {
            operation: "list".to_owned(),
            key: after.to_owned(),
            value: None,
            keys: keys.to_vec(),
            error: None,
        }
    }

    /// Returns a change of the state that was refused.
    pub(crate) fn refused(self, why: String) -> Self {
        match self {
            Self::State {
                operation,
                key,
                value,
                keys,
                ..
            } => Self::State {
                operation,
                key,
                value,
                keys,
                error: Some(why),
            },
            other => other,
        }
    }

    /// Says in a few words what was asked for.
    pub fn words(&self) -> String {
        match self {
            Self::File {
                operation,
                path,
                to: Some(to),
                ..
            } => format!("{operation} `{path}` to `{to}`"),
            Self::File {
                operation, path, ..
            } => format!("{operation} `{path}`"),
            Self::State { operation, key, .. } if operation == "list" => match key.as_str() {
                "" => "list the keys of the state".to_owned(),
                key => format!("list the keys of the state behind `{key}`"),
            },
            Self::State { operation, key, .. } => format!("state {operation} `{key}`"),
            Self::Http { method, url, .. } => format!("HTTP {method} {url}"),
            Self::Send { method, url, .. } => format!("send {method} {url}"),
            Self::Receive { ids, .. } => format!("receive {}", ids.join(", ")),
            Self::Log { to, text } => format!("write to {to}: {text}"),
        }
    }

    /// Tells whether another step asks for the same, whatever it was told.
    pub fn asks_same(&self, other: &Self) -> bool {
        let both = |step: &Self| match step {
            // What is written is what it asks for.
            Self::State {
                operation, value, ..
            } if operation == "set" => (step.words(), value.clone()),
            Self::Http { body, headers, .. } => {
                (format!("{} {headers:?}", step.words()), Some(body.clone()))
            }
            Self::Send { body, headers, .. } => {
                (format!("{} {headers:?}", step.words()), body.clone())
            }
            _ => (step.words(), None),
        };
        both(self) == both(other)
    }

    /// Returns what it takes to keep it.
    pub(super) fn bytes(&self) -> usize {
        const BESIDE: usize = 256;
        let length = |data: &Data| data.bytes().len();
        BESIDE
            + match self {
                Self::File {
                    path, to, result, ..
                } => path.len() + to.as_ref().map_or(0, String::len) + result.len(),
                Self::State {
                    key, value, keys, ..
                } => {
                    let keys = keys.iter().map(|key| key.len() + 16).sum::<usize>();
                    key.len() + value.as_ref().map_or(0, length) + keys
                }
                Self::Http {
                    url, headers, body, ..
                } => url.len() + header_bytes(headers) + length(body),
                Self::Send {
                    url, headers, body, ..
                } => url.len() + header_bytes(headers) + body.as_ref().map_or(0, length),
                Self::Receive { ids, outcomes, .. } => {
                    let outcomes = outcomes.iter().flatten().map(RecordedOutcome::bytes);
                    ids.len() * 64 + outcomes.sum::<usize>()
                }
                Self::Log { text, .. } => text.len(),
            }
    }
}

impl RecordedOutcome {
    fn bytes(&self) -> usize {
        match self {
            Self::Answered { headers, body, .. } => {
                header_bytes(headers) + body.as_ref().map_or(0, |body| body.bytes().len())
            }
            Self::Expired => 0,
            Self::Rejected { why } => why.len(),
        }
    }
}

fn header_bytes(headers: &[(String, String)]) -> usize {
    let headers = headers.iter();
    headers
        .map(|(name, value)| name.len() + value.len() + 32)
        .sum()
}

/// Returns the values that the state had before any of the steps, as far as they tell: of a key
/// that was only listed, there is none.
pub(super) fn state_before(steps: &[CallStep]) -> BTreeMap<String, Option<Data>> {
    let (mut before, mut written) = (BTreeMap::new(), BTreeSet::new());
    for step in steps {
        let CallStep::State {
            operation,
            key,
            value,
            keys,
            error: None,
        } = step
        else {
            continue;
        };
        match operation.as_str() {
            "get" if value.is_some() && !written.contains(key) => {
                before.insert(key.clone(), value.clone());
            }
            "set" | "delete" => {
                written.insert(key.clone());
            }
            "list" => {
                for key in keys.iter().filter(|key| !written.contains(*key)) {
                    before.entry(key.clone()).or_insert(None);
                }
            }
            _ => {}
        }
    }
    before
}

/// Returns what the steps left of the keys that they changed.
pub(super) fn state_after(steps: &[CallStep]) -> BTreeMap<String, Option<Data>> {
    let mut after = BTreeMap::new();
    for step in steps {
        if let CallStep::State {
            operation,
            key,
            value,
            error: None,
            ..
        } = step
            && matches!(operation.as_str(), "set" | "delete")
        {
            after.insert(key.clone(), value.clone());
        }
    }
    after
}
