//! A call kept whole: what it was told and what it did, so that it can run again elsewhere.
//!
//! The capabilities tell a [`Recorder`] of both, where a call has one. When the call runs again,
//! the same recorder gives it the clocks, random numbers and answers of before, and takes note of
//! what it does this time.
//!
//! Why: docs/decisions/79-a-replayed-call-runs-in-the-world-of-its-recording.md

mod clocks;
mod data;
mod earlier;
mod mask;
mod recorder;
mod step;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use syft_manifest::sanitize::plain;
use syft_protocol::address::Proof;
use syft_protocol::message::Method;
use thiserror::Error;

pub(crate) use clocks::Clock;
pub use data::Data;
pub use earlier::Lack;
pub(crate) use recorder::RecordedSecret;
pub use recorder::Recorder;
pub use step::{CallStep, HttpAnswer, RecordedOutcome};

use crate::wit::rpc;

/// The only form of a recording that there is yet.
const FORM: u32 = 1;

/// The most bytes of a file with a recording.
pub const MAX_FILE_BYTES: usize = 32 << 20;

/// What a call's recording may hold, before it is written as JSON.
pub(crate) const MAX_HELD_BYTES: usize = 8 << 20;

/// What is set aside in memory for a recording, with its JSON.
const ROOM_BYTES: usize = 2 * MAX_HELD_BYTES + MAX_FILE_BYTES;

const NOTICE: &str = "This recording of one call holds private data. Whoever has it reads what is \
                      named under \"private\". It was written for its owner alone; nothing sends it anywhere.";

const PRIVATE: [&str; 7] = [
    "request: the sender, the headers and the body of the request, readable also where it came encrypted",
    "given/files: the content of each file that the call opened, and names of others",
    "given/seed: from it follow all random numbers of the call, and keys that it made of them",
    "given/variables, given/args: what the app was started with",
    "steps: what was read from and written to the app's state, log lines, HTTP requests, messages and answers",
    "end: the answer, and the files as the call left them",
    "Not in it: the values of secrets. In their place stands [secret NAME], unless a secret has \
     fewer than six characters or is not there as it is",
];

/// A call that was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    recording: u32,
    notice: String,
    private: Vec<String>,
    /// What ran.
    pub app: RecordedApp,
    /// When it was called, in microseconds since 1970.
    pub at: i64,
    /// What it was asked.
    pub request: RecordedRequest,
    /// What it was told beside that.
    pub given: Given,
    /// What it asked the host for, in this order.
    pub steps: Vec<CallStep>,
    /// How it ended.
    pub end: RecordedEnd,
}

/// The app of a call, with what it was granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedApp {
    /// Its name.
    pub name: String,
    /// Its owner.
    pub datasite: String,
    /// The digest of its component.
    pub component: String,
    /// The digest of its program, where that is apart from the component.
    pub program: Option<String>,
    /// What it asks for, as a manifest.
    pub requested: Value,
    /// What its owner approved, and its limits, as a manifest.
    pub approved: Value,
    /// Files that it does not get whatever was approved.
    pub denied: Vec<String>,
    /// Where it may send no requests whatever was approved.
    pub denied_http: Vec<String>,
}

/// A request as the app got it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRequest {
    /// Its id.
    pub id: String,
    /// The endpoint.
    pub endpoint: String,
    /// Who sent it.
    pub sender: String,
    sender_proof: String,
    /// What was called.
    pub url: String,
    method: String,
    headers: Vec<(String, String)>,
    body: Option<Data>,
    created: i64,
    expires: i64,
}

/// What a call was told, beside its request and the answers to its steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// From which all random numbers follow.
    pub(crate) seed: Data,
    /// What the program was called with.
    pub args: Vec<String>,
    /// Its variables.
    pub variables: Vec<(String, String)>,
    /// Secrets that it had and that are not in here.
    pub secrets: Vec<String>,
    /// Readings of the wall clock, in nanoseconds since 1970.
    wall_clock: Vec<u64>,
    /// Readings of the monotonic clock, in nanoseconds.
    monotonic_clock: Vec<u64>,
    /// What was left of its time each time that it asked, in microseconds.
    time_left: Vec<u64>,
    /// What the sender might read, of the files that are read on behalf of one.
    sender_may_read: BTreeMap<String, bool>,
    /// What was found at each path, before the call did anything there.
    pub files: BTreeMap<String, FoundAtPath>,
}

