//! What this machine has and allows: memory, and whether it may be written to a disk.

mod cgroup;
mod swap;

use std::fs;
use std::path::Path;

pub use swap::may_be_swapped;
pub(crate) use swap::may_swap;

use crate::memory::LEAST_TOTAL;

/// Returns the memory that apps get where the owner says nothing: half of what this process
/// may have, which leaves as much for files in memory and for everybody else.
pub fn usual_memory() -> usize {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| total_of(&text));
    let group = cgroup::memory_limit(&read);
    let most = [machine, group].into_iter().flatten().min();
    // Whole mebibytes, to be read by people.
    let half = most.map_or(0, |most| (most >> 21) << 20);
    half.max(LEAST_TOTAL)
}

/// Returns the memory of the machine by the words of `/proc/meminfo`.
fn total_of(text: &str) -> Option<usize> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_memory_of_the_machine() {
        let text = "MemTotal:       24010348 kB\nMemFree:  100 kB\n";
        assert_eq!(total_of(text), Some(24_010_348 << 10));
        for text in ["", "MemTotal: x kB", "MemTotal: 5", "MemFree: 1 kB"] {
            assert_eq!(total_of(text), None, "{text}");
        }
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(usual_memory() >= LEAST_TOTAL);
    }
}
