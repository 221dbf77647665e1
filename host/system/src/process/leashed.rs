//! Children that end with this process. Between a child and us stands a supervisor, a process of
//! our own executable, which ends whatever the child starts, in whatever group or session.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{ProcessEnd, ProcessLimits};

/// A supervisor that has not ended all that it watches within this time is ended itself.
const GRACE: Duration = Duration::from_secs(10);

/// A child with all that it starts, which is ended once this is dropped, or once this process ends.
#[derive(Debug)]
pub struct Leashed {
    /// The supervisor.
    process: Child,
    leash: Leash,
}

/// As long as this is held, a child may live.
#[derive(Debug)]
pub struct Leash(UnixStream);

impl Leash {
    /// Has the child ended.
    pub fn let_go(&self) {
        self.0.shutdown(Shutdown::Write).ok();
    }
}

impl Leashed {
    /// Starts a child by a command of our own executable, which is to call
    /// [`supervise`](super::supervise). The child bounds itself.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command, _limits: &ProcessLimits) -> io::Result<Self> {
        let (leash, theirs) = UnixStream::pair()?;
        command.stdin(OwnedFd::from(theirs));
        // A signal from the terminal is for us, and ends it by our end.
        command.process_group(0);
        // The other end of the leash is the supervisor's alone, and closes when that ends: the
        // command is gone by then.
        Ok(Self {
            process: command.spawn()?,
            leash: Leash(leash),
        })
    }

    /// Returns what lets go of the child from another place.
    ///
    /// # Errors
    /// Too many files are open.
    pub fn leash(&self) -> io::Result<Leash> {
        self.leash.0.try_clone().map(Leash)
    }

    /// Returns what it says on standard output, if that is a pipe: once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// Returns what it says on standard error, if that is a pipe: once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.process.stderr.take()
    }

    /// Waits until it has ended, and all that it started; `None` once it is too late.
    ///
    /// # Errors
    /// Its supervisor was ended.
    pub fn wait(&mut self, latest: Instant) -> io::Result<Option<ProcessEnd>> {
        let left = latest.saturating_duration_since(Instant::now());
        // No time at all would be no limit.
        let left = left.max(Duration::from_millis(1));
        self.leash.0.set_read_timeout(Some(left))?;
        let mut line = String::new();
        match BufReader::new(&self.leash.0).read_line(&mut line) {
            Ok(_) => ProcessEnd::from_report(&line)
                .map(Some)
                .ok_or_else(|| io::Error::other("the supervisor of a child process was ended")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_gone_within(&mut self, time: Duration) -> bool {
        let latest = Instant::now() + time;
        // It ends within milliseconds, but for what the kernel itself holds.
        while matches!(self.process.try_wait(), Ok(None)) {
            if Instant::now() > latest {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        self.leash.let_go();
        if !self.is_gone_within(GRACE) {
            kill_process_group(Pid::from_child(&self.process), Signal::KILL).ok();
            self.process.wait().ok();
        }
    }
}
