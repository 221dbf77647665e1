//! Starts other programs, and is the only place that does.
//!
//! A child has no environment, no standard input and no folder but what it is given here. It
//! has limits and a deadline. Between it and us stands a supervisor, a process of our own
//! executable: whatever the child starts, in whatever group or session, is ended with it, and
//! so it is when this process is gone.

mod capture;
mod end;
mod enter;
mod limits;
mod supervisor;

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

pub use end::{End, Ended};
pub use enter::{Job, enter};
pub use limits::ChildLimits;

use crate::scratch::Scratch;
use capture::{Capture, Keep};

/// The most that a child may write to its standard output, unless it is said.
const STDOUT_BYTES: usize = 16 << 20;

/// The last bytes that are kept of what a child writes to its standard error.
const STDERR_BYTES: usize = 256 << 10;

/// A supervisor that has not ended all that it watches within this time is ended itself.
const GRACE: Duration = Duration::from_secs(10);

/// What starts children: an executable whose `main` calls [`enter`].
static LAUNCHER: OnceLock<PathBuf> = OnceLock::new();

/// Says which executable starts children, in a program that is another one than `syft-host`.
pub fn launch_by(executable: &Path) {
    LAUNCHER.get_or_init(|| executable.to_owned());
}

/// Tells whether this program can start children: `syft-host` can.
pub fn can_launch() -> bool {
    LAUNCHER.get().is_some()
}

/// A program that is to be run, with all that it gets.
#[derive(Debug)]
pub struct Child<'a> {
    kind: Kind,
    name: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: ChildFolder<'a>,
    limits: ChildLimits,
    stdout_bytes: usize,
    shows_stderr: bool,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Another program.
    Program,
    /// A job of our own executable.
    Job,
}

/// The folder in which a child works.
#[derive(Debug, Clone, Copy)]
pub enum ChildFolder<'a> {
    /// An empty one, made for it in this one, and deleted in the end.
    EmptyIn(&'a Path),
    /// This one.
    Given(&'a Path),
}

impl<'a> Child<'a> {
    /// Returns a child of a program, whose path is whole: nothing is searched for.
    pub fn of(program: &Path, folder: ChildFolder<'a>) -> Self {
        Self::new(Kind::Program, program.as_os_str(), folder)
    }

    /// Returns a child that does a job of our own executable, with all its limits in force.
    pub fn job(name: &str, folder: ChildFolder<'a>) -> Self {
        Self::new(Kind::Job, name.as_ref(), folder)
    }

    fn new(kind: Kind, name: &OsStr, folder: ChildFolder<'a>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder,
            limits: ChildLimits::default(),
            stdout_bytes: STDOUT_BYTES,
            shows_stderr: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Gives it a variable of the environment, which has no others.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let (name, value) = (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.environment.push((name, value));
        self
    }

    /// Gives it variables of the environment.
    #[must_use]
    pub fn envs(self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let give = |child: Self, (name, value)| child.env(name, value);
        variables.into_iter().fold(self, give)
    }

    /// Sets what it may use.
    #[must_use]
    pub fn limits(mut self, limits: ChildLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets it write so much to its standard output; it is ended when it writes more.
    #[must_use]
    pub fn stdout_bytes(mut self, limit: usize) -> Self {
        self.stdout_bytes = limit;
        self
    }

    /// Shows the user what it says on standard error, as it comes.
    #[must_use]
    pub fn show_stderr(mut self) -> Self {
        self.shows_stderr = true;
        self
    }

    /// Runs it to its end, or until the deadline.
    ///
    /// # Errors
    /// It cannot be started, or its supervisor is gone.
    pub fn run(self, deadline: Duration) -> io::Result<Ended> {
        let (_scratch, folder) = match self.folder {
            ChildFolder::Given(folder) => (None, folder.to_owned()),
            ChildFolder::EmptyIn(place) => {
                let scratch = Scratch::new(place)?;
                let folder = scratch.path().to_owned();
                (Some(scratch), folder)
            }
        };
        let latest = Instant::now() + deadline;
        let (leash, theirs) = UnixStream::pair()?;
        let mut command = self.command(&folder)?;
        command.stdin(OwnedFd::from(theirs));
        let mut supervisor = Supervisor {
            process: command.spawn()?,
            leash,
        };
        // It holds the other end of the leash, which is to close when the supervisor ends.
        drop(command);
        let out = supervisor.process.stdout.take().map(|pipe| {
            let leash = supervisor.leash.try_clone();
            Capture::start(pipe, Keep::First(self.stdout_bytes), leash.ok())
        });
        let err = supervisor
            .process
            .stderr
            .take()
            .map(|pipe| Capture::start(pipe, Keep::Last(STDERR_BYTES), None));
        let end = supervisor.wait(latest, deadline)?;
        drop(supervisor);
        let out = out.map(Capture::finish).unwrap_or_default();
        let err = err.map(Capture::finish).unwrap_or_default();
        Ok(Ended {
            end: if out.is_cut {
                End::TooMuchOutput(self.stdout_bytes)
            } else {
                end
            },
            stdout: out.bytes,
            stderr: err.bytes,
        })
    }

    fn command(&self, folder: &Path) -> io::Result<Command> {
        let launcher = LAUNCHER
            .get()
            .ok_or_else(|| io::Error::other("only `syft-host` itself starts other programs"))?;
        let mut command = Command::new(launcher);
        command
            .arg0("syft-host")
            .args(enter::supervised(&self.limits, self.kind))
            .arg(&self.name)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(if self.shows_stderr {
                Stdio::inherit()
            } else {
                Stdio::piped()
            })
            // A signal from the terminal is for us, and ends it by our end.
            .process_group(0);
        Ok(command)
    }
}

/// The process between us and a child. It ends all that it started once it is dropped.
struct Supervisor {
    process: process::Child,
    /// As long as this is open, the child may live.
    leash: UnixStream,
}

impl Supervisor {
    /// Waits until it says how its child ended.
    fn wait(&mut self, latest: Instant, deadline: Duration) -> io::Result<End> {
        let left = latest.saturating_duration_since(Instant::now());
        // No time at all would be no limit.
        let left = left.max(Duration::from_millis(1));
        self.leash.set_read_timeout(Some(left))?;
        let mut line = String::new();
        match BufReader::new(&self.leash).read_line(&mut line) {
            Ok(_) => End::from_report(&line)
                .ok_or_else(|| io::Error::other("the supervisor of a child process was ended")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(End::TooLate(deadline)),
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

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.leash.shutdown(Shutdown::Write).ok();
        if !self.is_gone_within(GRACE) {
            kill_process_group(Pid::from_child(&self.process), Signal::KILL).ok();
            self.process.wait().ok();
        }
    }
}
