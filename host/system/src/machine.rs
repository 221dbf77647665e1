//! What the machine has.

/// Returns the bytes of memory of the machine, where the system says so. What a control group
/// allows is another matter.
#[cfg(target_os = "linux")]
pub fn memory() -> Option<usize> {
    total_of(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// Returns the memory of the machine by the words of `/proc/meminfo`.
#[cfg(target_os = "linux")]
fn total_of(text: &str) -> Option<usize> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1 << 10)
}

/// Returns the bytes of memory of the machine, where the system says so.
#[cfg(windows)]
pub fn memory() -> Option<usize> {
    crate::windows::memory()
}

/// Returns the bytes of memory of the machine, where the system says so.
#[cfg(not(any(target_os = "linux", windows)))]
pub fn memory() -> Option<usize> {
    let mut bytes: u64 = 0;
    let mut size = size_of::<u64>();
    #[allow(
        unsafe_code,
        reason = "the name ends with NUL, and the number has the size that is said"
    )]
    let done = unsafe {
        let at = (&raw mut bytes).cast();
        libc::sysctlbyname(
            c"hw.memsize".as_ptr(),
            at,
            &raw mut size,
            std::ptr::null_mut(),
            0,
        )
    };
    (done == 0).then_some(usize::try_from(bytes).ok()?)
}

/// Returns how many processors this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory_and_processors() {
        assert!(memory().is_some_and(|bytes| bytes > 16 << 20));
        assert!(processors() >= 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reads_the_memory_of_the_machine() {
        let text = "MemTotal:       24010348 kB\nMemFree:  100 kB\n";
        assert_eq!(total_of(text), Some(24_010_348 << 10));
        for text in ["", "MemTotal: x kB", "MemTotal: 5", "MemFree: 1 kB"] {
            assert_eq!(total_of(text), None, "{text}");
        }
    }
}
