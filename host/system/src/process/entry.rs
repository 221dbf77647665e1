//! A process of our own executable that becomes a child.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ProcessLimits;
#[cfg(not(windows))]
use super::bound_ourselves;

/// Whether another process of our own executable watches a child. Where none does, the system
/// itself ends all that the child starts.
pub const IS_SUPERVISED: bool = cfg!(unix);

/// What is added to how readily the kernel ends a process where memory runs out: it ends children
/// before it ends us.
#[cfg(target_os = "linux")]
const OOM_SCORE: &str = "500";

/// Returns the running executable; on Linux whatever became of its file.
///
/// # Errors
/// The system does not say.
pub fn ourselves() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    }
}

/// Returns a command of an executable of ours, whose process goes by this name.
#[cfg(unix)]
pub fn command_of_ours(executable: &Path, name: &str) -> Command {
    let mut command = Command::new(executable);
    std::os::unix::process::CommandExt::arg0(&mut command, name);
    command
}

/// Returns a command of an executable of ours. Its process goes by the name of that.
#[cfg(windows)]
pub fn command_of_ours(executable: &Path, _name: &str) -> Command {
    Command::new(executable)
}

/// Has this process end with the one that watches it, and puts its limits in force. `watcher` is the
/// number of that process.
///
/// # Errors
/// Nobody watches it, or the system refuses that.
#[cfg(unix)]
pub fn begin_as_child(watcher: &str, limits: &ProcessLimits) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let parent = rustix::process::getppid().map(|pid| pid.to_string());
    if parent.as_deref() != Some(watcher) {
        return Err(io::Error::other("its supervisor is gone"));
    }
    #[cfg(target_os = "linux")]
    {
        // No file with a set-user-ID bit gives it, or what it starts, other limits than these.
        rustix::thread::set_no_new_privs(true)?;
        // It is not possible everywhere.
        std::fs::write("/proc/self/oom_score_adj", OOM_SCORE).ok();
    }
    bound_ourselves(limits)
}

/// Waits until this process is in the job that bounds it and ends it.
///
/// # Errors
/// Who started it is gone.
#[cfg(windows)]
pub fn begin_as_child(_watcher: &str, _limits: &ProcessLimits) -> io::Result<()> {
    let mut line = String::new();
    match io::stdin().read_line(&mut line)? {
        0 => Err(io::Error::other("who started it is gone")),
        _ => Ok(()),
    }
}

/// Becomes another program, and returns only if that cannot be started. On Windows that is a process
/// of its own, for whose end this one waits.
#[cfg(unix)]
pub fn become_program(command: &mut Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(command)
}

/// Becomes another program, and returns only if that cannot be started. On Windows that is a process
/// of its own, for whose end this one waits.
#[cfg(windows)]
pub fn become_program(command: &mut Command) -> io::Error {
    match command.stdin(std::process::Stdio::null()).status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(-1)),
        Err(error) => error,
    }
}

/// Ends this process as if from outside: nothing of ours runs after it.
///
/// # Panics
/// The system does not let it.
pub fn kill_ourselves() -> ! {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_process};
        kill_process(getpid(), Signal::KILL).expect("a process may end itself");
        loop {
            std::thread::park();
        }
    }
    #[cfg(windows)]
    std::process::abort()
}
