//! What one call may use, and what one host may use for all calls together.

use std::time::Duration;

use wasmtime::ResourceLimiter;

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
}

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
            concurrency: 128,
            memories: 4,
            tables: 32,
            table_elements: 200_000,
            instances: 64,
            handles: 10_000,
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
            state_bytes: 64 << 20,
            state_key_bytes: 1 << 10,
            state_value_bytes: 1 << 20,
            state_call_bytes: 16 << 20,
            answers_bytes: 64 << 20,
            endpoints: 1_000,
        }
    }
}

/// Counts what the memories and tables of one store use. wasmtime's own limiter
/// bounds each of them alone, so two memories would double the limit.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    memory_bytes: usize,
    table_elements: usize,
    /// The bytes that would have been needed when growth was refused.
    refused_memory: Option<usize>,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            memory_bytes: 0,
            table_elements: 0,
            refused_memory: None,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns whether the guest was refused memory. A guest that cannot go on
    /// without ends in a trap that does not say so.
    pub(super) fn refused_memory(&self) -> bool {
        self.refused_memory.is_some()
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.memory_bytes.saturating_add(desired - current);
        if wanted > self.limits.memory_bytes {
            self.refused_memory = Some(wanted);
            return Ok(false);
        }
        self.memory_bytes = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.table_elements.saturating_add(desired - current);
        let fits = wanted <= self.limits.table_elements;
        if fits {
            self.table_elements = wanted;
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
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

    #[test]
    fn memories_share_one_limit() {
        let mut meter = Meter::new(Limits {
            memory_bytes: 100,
            ..Limits::default()
        });
        let mut grow = |current, desired| meter.memory_growing(current, desired, None).ok();
        assert_eq!(grow(0, 60), Some(true));
        assert_eq!(grow(0, 41), Some(false), "a second memory");
        assert_eq!(grow(0, 40), Some(true));
        assert_eq!(grow(60, 61), Some(false));
        assert!(meter.refused_memory());
    }
}
