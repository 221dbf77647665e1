//! A call as a worker gets it.

use serde::{Deserialize, Serialize};
use syft_manifest::Digest;

use super::bounds::at_most;
use super::{CallLimits, HandedFiles, WireMessageOutcome};

/// A call that a worker is to run. It has all that the guest finds without asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedCall {
    /// The name of the app.
    pub app: String,
    /// The email of the owner.
    pub datasite: String,
    /// What is to be done.
    pub work: Work,
    /// Of the component that does it.
    pub component: Digest,
    /// What it may use.
    pub limits: CallLimits,
    /// The time that is left, in microseconds from when this was written.
    pub time_left: u64,
    /// What the guest is told as the key of the call.
    pub idempotency_key: String,
    /// What its program is called with, its name first.
    #[serde(deserialize_with = "at_most::<4_096, _, _>")]
    pub args: Vec<String>,
    /// The variables that it finds.
    #[serde(deserialize_with = "at_most::<4_096, _, _>")]
    pub variables: Vec<Variable>,
    /// What it finds of files before it asks.
    pub files: HandedFiles,
    /// The app has state. Those that are asked for what they are have none.
    pub has_state: bool,
    /// Somebody collects the spans that the guest marks.
    pub collects_spans: bool,
}

/// A variable of the environment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The value is a secret, which no log shows.
    pub is_secret: bool,
}

/// What a call is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// It answers a request.
    Request(WireRequest),
    /// It takes an event.
    Event(WireEvent),
    /// It is told what became of a message.
    Reply(WireReply),
    /// It does what is due.
    Due(WireDue),
}

/// A request, as the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireRequest {
    /// Its id.
    pub id: String,
    /// The endpoint that was called.
    pub endpoint: String,
    /// Who sent it.
    pub sender: String,
    /// How far that is known.
    pub sender_proof: WireProof,
    /// The URL as its sender wrote it.
    pub url: String,
    /// The method.
    pub method: WireMethod,
    /// The headers, in order.
    #[serde(deserialize_with = "at_most::<65_536, _, _>")]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(with = "serde_bytes")]
    pub body: Option<Vec<u8>>,
    /// When it was made, in microseconds since 1970.
    pub created: i64,
    /// When it expires.
    pub expires: i64,
}

/// An event of a watch, as the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireEvent {
    /// Its id.
    pub id: String,
    /// The place of the watch that it is for.
    pub watch: u32,
    /// What happened.
    pub kind: WireEventKind,
    /// Where the file is, or was.
    pub path: String,
    /// Where it was, if it was moved.
    pub moved_from: Option<String>,
    /// 1, or more where earlier deliveries failed.
    pub attempt: u32,
}

/// What became of a message, as the guest is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireReply {
    /// The id that `send` returned.
    pub message_id: String,
    /// To where the message went.
    pub url: String,
    /// The handler that takes it.
    pub handler: String,
    /// What that handler needs to know.
    #[serde(with = "serde_bytes")]
    pub context: Option<Vec<u8>>,
    /// What became of it.
    pub outcome: WireMessageOutcome,
    /// 1, or more where earlier attempts failed.
    pub attempt: u32,
}

/// A call that is due, as the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireDue {
    /// The id of the call.
    pub id: String,
    /// The name of the schedule.
    pub schedule: String,
    /// When it was due, in microseconds since 1970.
    pub due: i64,
    /// 1, or more where earlier attempts failed.
    pub attempt: u32,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the WIT files say it")]
pub enum WireEventKind {
    Created,
    Modified,
    Moved,
    Deleted,
}

/// A method of a request or a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "HTTP says it")]
pub enum WireMethod {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

/// How far a sender is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the WIT files say it")]
pub enum WireProof {
    Claimed,
    Folder,
    Signed,
}

impl std::fmt::Debug for Variable {
    /// Shows no value: it may be a secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Variable");
        shown.field("name", &self.name).finish_non_exhaustive()
    }
}
