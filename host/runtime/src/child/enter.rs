//! The entry of our own executable, where it is started to watch a child or to become one.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use rustix::thread::set_no_new_privs;

use super::{ChildLimits, Kind, LAUNCHER, limits, supervisor};

/// The first argument of a process that is no command line of a user.
const ARGUMENT: &str = "--child-of-syft-host";

/// Follows it where the process is to watch a child.
const SUPERVISE: &str = "supervise";

/// The running executable, whatever became of its file.
const OURSELVES: &str = "/proc/self/exe";

/// The code that shells give where a program cannot be started.
const NOT_STARTED: u8 = 127;

/// The kernel ends children before it ends us, where memory runs out.
const OOM_SCORE: &str = "500";

/// What a child of our own executable can do, by its name. It gets its arguments.
pub type Job = (&'static str, fn(&[OsString]) -> ExitCode);

/// Does what this process was started for, where that is not a command of a user: has to
/// come first in `main`. Returns nothing for commands.
pub fn enter(jobs: &[Job]) -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(ARGUMENT)) {
        LAUNCHER.get_or_init(|| OURSELVES.into());
        return None;
    }
    let arguments: Vec<OsString> = arguments.collect();
    Some(match arguments.split_first() {
        Some((first, rest)) if first == SUPERVISE => supervisor::supervise(rest),
        _ => become_child(&arguments, jobs).unwrap_or_else(|error| {
            // It becomes what the child says.
            drop(writeln!(io::stderr(), "start a child process: {error}"));
            NOT_STARTED.into()
        }),
    })
}

/// Returns the first arguments of a supervisor; what the child is to do follows.
pub(super) fn supervised(limits: &ChildLimits, kind: Kind) -> [String; 4] {
    let kind = match kind {
        Kind::Program => "program",
        Kind::Job => "job",
    };
    [ARGUMENT, SUPERVISE, &limits.to_argument(), kind].map(str::to_owned)
}

/// Returns the command by which a supervisor starts its child.
pub(super) fn child_of_supervisor(arguments: &[OsString]) -> Command {
    let mut command = Command::new(OURSELVES);
    command
        .arg0("syft-host")
        .arg(ARGUMENT)
        .arg(getpid().to_string())
        .args(arguments)
        // What it starts is in its group, unless it makes others.
        .process_group(0);
    command
}

fn become_child(arguments: &[OsString], jobs: &[Job]) -> io::Result<ExitCode> {
    let [parent, limits, kind, name, rest @ ..] = arguments else {
        return Err(io::Error::other("arguments are missing"));
    };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let is_orphan = getppid().map(|pid| pid.to_string()) != parent.to_str().map(str::to_owned);
    if is_orphan {
        return Err(io::Error::other("its supervisor is gone"));
    }
    // No file with a set-user-ID bit gives it, or what it starts, other limits than these.
    set_no_new_privs(true)?;
    // It is not possible everywhere.
    fs::write("/proc/self/oom_score_adj", OOM_SCORE).ok();
    limits::apply(&limits.to_string_lossy())?;
    if kind == "job" {
        let job = jobs.iter().find(|(known, _)| *known == name);
        let (_, job) = job.ok_or_else(|| io::Error::other("there is no such job"))?;
        return Ok(job(rest));
    }
    let error = Command::new(name).args(rest).exec();
    let program = Path::new(name).display();
    Err(io::Error::new(error.kind(), format!("{program}: {error}")))
}
