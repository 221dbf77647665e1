//! What one call may use, and what one host may use for all calls together.
//!
//! Why: docs/decisions/21-requests-and-files-are-bounded.md,
//! docs/decisions/70-tasks-are-bounded-by-wasmtimes-tables.md

use std::time::Duration;

/// Files that the host itself has open at most, and those of a call that are not to be
/// fewer wherever that can be had.
const HOST_FILES: usize = 64;
const LEAST_FILES: usize = 16;

/// Every limit of the sandbox, with its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of a call: instantiation, guest code and host calls.
    pub time: Duration,
    /// Sum of the sizes of all linear memories of a call, in bytes.
    pub memory_bytes: usize,
    /// What the host holds for a call at one time, in bytes: values behind handles, state
    /// that it read and wrote, what is on its way to the guest.
    pub held_bytes: usize,
    /// Memory that a program keeps from one call to the next, in bytes.
    pub kept_bytes: usize,
    /// Calls of an app that run at the same time.
    pub concurrency: usize,
    /// Linear memories of a call.
    pub memories: usize,
    /// Tables of a call.
    pub tables: usize,
    /// Elements of all tables of a call together.
    pub table_elements: usize,
    /// Core instances of a call.
    pub instances: usize,
    /// Handles to host resources that a call holds at one time.
    pub handles: usize,
    /// Tasks, streams and futures of WASI 0.3 that a call has at one time; a stream or future
    /// counts three times.
    pub tasks: usize,
    /// Bytes that a guest passes to the host in one host call.
    pub hostcall_bytes: usize,
    /// Random bytes that a guest gets in one host call.
    pub random_bytes: u64,
    /// Bytes of stdout, stderr and log of a call that reach the host's log.
    pub logged_bytes: usize,
    /// Bytes of stdout, stderr and log after which a call is ended.
    pub output_bytes: usize,
    /// Bytes of one line in the log; a longer one is cut.
    pub line_bytes: usize,
    /// Size of a request file in bytes.
    pub request_bytes: u64,
    /// Size of a response file in bytes. SyftBox cannot sync files between
    /// 3 and 4 MiB: its message limit of 4 MiB counts the base64 form.
    pub response_bytes: usize,
    /// Bytes of all request files that are held in memory at one time.
    pub loaded_bytes: u64,
    /// Size of a component in bytes.
    pub component_bytes: u64,
    /// Bytes that a call writes to files. Each name that it makes counts as 4 KiB.
    pub written_bytes: u64,
    /// Files that a call has open at one time.
    pub open_files: usize,
    /// Connections for HTTP that a call has open at one time.
    pub http_connections: usize,
    /// Those of all calls of an app together.
    pub http_app_connections: usize,
    /// Bytes of the bodies of all HTTP requests that a call sends.
    pub http_sent_bytes: u64,
    /// Bytes of the bodies of all answers to these.
    pub http_received_bytes: u64,
    /// Messages that a call sends.
    pub messages: usize,
    /// Messages of an app of which it is not known yet what became.
    pub open_messages: usize,
    /// Those of them that go to one datasite.
    pub open_messages_per_receiver: usize,
    /// Bytes of all messages that are kept for an app, with what became of them.
    pub outbox_bytes: u64,
    /// Bytes of the body and the headers of a message.
    pub message_bytes: usize,
    /// Bytes of the file of an answer to a message; a larger one is refused.
    pub message_answer_bytes: usize,
    /// Bytes of all keys and values that an app keeps.
    pub state_bytes: u64,
    /// Bytes of a key.
    pub state_key_bytes: usize,
    /// Bytes of a value that an app keeps.
    pub state_value_bytes: usize,
    /// Bytes of keys and values that a call reads and writes before it ends.
    pub state_call_bytes: usize,
    /// Bytes of all answers that are kept for requests that come back.
    pub answers_bytes: u64,
    /// Endpoints of an app.
    pub endpoints: usize,
    /// Bytes of what an app says of its endpoints and watches.
    pub described_bytes: usize,
}

/// What a handle takes in the tables of the host, with a value of no size to speak of.
const HANDLE_BYTES: usize = 256;

/// What a task takes in the tables of wasmtime, with what it waits for.
const TASK_BYTES: usize = 1 << 10;

/// Tasks of a call that are at work at one time, or stopped in the middle of it: each has a
/// stack of its own.
pub const TASK_STACKS: usize = 4;

