//! Starts other programs, and is the only place that does.
//!
//! A child has no environment, no standard input and no folder but what it is given here. It
//! has limits and a deadline. On Unix a supervisor stands between it and us, a process of our own
//! executable; on Windows it is in a job: whatever the child starts is ended with it, and so it is
//! when this process is gone.

mod capture;
mod end;
mod enter;
mod limits;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use syft_system::process::{Leashed, command_of_ours};

pub use end::{End, Ended};
pub use enter::{Job, enter};
pub use syft_system::process::ProcessLimits as ChildLimits;

use crate::scratch::Scratch;
use capture::{Capture, Keep};

/// The most that a child may write to its standard output, unless it is said.
const STDOUT_BYTES: usize = 16 << 20;

/// The last bytes that are kept of what a child writes to its standard error.
const STDERR_BYTES: usize = 256 << 10;

/// What this program and its children are called.
const NAME: &str = "syft-host";

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
        let mut child = Leashed::start(self.command(&folder)?, &self.limits)?;
        let out = child.take_stdout().map(|pipe| {
            let leash = child.leash().ok();
            Capture::start(pipe, Keep::First(self.stdout_bytes), leash)
        });
        let err = child.take_stderr();
        let err = err.map(|pipe| Capture::start(pipe, Keep::Last(STDERR_BYTES), None));
        let end = child.wait(latest)?;
        let end = end.map_or(End::TooLate(deadline), End::from);
        drop(child);
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
        let mut command = command_of_ours(launcher, NAME);
        command
            .args(enter::first_arguments(&self.limits, self.kind))
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
            });
        Ok(command)
    }
}
