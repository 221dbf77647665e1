//! What Windows has for a child and all that it starts.

use std::io;

use super::ProcessLimits;

/// What a child and all that it starts is in: they are bounded, and end when this is dropped, or
/// when this process ends.
#[derive(Debug)]
pub struct ProcessJob(std::os::windows::io::OwnedHandle);

impl ProcessJob {
    /// Makes one with nothing in it.
    ///
    /// # Errors
    /// The system refuses the limits.
    pub fn new(limits: &ProcessLimits) -> io::Result<Self> {
        let memory = [limits.memory_bytes, limits.address_space_bytes];
        let memory = memory.into_iter().flatten().min();
        let job = crate::windows::make_job(memory, limits.cpu_time, limits.low_priority)?;
        Ok(Self(job))
    }

    /// Puts a child in. What it has started before is not in it: a child has to wait for a word of
    /// its parent before it does anything.
    ///
    /// # Errors
    /// It has ended.
    pub fn add(&self, child: &std::process::Child) -> io::Result<()> {
        crate::windows::put_into_job(&self.0, child)
    }
}
