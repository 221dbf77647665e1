//! The limits of a call, as the owner has set them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use syft_manifest::Limits;

/// What one call may use: those of the [`Limits`] that are about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is the one of the same name in `Limits`")]
pub struct CallLimits {
    /// In microseconds.
    pub time: u64,
    pub memory_bytes: u64,
    pub held_bytes: u64,
    pub memories: u64,
    pub tables: u64,
    pub table_elements: u64,
    pub instances: u64,
    pub handles: u64,
    pub tasks: u64,
    pub hostcall_bytes: u64,
    pub random_bytes: u64,
    pub logged_bytes: u64,
    pub output_bytes: u64,
    pub line_bytes: u64,
    pub written_bytes: u64,
    pub open_files: u64,
    pub http_connections: u64,
    pub http_sent_bytes: u64,
    pub http_received_bytes: u64,
    pub messages: u64,
    pub message_bytes: u64,
    pub message_answer_bytes: u64,
    pub state_bytes: u64,
    pub state_key_bytes: u64,
    pub state_value_bytes: u64,
    pub state_call_bytes: u64,
}

impl From<&Limits> for CallLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            time: u64::try_from(limits.time.as_micros()).unwrap_or(u64::MAX),
            memory_bytes: limits.memory_bytes as u64,
            held_bytes: limits.held_bytes as u64,
            memories: limits.memories as u64,
            tables: limits.tables as u64,
            table_elements: limits.table_elements as u64,
            instances: limits.instances as u64,
            handles: limits.handles as u64,
            tasks: limits.tasks as u64,
            hostcall_bytes: limits.hostcall_bytes as u64,
            random_bytes: limits.random_bytes,
            logged_bytes: limits.logged_bytes as u64,
            output_bytes: limits.output_bytes as u64,
            line_bytes: limits.line_bytes as u64,
            written_bytes: limits.written_bytes,
            open_files: limits.open_files as u64,
            http_connections: limits.http_connections as u64,
            http_sent_bytes: limits.http_sent_bytes,
            http_received_bytes: limits.http_received_bytes,
            messages: limits.messages as u64,
            message_bytes: limits.message_bytes as u64,
            message_answer_bytes: limits.message_answer_bytes as u64,
            state_bytes: limits.state_bytes,
            state_key_bytes: limits.state_key_bytes as u64,
            state_value_bytes: limits.state_value_bytes as u64,
            state_call_bytes: limits.state_call_bytes as u64,
        }
    }
}

impl CallLimits {
    /// Returns them as limits of a program that runs such calls.
    pub fn to_limits(&self) -> Limits {
        Limits {
            time: Duration::from_micros(self.time),
            memory_bytes: size(self.memory_bytes),
            held_bytes: size(self.held_bytes),
            memories: size(self.memories),
            tables: size(self.tables),
            table_elements: size(self.table_elements),
            instances: size(self.instances),
            handles: size(self.handles),
            tasks: size(self.tasks),
            hostcall_bytes: size(self.hostcall_bytes),
            random_bytes: self.random_bytes,
            logged_bytes: size(self.logged_bytes),
            output_bytes: size(self.output_bytes),
            line_bytes: size(self.line_bytes),
            written_bytes: self.written_bytes,
            open_files: size(self.open_files),
            http_connections: size(self.http_connections),
            http_sent_bytes: self.http_sent_bytes,
            http_received_bytes: self.http_received_bytes,
            messages: size(self.messages),
            message_bytes: size(self.message_bytes),
            message_answer_bytes: size(self.message_answer_bytes),
            state_bytes: self.state_bytes,
            state_key_bytes: size(self.state_key_bytes),
            state_value_bytes: size(self.state_value_bytes),
            state_call_bytes: size(self.state_call_bytes),
            ..Limits::default()
        }
    }
}

fn size(of: u64) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}
