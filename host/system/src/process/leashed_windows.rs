//! Children that end with this process: each is in a job, which ends all that is in it when its
//! handle is closed.

use std::io::{self, Write};
use std::os::windows::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use windows_sys::Win32::System::Threading::{CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW};

use super::{ProcessEnd, ProcessJob, ProcessLimits};

/// How often it is looked whether a child has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A child with all that it starts, which is ended once this is dropped, or once this process ends.
#[derive(Debug)]
pub struct Leashed {
    process: Child,
    leash: Leash,
}

/// As long as this is held, a child may live.
#[derive(Debug)]
pub struct Leash(Arc<Mutex<Option<ProcessJob>>>);

impl Leash {
    /// Has the child ended.
    pub fn let_go(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Leashed {
    /// Starts a child by a command of our own executable, which is to call
    /// [`begin_as_child`](super::begin_as_child) before it does anything.
    ///
    /// # Errors
    /// It cannot be started, or the system refuses the limits.
    pub fn start(mut command: Command, limits: &ProcessLimits) -> io::Result<Self> {
        let job = ProcessJob::new(limits)?;
        command.stdin(Stdio::piped());
        // What is typed to end us is for us.
        command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
        let mut process = command.spawn()?;
        let begun = job.add(&process).and_then(|()| match process.stdin.take() {
            Some(mut input) => input.write_all(b"begin\n"),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        });
        if let Err(error) = begun {
            process.kill().ok();
            process.wait().ok();
            return Err(error);
        }
        Ok(Self {
            process,
            leash: Leash(Arc::new(Mutex::new(Some(job)))),
        })
    }

    /// Returns what lets go of the child from another place.
    ///
    /// # Errors
    /// None here.
    pub fn leash(&self) -> io::Result<Leash> {
        Ok(Leash(Arc::clone(&self.leash.0)))
    }

    /// Returns what it says on standard output, if that is a pipe: once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// Returns what it says on standard error, if that is a pipe: once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.process.stderr.take()
    }

    /// Waits until it has ended, and ends what it started; `None` once it is too late.
    ///
    /// # Errors
    /// The system does not say.
    pub fn wait(&mut self, latest: Instant) -> io::Result<Option<ProcessEnd>> {
        loop {
            if let Some(status) = self.process.try_wait()? {
                self.leash.let_go();
                return Ok(Some(status.into()));
            }
            if Instant::now() >= latest {
                return Ok(None);
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        self.leash.let_go();
        self.process.wait().ok();
    }
}
