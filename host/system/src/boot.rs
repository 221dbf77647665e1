//! Since when the machine runs.

use std::time::Duration;

/// Returns which start of the machine this is, where the system says so: another text after each.
pub fn id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// Returns the time since the machine was started, the time that it slept included.
#[cfg(unix)]
pub fn since_start() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    // On macOS this one goes on while the machine sleeps.
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// Returns the time since the machine was started, the time that it slept included.
#[cfg(windows)]
pub fn since_start() -> Duration {
    crate::windows::since_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_runs_since_before_this_test() {
        let before = since_start();
        assert!(before > Duration::ZERO && since_start() >= before);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_start_has_one_text() {
        let started = id().expect("it is known");
        assert!(!started.is_empty() && id() == Some(started));
    }
}
