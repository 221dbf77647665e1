//! One call that is due.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::timestamp::Timestamp;

/// A call that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCall {
    /// Names it, the same in each attempt.
    pub id: Uuid,
    /// What it is for.
    pub kind: DueKind,
    /// Since when.
    pub due: Timestamp,
}

/// What a call is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DueKind {
    /// The time of a schedule has come.
    Schedule {
        /// The schedule.
        name: String,
    },
    /// It is known what became of a message.
    Reply {
        /// The message.
        #[serde(with = "id_text")]
        message: Uuid,
        /// Where it went.
        url: String,
        /// The handler that the app named when it sent it.
        handler: String,
    },
}

/// Calls of one lane run one after another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The calls of a schedule.
    Schedule(String),
    /// The call of a message.
    Reply(Uuid),
}

impl DueKind {
    /// Returns its lane.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Schedule { name } => Lane::Schedule(name.clone()),
            Self::Reply { message, .. } => Lane::Reply(*message),
        }
    }

    /// Returns the name of the handler that it is for.
    pub fn handler(&self) -> &str {
        match self {
            Self::Schedule { name } => name,
            Self::Reply { handler, .. } => handler,
        }
    }

    /// Returns what kind it is, in one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Schedule { .. } => "schedule",
            Self::Reply { .. } => "reply",
        }
    }
}

/// A call as it is kept in the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCall {
    kind: DueKind,
    /// As microseconds since the epoch, as all times here.
    due: i64,
    n_failed: u32,
    failed_at: i64,
    parked: Option<ParkedNote>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ParkedNote {
    error: String,
    at: i64,
}

/// A call that was given up, as the owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedCall {
    /// The call.
    pub id: String,
    /// What it is for.
    pub kind: DueKind,
    /// Since when it was due, in microseconds since the epoch.
    pub due: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub error: String,
    /// When, as microseconds since the epoch.
    pub at: i64,
}

impl KeptCall {
    /// Returns a call that was not tried yet.
    pub fn new(call: &DueCall) -> Self {
        Self {
            kind: call.kind.clone(),
            due: call.due.micros(),
            n_failed: 0,
            failed_at: 0,
            parked: None,
        }
    }

    /// Returns the same after an attempt that failed. It is the host's failure too if the host
    /// crashed.
    pub fn after_failure(mut self, at: Timestamp) -> Self {
        self.n_failed = self.n_failed.saturating_add(1);
        self.failed_at = at.micros();
        self
    }

    /// Returns the call that a text holds, if it holds one.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the call as text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }

    /// Returns what it is for.
    pub fn kind(&self) -> &DueKind {
        &self.kind
    }

    /// Returns how often it failed.
    pub fn n_failed(&self) -> u32 {
        self.n_failed
    }

    /// Returns when it failed last.
    pub(super) fn failed_at(&self) -> Timestamp {
        Timestamp::from_micros(self.failed_at)
    }

    /// Returns the call itself.
    pub(super) fn call(&self, id: Uuid) -> DueCall {
        DueCall {
            id,
            kind: self.kind.clone(),
            due: Timestamp::from_micros(self.due),
        }
    }

    /// Returns the same, given up.
    pub(super) fn park(mut self, error: String, at: Timestamp) -> Self {
        let at = at.micros();
        self.parked = Some(ParkedNote { error, at });
        self
    }

    /// Returns the same, as if it had never been tried.
    pub(super) fn unpark(mut self) -> Self {
        (self.parked, self.n_failed, self.failed_at) = (None, 0, 0);
        self
    }

    /// Returns what the owner sees of it, if it was given up.
    pub(super) fn parked(&self, id: Uuid) -> Option<ParkedCall> {
        let ParkedNote { error, at } = self.parked.clone()?;
        Some(ParkedCall {
            id: id.to_string(),
            kind: self.kind.clone(),
            due: self.due,
            attempts: self.n_failed,
            error,
            at,
        })
    }

    pub(super) fn is_parked(&self) -> bool {
        self.parked.is_some()
    }

    /// Returns when it was given up, if it was.
    pub(super) fn parked_at(&self) -> Option<i64> {
        self.parked.as_ref().map(|note| note.at)
    }
}

/// An id as text.
mod id_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::try_parse(&text).map_err(D::Error::custom)
    }
}
