//! What other programs may use, and that they end with who started them.
//!
//! On Unix a process bounds itself before it becomes another program; who watches it ends it. On
//! Windows a job bounds all that is in it, and nothing that is started leaves it.

use std::io;
use std::time::Duration;

/// What a process may use; each that it starts may use as much again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Memory that it writes to: what is only reserved is free. macOS does not enforce it.
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

/// Puts limits in force for this process and what it starts, unless lower ones are.
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

/// What a child and all that it starts is in: they are bounded, and end when this is dropped, or
/// when this process ends.
#[cfg(windows)]
#[derive(Debug)]
pub struct Job(std::os::windows::io::OwnedHandle);

#[cfg(windows)]
impl Job {
    /// Makes one with nothing in it.
    ///
    /// # Errors
    /// The system refuses the limits.
    pub fn new(limits: &ProcessLimits) -> io::Result<Self> {
        Ok(Self(crate::windows::make_job(limits)?))
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

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Says to this program that it was started to be a child.
    const IS_CHILD: &str = "SYFT_SYSTEM_TEST_CHILD";

    fn is_child() -> bool {
        std::env::var_os(IS_CHILD).is_some()
    }

    /// Starts this program once more to run one of the tests that are no tests.
    fn start(test: &str) -> Child {
        let ourselves = std::env::current_exe().expect("we are somewhere");
        let mut command = Command::new(ourselves);
        command.args(["--ignored", "--exact", test]);
        let command = command.env(IS_CHILD, "").stdin(Stdio::piped());
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("started")
    }

    #[test]
    #[ignore = "it waits for ever: another test starts and ends it"]
    fn waits() {
        if !is_child() {
            return;
        }
        std::io::stdin().read_exact(&mut [0]).ok();
    }

    #[cfg(unix)]
    #[test]
    #[ignore = "it bounds its whole process: another test starts it"]
    fn opens_more_files_than_it_may() {
        if !is_child() {
            return;
        }
        let open_files = Some(16);
        bound_ourselves(&ProcessLimits {
            open_files,
            ..ProcessLimits::default()
        })
        .expect("bounded");
        let file = || std::fs::File::open("/dev/null");
        let opened: Vec<_> = (0..32).map(|_| file()).collect();
        let n_refused = opened.iter().filter(|file| file.is_err()).count();
        assert!((16..32).contains(&n_refused), "{n_refused}");
    }

    #[cfg(unix)]
    #[test]
    #[ignore = "it bounds its whole process: another test starts it"]
    fn works_longer_than_it_may() {
        if !is_child() {
            return;
        }
        let cpu_time = Some(Duration::from_millis(10));
        bound_ourselves(&ProcessLimits {
            cpu_time,
            ..ProcessLimits::default()
        })
        .expect("bounded");
        loop {
            std::hint::spin_loop();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_bounds_itself_is_bounded() {
        use std::os::unix::process::ExitStatusExt;
        let mut opens = start("process::tests::opens_more_files_than_it_may");
        assert!(opens.wait().expect("it ends").success());
        let mut works = start("process::tests::works_longer_than_it_may");
        let end = works.wait().expect("it is ended").signal();
        let by_time = rustix::process::Signal::XCPU.as_raw();
        assert_eq!(end, Some(by_time));
    }

    #[cfg(windows)]
    #[test]
    fn what_is_in_a_job_ends_with_it() {
        let job = Job::new(&ProcessLimits {
            memory_bytes: Some(1 << 30),
            cpu_time: Some(Duration::from_secs(60)),
            low_priority: true,
            ..ProcessLimits::default()
        });
        let job = job.expect("a job");
        let mut child = start("process::tests::waits");
        job.add(&child).expect("it waits");
        // It would wait for as long as this is open.
        let input = child.stdin.take();
        drop(job);
        child.wait().expect("it is ended");
        drop(input);
    }
}