/// What was found at a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum FoundAtPath {
    /// Nothing.
    Absent,
    /// A folder.
    Folder,
    /// A file, with its content if the call opened it.
    File {
        /// Its bytes.
        size: u64,
        /// When it was changed, in nanoseconds since 1970.
        modified: u64,
        /// What is in it.
        content: Option<Data>,
    },
}

/// How a call ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedEnd {
    /// In one word.
    pub outcome: String,
    /// What the owner should know of it.
    pub detail: Option<String>,
    /// The steps in the program that led to a failure.
    pub trace: Option<String>,
    /// The answer, if it gave one.
    pub answer: Option<RecordedAnswer>,
    /// The files and folders that it changed, as it left them.
    pub files: BTreeMap<String, FoundAtPath>,
    /// The memory that it took.
    pub memory_bytes: usize,
    /// The time that it took, in microseconds.
    pub micros: u64,
}

/// An answer as the app gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedAnswer {
    /// The status.
    pub status: u16,
    /// The headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Data>,
}

/// Why a file is no recording.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// It is no JSON of this shape.
    #[error("it is no recording of a call: {0}")]
    Invalid(String),
    /// A later version wrote it.
    #[error("it is a recording of form {0}, and this version of syft-host reads form {FORM} alone")]
    Form(u64),
}

impl From<serde_json::Error> for RecordingError {
    fn from(error: serde_json::Error) -> Self {
        const MAX_LETTERS: usize = 200;
        let why: String = error.to_string().chars().take(MAX_LETTERS).collect();
        // It quotes what it has found.
        Self::Invalid(plain(&why))
    }
}

impl Recording {
    /// Reads a recording. It may be anybody's.
    ///
    /// # Errors
    /// It is none.
    pub fn from_json(json: &[u8]) -> Result<Self, RecordingError> {
        #[derive(Deserialize)]
        struct Head {
            recording: u64,
        }
        let head: Head = serde_json::from_slice(json)?;
        if head.recording != u64::from(FORM) {
            return Err(RecordingError::Form(head.recording));
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// Returns the values that the state had before the call, as far as the call read them; a key
    /// that was listed alone has none.
    pub fn state(&self) -> BTreeMap<String, Option<Data>> {
        step::state_before(&self.steps)
    }

    /// Returns what the call left of the state, where it changed it.
    pub fn written_state(&self) -> BTreeMap<String, Option<Data>> {
        step::state_after(&self.steps)
    }
}

impl RecordedRequest {
    pub(crate) fn new(request: &rpc::Request) -> Self {
        Self {
            id: request.id.clone(),
            endpoint: request.endpoint.clone(),
            sender: request.sender.clone(),
            sender_proof: Proof::from(request.sender_proof).as_str().to_owned(),
            url: request.url.clone(),
            method: Method::from(request.method).as_str().to_owned(),
            headers: request.headers.clone(),
            body: request.body.as_deref().map(Data::from),
            created: request.created,
            expires: request.expires,
        }
    }

    /// Returns it as the app gets it.
    pub fn to_request(&self) -> rpc::Request {
        let proof = Proof::parse(&self.sender_proof).unwrap_or(Proof::Claimed);
        let method = Method::parse(&self.method).unwrap_or(Method::Post);
        rpc::Request {
            id: self.id.clone(),
            endpoint: self.endpoint.clone(),
            sender: self.sender.clone(),
            sender_proof: proof.into(),
            url: self.url.clone(),
            method: method.into(),
            headers: self.headers.clone(),
            body: self.body.as_ref().map(|body| body.bytes().to_vec()),
            created: self.created,
            expires: self.expires,
        }
    }

    fn bytes(&self) -> usize {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len());
        let body = self.body.as_ref().map_or(0, |body| body.bytes().len());
        headers.sum::<usize>() + body + self.url.len() + self.endpoint.len()
    }
}

impl FoundAtPath {
    fn content(&self) -> Option<&Data> {
        match self {
            Self::File { content, .. } => content.as_ref(),
            Self::Absent | Self::Folder => None,
        }
    }

    fn bytes(&self) -> usize {
        self.content().map_or(0, |content| content.bytes().len())
    }
}
