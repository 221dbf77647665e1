//! What a process may use.

#[cfg(unix)]
use std::io;
use std::time::Duration;

/// What a process may use; each that it starts may use as much again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Memory that it writes to: what is only reserved is free. On macOS its supervisor looks at it.
    pub memory_bytes: Option<u64>,
    /// Addresses, with all that is only reserved. Windows takes the lower of both for memory.
    pub address_space_bytes: Option<u64>,
    /// Time of the processor, of all its threads together.
    pub cpu_time: Option<Duration>,
    /// The size of each file. Windows has no such limit.
    pub file_bytes: Option<u64>,
    /// Files that it has open at a time. Windows has no such limit.
    pub open_files: Option<u64>,
    /// Whether the rest of the machine goes first.
    pub low_priority: bool,
}

impl Default for ProcessLimits {
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

/// Puts limits in force for this process and what it starts, unless lower ones are. On Windows its
/// job does that.
///
/// # Errors
/// The system refuses them.
#[cfg(unix)]
pub fn bound_ourselves(limits: &ProcessLimits) -> io::Result<()> {
    use rustix::process::{Resource, nice};

    // What is added to its niceness.
    const LOW_PRIORITY: i32 = 10;

    // The kernel counts whole seconds, and takes none for one.
    let seconds = |time: Duration| u64::try_from(time.as_millis().div_ceil(1000).max(1));
    let cpu = limits
        .cpu_time
        .map(|time| seconds(time).unwrap_or(u64::MAX));
    set(Resource::Core, 0)?;
    for (resource, limit) in [
        (Resource::Data, limits.memory_bytes),
        (Resource::As, limits.address_space_bytes),
        (Resource::Cpu, cpu),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nofile, limits.open_files),
    ] {
        limit.map_or(Ok(()), |limit| set(resource, limit))?;
    }
    if limits.low_priority {
        nice(LOW_PRIORITY)?;
    }
    Ok(())
}

/// Sets a limit, unless a lower one is in force.
#[cfg(unix)]
fn set(resource: rustix::process::Resource, limit: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let most = getrlimit(resource).maximum;
    let limit = most.map_or(limit, |most| limit.min(most));
    // At the first the process is told, at the second ended: it may not listen.
    let maximum = match resource {
        Resource::Cpu => limit.saturating_add(1),
        _ => limit,
    };
    let maximum = most.map_or(maximum, |most| maximum.min(most));
    let (current, maximum) = (Some(limit), Some(maximum));
    Ok(setrlimit(resource, Rlimit { current, maximum })?)
}
