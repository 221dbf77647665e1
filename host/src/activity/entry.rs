//! What happened, as one typed line.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use syft_manifest::sanitize::{is_plain, plain};
use syft_protocol::timestamp::Timestamp;

/// The most bytes of one text in an entry. Longer ones come from strangers, and are cut.
pub const MAX_TEXT_BYTES: usize = 4 << 10;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When.
    #[serde(with = "as_text")]
    pub time: Timestamp,
    /// How bad it is.
    pub level: Severity,
    /// To which app; nothing, if it is about the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// What.
    #[serde(flatten)]
    pub kind: EntryKind,
    /// In words.
    pub message: String,
    /// What else was said of it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For who looks for a fault.
    Trace,
    /// As [`Severity::Trace`], and less of it.
    Debug,
    /// As it should be.
    Info,
    /// Something did not work.
    Warn,
    /// The owner has to do something.
    Error,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryKind {
    /// A request was answered by its handler.
    Call(CallEntry),
    /// A request was answered, and no handler ran.
    Refused {
        /// Where it came to.
        endpoint: String,
        /// The id of the request.
        id: String,
        /// In whose folder it lay; empty where nobody's.
        sender: String,
        /// That of the answer.
        status: u16,
    },
    /// An app was not given what it wanted.
    Denied {
        /// What it wanted.
        what: ResourceKind,
        /// To do what with it, such as `read` or `GET`.
        access: String,
        /// Its path, origin or name.
        name: String,
        /// The id of the request, where one was at work.
        id: String,
        /// What would allow it.
        hint: String,
    },
    /// An app was given what it wanted. Only made while somebody looks.
    Touched {
        /// What it wanted.
        what: ResourceKind,
        /// To do what with it, such as `read` or `GET`.
        access: String,
        /// Its path or origin.
        name: String,
        /// The id of the request.
        id: String,
    },
    /// Something that a call did, and how long it took. The message is its name. Only made while
    /// traces are collected.
    Span(SpanEntry),
    /// An app wrote this.
    Output {
        /// `stdout`, `stderr` or `log`.
        stream: String,
        /// The id of the request.
        id: String,
    },
    /// A file event was delivered to an app, or was not.
    Delivery {
        /// What happened to the file.
        event: String,
        /// Which file.
        path: String,
        /// The id of the event.
        id: String,
        /// How it ended.
        result: DeliveryEnd,
        /// How long it took, where the app took it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ms: Option<f64>,
    },
    /// Anything else.
    Other,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallEntry {
    /// Which handler.
    pub endpoint: String,
    /// The id of the request.
    pub id: String,
    /// Who sent it.
    pub sender: String,
    /// How it is known who did.
    pub proof: String,
    /// That of the answer.
    pub status: u16,
    /// How long the answer took, from the moment at which it was its turn.
    pub ms: f64,
    /// How long the request lay there before.
    pub wait_ms: f64,
    /// The most memory that it took, beside what each call takes.
    pub memory_bytes: u64,
    /// On which of the owner's other machines it ran, if it did not run here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// What the owner should know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A span of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanEntry {
    /// The id of the request or event.
    pub id: String,
    /// `file`, `state`, `http` or `guest`.
    pub of: String,
    /// Its number among those of the call, from 1. Those around it have smaller ones.
    pub span: u64,
    /// That of the span around it; 0 where that is the call.
    pub parent: u64,
    /// How long it took.
    pub ms: f64,
    /// How long before this entry it began.
    pub ago_ms: f64,
    /// What was said of it: the status of an answer, fields of the guest's.
    pub detail: String,
    /// Why it failed; empty where it did not.
    pub failure: String,
}

/// What an app wants to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A file or folder.
    File,
    /// A server on the network.
    Host,
    /// A message to another app.
    Message,
    /// A secret of the owner.
    Secret,
    /// Something that no app has, such as sockets. The message says what.
    Feature,
}

/// How the delivery of an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryEnd {
    /// The app took it.
    Taken,
    /// The app failed; perhaps it is delivered again.
    Failed,
    /// The app failed too often.
    Parked,
}

impl Severity {
    /// Returns it as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl ResourceKind {
    /// Returns it as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Host => "host",
            Self::Message => "message",
            Self::Secret => "secret",
            Self::Feature => "feature",
        }
    }
}

