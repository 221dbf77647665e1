//! What is called how at the NATS server.

use std::fmt;

use thiserror::Error;

/// The account of the owner's host. It alone has JetStream.
pub const OWNER_ACCOUNT: &str = "SYFT";

/// The stream of calls that wait, which others may read the length of.
pub const QUEUE: &str = "SYFT_WORK";

/// The consumer of it by which that length is read. Nobody takes anything from it.
pub const QUEUE_CONSUMER: &str = "waiting";

/// The bucket of components in the object store.
pub const BUCKET: &str = "SYFT_COMPONENTS";

/// What the owner's host listens to: the next token is the name of a worker.
pub const ASKED: &str = "syft.host";

/// What a server puts before where an answer goes into another account.
pub const FOREIGN_REPLY: &str = "_R_.";

/// The most bytes of a name.
const MOST_BYTES: usize = 32;

/// The name of a worker's account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerName(String);

/// It is no name for a worker.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a worker is named by 1 to 32 of the characters a-z, 0-9 and `-`, such as `gpu-1`")]
pub struct NoWorkerName;

impl WorkerName {
    /// Reads a name.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, NoWorkerName> {
        let is_char = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let is_name = !text.is_empty()
            && text.len() <= MOST_BYTES
            && text.bytes().all(is_char)
            && !text.starts_with('-');
        is_name.then(|| Self(text.to_owned())).ok_or(NoWorkerName)
    }

    /// Returns it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the one subject on which the worker asks.
    pub fn subject(&self) -> String {
        format!("{ASKED}.{}", self.0)
    }

    /// Returns the name of its account at the server.
    pub fn account(&self) -> String {
        format!("WORKER_{}", self.0)
    }

    /// Returns who asks on a subject.
    pub fn of_subject(subject: &str) -> Option<Self> {
        let name = subject.strip_prefix(ASKED)?.strip_prefix('.')?;
        Self::parse(name).ok()
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_token_of_a_subject() {
        for wrong in [
            "",
            "a.b",
            "*",
            ">",
            "A",
            "a b",
            "-a",
            "a\n",
            "ä",
            &"a".repeat(33),
        ] {
            assert_eq!(WorkerName::parse(wrong), Err(NoWorkerName), "{wrong:?}");
        }
        for right in ["a", "gpu-1", "1", &"a".repeat(32)] {
            let name = WorkerName::parse(right).map(|name| name.subject());
            let name = name
                .ok()
                .and_then(|subject| WorkerName::of_subject(&subject));
            assert_eq!(name.map(|name| name.to_string()).as_deref(), Some(right));
        }
        for subject in ["syft.host", "syft.host.a.b", "syft.hosts.a", "other.a"] {
            assert_eq!(WorkerName::of_subject(subject), None, "{subject}");
        }
    }
}