/// What such a stack takes at most.
const STACK_BYTES: usize = 512 << 10;

/// What an element of a table takes.
const ELEMENT_BYTES: usize = 16;

/// The stack of a call, its instances, and the request if it is a small one.
const CALL_BYTES: usize = 1 << 20;

impl Limits {
    /// Returns how many calls of one sender run at the same time: not all, so that
    /// another one need not wait for any of them to end.
    pub fn concurrency_per_sender(&self) -> usize {
        self.concurrency - self.concurrency / 8
    }

    /// Returns the most bytes of answers that wait to be written beside their requests
    /// with which another call begins. Those of calls in progress are no sign of trouble.
    pub fn waiting_bytes(&self) -> u64 {
        self.answers_bytes + (self.concurrency * self.response_bytes) as u64
    }

    /// Returns what is set aside for each call, whatever it does: as much as it may pass to
    /// the host at once, which is counted before it is known, and all its handles and tables.
    pub fn base_bytes(&self) -> usize {
        let handles = self.handles * HANDLE_BYTES;
        let tables = self.table_elements * ELEMENT_BYTES;
        // One stack is that of the call.
        let tasks = match self.tasks {
            0 => 0,
            tasks => tasks * TASK_BYTES + (TASK_STACKS - 1) * STACK_BYTES,
        };
        self.hostcall_bytes + handles + tables + tasks + CALL_BYTES
    }

    /// Returns all that a call may take.
    pub fn call_bytes(&self) -> usize {
        let parts = [self.base_bytes(), self.memory_bytes, self.held_bytes];
        parts.into_iter().fold(0, usize::saturating_add)
    }

    /// Returns limits by which one call fits into so much memory, and what stays between
    /// calls into so much.
    pub fn within_memory(self, most: usize, kept: usize) -> Self {
        let others = self.base_bytes() + self.held_bytes;
        Self {
            memory_bytes: self.memory_bytes.min(most.saturating_sub(others)),
            kept_bytes: self.kept_bytes.min(kept),
            ..self
        }
    }

    /// Returns limits by which calls that open files leave the host enough of so many
    /// that it may have open: it cannot read a request or write an answer without.
    pub fn within_open_files(self, most: u64) -> Self {
        let for_calls = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .saturating_sub(HOST_FILES)
            .max(LEAST_FILES);
        let concurrency = self.concurrency.min(for_calls / LEAST_FILES);
        Self {
            open_files: self.open_files.min(for_calls / concurrency),
            concurrency,
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            memory_bytes: 128 << 20,
            held_bytes: 40 << 20,
            kept_bytes: 128 << 20,
            concurrency: 128,
            memories: 4,
            tables: 32,
            table_elements: 200_000,
            instances: 64,
            handles: 10_000,
            tasks: 3_000,
            hostcall_bytes: 16 << 20,
            random_bytes: 1 << 20,
            logged_bytes: 64 << 10,
            output_bytes: 64 << 20,
            line_bytes: 4 << 10,
            request_bytes: 16 << 20,
            response_bytes: (3 << 20) - (4 << 10),
            loaded_bytes: 64 << 20,
            component_bytes: 64 << 20,
            written_bytes: 64 << 20,
            open_files: 128,
            http_connections: 16,
            http_app_connections: 64,
            http_sent_bytes: 16 << 20,
            http_received_bytes: 16 << 20,
            messages: 256,
            open_messages: 10_000,
            open_messages_per_receiver: 1_000,
            outbox_bytes: 128 << 20,
            message_bytes: 2 << 20,
            message_answer_bytes: 4 << 20,
            state_bytes: 64 << 20,
            state_key_bytes: 1 << 10,
            state_value_bytes: 1 << 20,
            state_call_bytes: 16 << 20,
            answers_bytes: 64 << 20,
            endpoints: 1_000,
            described_bytes: 1 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_leave_the_host_its_files() {
        for (most, concurrency, open_files) in [
            (65_536, 128, 128),
            (4_096, 128, 31),
            (1_024, 60, 16),
            (256, 12, 16),
            (64, 1, 16),
            (0, 1, 16),
        ] {
            let limits = Limits::default().within_open_files(most);
            assert_eq!(
                (limits.concurrency, limits.open_files),
                (concurrency, open_files),
                "{most}"
            );
        }
    }
}