impl EntryKind {
    /// Tells whether it is for who looks at this moment alone, and not to be kept.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Touched { .. } | Self::Span(_))
    }

    /// Returns the id of the request or event that it is about; empty where it is about none.
    pub fn id(&self) -> &str {
        match self {
            Self::Call(call) => &call.id,
            Self::Span(span) => &span.id,
            Self::Refused { id, .. }
            | Self::Denied { id, .. }
            | Self::Touched { id, .. }
            | Self::Output { id, .. }
            | Self::Delivery { id, .. } => id,
            Self::Other => "",
        }
    }

    /// Returns each text in it, which strangers may have written.
    fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Call(call) => {
                let CallEntry {
                    endpoint,
                    id,
                    sender,
                    worker,
                    detail,
                    ..
                } = call;
                let mut texts = vec![endpoint, id, sender];
                texts.extend(worker);
                texts.extend(detail);
                texts
            }
            Self::Refused {
                endpoint,
                id,
                sender,
                ..
            } => vec![endpoint, id, sender],
            Self::Denied {
                access,
                name,
                id,
                hint,
                ..
            } => vec![access, name, id, hint],
            Self::Touched {
                access, name, id, ..
            } => vec![access, name, id],
            Self::Span(span) => vec![
                &mut span.id,
                &mut span.of,
                &mut span.detail,
                &mut span.failure,
            ],
            Self::Output { stream, id } => vec![stream, id],
            Self::Delivery {
                event, path, id, ..
            } => vec![event, path, id],
            Self::Other => Vec::new(),
        }
    }
}

impl LogEntry {
    /// Returns the id of the request or event that it is about; empty where it is about none.
    pub fn id(&self) -> &str {
        let of_field = || self.fields.get("request").or_else(|| self.fields.get("id"));
        match self.kind.id() {
            "" => of_field().and_then(Value::as_str).unwrap_or_default(),
            id => id,
        }
    }

    /// Makes all its texts fit for a terminal and for one line.
    pub(super) fn sanitize(&mut self) {
        make_plain(&mut self.message);
        self.kind.texts().into_iter().for_each(make_plain);
        for (_, value) in &mut self.fields {
            if let Value::String(text) = value {
                make_plain(text);
            }
        }
    }
}

fn make_plain(text: &mut String) {
    // Nearly always.
    if !text.chars().all(is_plain) {
        *text = plain(text);
    }
}

/// A text that takes no more than it may.
#[derive(Debug, Default)]
pub(super) struct CutText(pub(super) String);

impl fmt::Write for CutText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_TEXT_BYTES.saturating_sub(self.0.len());
        let end = text.floor_char_boundary(room);
        self.0.push_str(&text[..end]);
        if end < text.len() && !self.0.ends_with('…') {
            self.0.push('…');
        }
        Ok(())
    }
}

/// A time as a line of JSON has it.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use syft_protocol::timestamp::Timestamp;

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || serde::de::Error::custom("it is no time");
        Timestamp::parse(&text).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn long_texts_are_cut_between_letters() {
        let mut text = CutText::default();
        for _ in 0..3 {
            write!(text, "{}", "ä".repeat(MAX_TEXT_BYTES / 2 - 1)).expect("it takes all");
        }
        let expected = "ä".repeat(MAX_TEXT_BYTES / 2) + "…";
        assert_eq!(text.0, expected);
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let entry = LogEntry {
            time: Timestamp::from_micros(1_795_479_980_866_623),
            level: Severity::Warn,
            app: Some("a".to_owned()),
            kind: EntryKind::Denied {
                what: ResourceKind::File,
                access: "read".to_owned(),
                name: "x".to_owned(),
                id: "1".to_owned(),
                hint: "h".to_owned(),
            },
            message: "file access denied".to_owned(),
            fields: Map::from_iter([("n".to_owned(), Value::from(1))]),
        };
        let json = serde_json::to_string(&entry).expect("it is JSON");
        let expected = concat!(
            r#"{"time":"2026-11-24T00:26:20.866623+00:00","level":"warn","app":"a","#,
            r#""kind":"denied","what":"file","access":"read","name":"x","id":"1","hint":"h","#,
            r#""message":"file access denied","fields":{"n":1}}"#
        );
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<LogEntry>(&json).ok(), Some(entry));
    }

    #[test]
    fn no_text_of_a_stranger_makes_a_line() {
        let mut entry = LogEntry {
            time: Timestamp::from_micros(0),
            level: Severity::Info,
            app: None,
            kind: EntryKind::Output {
                stream: "log".to_owned(),
                id: "a\nb".to_owned(),
            },
            message: "\x1b[31m\r\n\u{2028}\u{202e}".to_owned(),
            fields: Map::from_iter([("n".to_owned(), Value::from("a\nb"))]),
        };
        entry.sanitize();
        let json = serde_json::to_string(&entry).expect("it is JSON");
        assert!(json.chars().all(is_plain), "{json}");
        assert!(!json.contains('\\'), "{json}");
    }
}
