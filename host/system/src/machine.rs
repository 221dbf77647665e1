//! What the machine has and allows: memory, processors, and whether memory may be written to a disk.

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod swap;

#[cfg(target_os = "linux")]
use std::{fs, path::Path};

#[cfg(target_os = "linux")]
pub use swap::{may_be_swapped, may_swap};

/// Returns the bytes of memory of the machine, where the system says so. What a control group
/// allows is another matter.
#[cfg(target_os = "linux")]
pub fn memory() -> Option<usize> {
    bytes_of(&read(Path::new("/proc/meminfo"))?, "MemTotal:")
}

/// Returns the bytes of memory that a control group allows this process, if one does.
#[cfg(target_os = "linux")]
pub fn group_memory() -> Option<usize> {
    cgroup::memory_limit(&read)
}

/// Returns the bytes of memory that a control group allows this process, if one does.
#[cfg(not(target_os = "linux"))]
pub fn group_memory() -> Option<usize> {
    None
}

/// Returns the bytes that this process has in memory, where the system says so.
#[cfg(target_os = "linux")]
pub fn own_memory() -> Option<usize> {
    bytes_of(&read(Path::new("/proc/self/status"))?, "VmRSS:")
}

#[cfg(target_os = "linux")]
fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Returns a number of the kernel's by its name; it counts in kibibytes.
#[cfg(target_os = "linux")]
fn bytes_of(text: &str, name: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1 << 10)
}

/// Tells whether a page that was written may be elsewhere than in memory by now. Nothing keeps this
/// process out of swap here.
#[cfg(not(target_os = "linux"))]
pub fn may_swap() -> bool {
    true
}

/// Tells whether memory of this process can be swapped out as things are now.
#[cfg(not(target_os = "linux"))]
pub fn may_be_swapped() -> bool {
    true
}

/// Returns the programs that run here by their numbers and names, as far as this user may see them;
/// `None` where the system does not say.
#[cfg(target_os = "linux")]
pub fn processes() -> Option<Vec<(u32, String)>> {
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let processes = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let name = read(&entry.path().join("comm"))?;
        Some((pid, name.trim().to_owned()))
    });
    Some(processes.collect())
}

/// Returns the programs that run here by their numbers and names; `None` where the system does not
/// say.
#[cfg(not(target_os = "linux"))]
pub fn processes() -> Option<Vec<(u32, String)>> {
    None
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

/// Returns the bytes that this process has in memory, where the system says so.
#[cfg(target_os = "macos")]
pub fn own_memory() -> Option<usize> {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    usize::try_from(memory_of(pid)).ok()
}

/// Returns the bytes that this process has in memory, where the system says so.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn own_memory() -> Option<usize> {
    None
}

/// Returns the bytes that count as those of a process of this user; 0 where there is none.
#[cfg(target_os = "macos")]
pub(crate) fn memory_of(pid: i32) -> u64 {
    #[allow(
        unsafe_code,
        reason = "the structure is plain numbers, and of the version that is said"
    )]
    let found = unsafe {
        let mut found: libc::rusage_info_v2 = std::mem::zeroed();
        let at = (&raw mut found).cast();
        (libc::proc_pid_rusage(pid, libc::RUSAGE_INFO_V2, at) == 0).then_some(found)
    };
    found.map_or(0, |found| found.ri_phys_footprint)
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
    fn reads_numbers_of_the_kernel() {
        let text = "MemTotal:       24010348 kB\nMemFree:  100 kB\n";
        assert_eq!(bytes_of(text, "MemTotal:"), Some(24_010_348 << 10));
        for text in ["", "MemTotal: x kB", "MemTotal: 5", "MemFree: 1 kB"] {
            assert_eq!(bytes_of(text, "MemTotal:"), None, "{text}");
        }
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    #[test]
    fn this_process_has_some_of_the_memory() {
        let own = own_memory().expect("the system says so");
        assert!(own > 1 << 16 && Some(own) < memory());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_among_those_that_run() {
        let ours = std::process::id();
        let found = processes().expect("there is /proc");
        assert!(found.iter().any(|(pid, _)| *pid == ours));
    }
}
