//! What a child may use.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

/// What a child may use; each of its own children may use as much again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildLimits {
    /// Memory that it writes to, as `RLIMIT_DATA` counts it: what is only reserved is free.
    pub memory_bytes: Option<u64>,
    /// Addresses, with all that is only reserved.
    pub address_space_bytes: Option<u64>,
    /// Time of the processor, of all its threads together.
    pub cpu_time: Option<Duration>,
    /// The size of each file.
    pub file_bytes: Option<u64>,
    /// Files that it has open at a time.
    pub open_files: Option<u64>,
    /// Whether the rest of the machine goes first.
    pub low_priority: bool,
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self {
            memory_bytes: None,
            address_space_bytes: None,
            cpu_time: None,
            file_bytes: Some(4 << 30),
            open_files: Some(4_096),
            low_priority: false,
        }
    }
}

/// What is added to its niceness.
const LOW_PRIORITY: i32 = 10;

/// The names of the limits in an argument, with what they are to the kernel.
const NAMES: [(&str, Resource); 5] = [
    ("memory", Resource::Data),
    ("addresses", Resource::As),
    ("cpu", Resource::Cpu),
    ("file", Resource::Fsize),
    ("files", Resource::Nofile),
];

impl ChildLimits {
    /// Returns them as an argument.
    pub(super) fn to_argument(&self) -> String {
        // The kernel counts whole seconds, and takes none for one.
        let cpu = self
            .cpu_time
            .map(|time| time.as_millis().div_ceil(1000).max(1) as u64);
        let values = [
            self.memory_bytes,
            self.address_space_bytes,
            cpu,
            self.file_bytes,
            self.open_files,
        ];
        let mut parts = Vec::new();
        for ((name, _), value) in NAMES.iter().zip(values) {
            parts.extend(value.map(|value| format!("{name}={value}")));
        }
        if self.low_priority {
            parts.push("low".to_owned());
        }
        parts.join(",")
    }
}

/// Puts the limits of an argument in force, for this process and what it starts.
pub(super) fn apply(argument: &str) -> io::Result<()> {
    set(Resource::Core, 0)?;
    for part in argument.split(',').filter(|part| !part.is_empty()) {
        if part == "low" {
            nice(LOW_PRIORITY)?;
            continue;
        }
        let wrong = || io::Error::other(format!("`{part}` is no limit"));
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let (_, resource) = NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(wrong)?;
        set(*resource, value.parse().map_err(|_| wrong())?)?;
    }
    Ok(())
}

/// Sets a limit, unless a lower one is in force.
fn set(resource: Resource, limit: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum;
    let limit = most.map_or(limit, |most| limit.min(most));
    // At the first the process is told, at the second ended: it may not listen.
    let maximum = match resource {
        Resource::Cpu => limit.saturating_add(1),
        _ => limit,
    };
    let maximum = most.map_or(maximum, |most| maximum.min(most));
    Ok(setrlimit(
        resource,
        Rlimit {
            current: Some(limit),
            maximum: Some(maximum),
        },
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_name() {
        let limits = ChildLimits {
            memory_bytes: Some(1),
            address_space_bytes: Some(2),
            cpu_time: Some(Duration::from_millis(2_001)),
            file_bytes: Some(4),
            open_files: Some(5),
            low_priority: true,
        };
        let argument = "memory=1,addresses=2,cpu=3,file=4,files=5,low";
        assert_eq!(limits.to_argument(), argument);
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for argument in ["memory", "memory=", "memory=x", "speed=1", "cpu=-1"] {
            assert!(apply(argument).is_err(), "{argument}");
        }
    }
}
