//! Events that were given up, since the app failed to take them.

use std::sync::Arc;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FileChange, FileEvent, FileStamp};

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedEvent {
    /// The event.
    pub id: String,
    /// The patterns of the watch that it was for.
    pub watch: Vec<String>,
    /// What happened.
    pub kind: String,
    /// Where the file is, or was.
    pub path: String,
    /// Where it was, if it was moved.
    pub moved_from: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub error: String,
    /// When, as microseconds since the epoch.
    pub at: i64,
    /// What the app knew before. From it the event can be delivered again.
    undone: Vec<(String, Option<String>)>,
}

impl ParkedEvent {
    pub(super) fn new(
        id: Uuid,
        watch: &[String],
        event: &FileEvent,
        error: String,
        at: i64,
    ) -> Self {
        let undone = event.undone().into_iter().map(|change| {
            let stamp = change.stamp.map(|stamp| BASE64.encode(&stamp.to_bytes()));
            (change.path.to_string(), stamp)
        });
        Self {
            id: id.to_string(),
            watch: watch.to_vec(),
            kind: event.kind.as_str().to_owned(),
            path: event.path.to_string(),
            moved_from: event.moved_from.as_deref().map(str::to_owned),
            attempts: event.attempt,
            error,
            at,
            undone: undone.collect(),
        }
    }

    /// Returns the event that a text holds, if it holds one.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the event as text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }

    /// Returns what the app is to know, so that the event comes up again.
    pub(super) fn undone(&self) -> Vec<FileChange> {
        let decode = |text: &String| FileStamp::from_bytes(&BASE64.decode(text.as_bytes()).ok()?);
        self.undone
            .iter()
            .map(|(path, stamp)| FileChange {
                path: Arc::from(path.as_str()),
                stamp: stamp.as_ref().and_then(decode),
            })
            .collect()
    }
}
