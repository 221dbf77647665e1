//! Children of the host: what they may use, and that they end with who started them.
//!
//! On Unix a child bounds itself before it becomes another program, and a process of our own
//! executable watches it. On Windows a job bounds all that is in it, and nothing that is started
//! leaves it.

mod end;
mod entry;
#[cfg(windows)]
mod job;
#[cfg_attr(windows, path = "process/leashed_windows.rs")]
mod leashed;
mod limits;
mod open_files;
#[cfg(unix)]
mod supervisor;

pub use end::ProcessEnd;
pub use entry::{
    IS_SUPERVISED, become_program, begin_as_child, command_of_ours, kill_ourselves, ourselves,
};
#[cfg(windows)]
pub use job::ProcessJob;
pub use leashed::{Leash, Leashed};
pub use limits::ProcessLimits;
#[cfg(unix)]
pub use limits::bound_ourselves;
pub use open_files::{most_open_files, open_files, raise_open_files};
#[cfg(unix)]
pub use supervisor::supervise;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

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
        let job = ProcessJob::new(&ProcessLimits {
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
