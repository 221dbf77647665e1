//! What compiling a component may cost.

use std::time::Duration;

/// What compiling may cost: as much as the owner says, else by the size of the component.
///
/// A component of a few bytes is compiled in no time or is an attack; a large one takes its
/// time. One of 140 KB takes less than a second and 45 MiB; a Python program of 26 MiB took 32 s
/// on a machine that was seven times too busy, and 380 MiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompileLimits {
    /// Time of the processor.
    pub time: Option<Duration>,
    /// Memory.
    pub memory_bytes: Option<u64>,
}

/// What compiling one component may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) cpu_time: Duration,
    pub(super) memory_bytes: u64,
    /// From the start to the end. Others may want the processor, too.
    pub(super) deadline: Duration,
    /// The size of the code.
    pub(super) code_bytes: u64,
}

/// What any component may take, and what each MiB of it adds.
const CPU_TIME: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(6));
const MEMORY_BYTES: (u64, u64) = (256 << 20, 16 << 20);
const CODE_BYTES: (u64, u64) = (16 << 20, 8 << 20);

/// The most memory where the owner does not say.
const MOST_MEMORY_BYTES: u64 = 960 << 20;

impl CompileLimits {
    pub(super) fn budget(&self, component_bytes: u64) -> Budget {
        let mib = component_bytes.div_ceil(1 << 20);
        let n_mib = u32::try_from(mib).unwrap_or(u32::MAX);
        let by_size = CPU_TIME.0.saturating_add(CPU_TIME.1.saturating_mul(n_mib));
        let cpu_time = self.time.unwrap_or(by_size);
        let sum = |(base, more): (u64, u64)| base.saturating_add(more.saturating_mul(mib));
        Budget {
            cpu_time,
            memory_bytes: self
                .memory_bytes
                .unwrap_or(sum(MEMORY_BYTES).min(MOST_MEMORY_BYTES)),
            deadline: cpu_time.saturating_mul(4),
            code_bytes: sum(CODE_BYTES),
        }
    }
}

impl Budget {
    /// Tells whether it allows more than another one does.
    pub(super) fn is_more_than(&self, cpu_time: Duration, memory_bytes: u64) -> bool {
        self.cpu_time > cpu_time || self.memory_bytes > memory_bytes
    }
}
