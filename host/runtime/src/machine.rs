//! How much of the memory of this machine apps get.

use syft_system::machine::{group_memory, memory};

use crate::memory::LEAST_TOTAL;

/// Returns the memory that apps get where the owner says nothing: half of what this process
/// may have, which leaves as much for files in memory and for everybody else.
pub fn usual_memory() -> usize {
    let most = [memory(), group_memory()].into_iter().flatten().min();
    // Whole mebibytes, to be read by people.
    let half = most.map_or(0, |most| (most >> 21) << 20);
    half.max(LEAST_TOTAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory() {
        assert!(usual_memory() >= LEAST_TOTAL);
    }
}
