//! The entry of our own executable, where it is started to watch a child or to become one.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;
use std::process::{self, Command, ExitCode};

use syft_system::process::{IS_SUPERVISED, become_program, begin_as_child, ourselves};

use super::{ChildLimits, Kind, LAUNCHER, limits};

/// The first argument of a process that is no command line of a user.
const ARGUMENT: &str = "--child-of-syft-host";

/// Follows it where the process is to watch a child.
const SUPERVISE: &str = "supervise";

/// The code that shells give where a program cannot be started.
const NOT_STARTED: u8 = 127;

/// What a child of our own executable can do, by its name. It gets its arguments.
pub type Job = (&'static str, fn(&[OsString]) -> ExitCode);

/// Does what this process was started for, where that is not a command of a user: has to
/// come first in `main`. Returns nothing for commands.
pub fn enter(jobs: &[Job]) -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(ARGUMENT)) {
        // Without it nothing can be started, which is said then.
        if let Ok(ourselves) = ourselves() {
            LAUNCHER.get_or_init(|| ourselves);
        }
        return None;
    }
    let arguments: Vec<OsString> = arguments.collect();
    Some(match arguments.split_first() {
        #[cfg(unix)]
        Some((first, rest)) if first == SUPERVISE => supervise(rest),
        _ => become_child(&arguments, jobs).unwrap_or_else(|error| {
            // It becomes what the child says.
            drop(writeln!(io::stderr(), "start a child process: {error}"));
            NOT_STARTED.into()
        }),
    })
}

/// Returns the first arguments of what is started for a child; what it is to do follows.
pub(super) fn first_arguments(limits: &ChildLimits, kind: Kind) -> [String; 4] {
    let kind = match kind {
        Kind::Program => "program",
        Kind::Job => "job",
    };
    let first = if IS_SUPERVISED {
        SUPERVISE.to_owned()
    } else {
        process::id().to_string()
    };
    let limits = limits::to_argument(limits);
    [ARGUMENT.to_owned(), first, limits, kind.to_owned()]
}

/// Starts a child and watches it.
#[cfg(unix)]
fn supervise(arguments: &[OsString]) -> ExitCode {
    let watch = || {
        let limits = arguments.first().map(|text| text.to_string_lossy());
        let limits = limits::from_argument(&limits.unwrap_or_default())?;
        let mut command = syft_system::process::command_of_ours(&ourselves()?, super::NAME);
        command
            .arg(ARGUMENT)
            .arg(process::id().to_string())
            .args(arguments);
        syft_system::process::supervise(command, &limits)
    };
    match watch() {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody hears more of it.
        Err(_) => ExitCode::FAILURE,
    }
}

fn become_child(arguments: &[OsString], jobs: &[Job]) -> io::Result<ExitCode> {
    let [watcher, limits, kind, name, rest @ ..] = arguments else {
        return Err(io::Error::other("arguments are missing"));
    };
    let limits = limits::from_argument(&limits.to_string_lossy())?;
    begin_as_child(&watcher.to_string_lossy(), &limits)?;
    if kind == "job" {
        let job = jobs.iter().find(|(known, _)| *known == name);
        let (_, job) = job.ok_or_else(|| io::Error::other("there is no such job"))?;
        return Ok(job(rest));
    }
    let error = become_program(Command::new(name).args(rest));
    let program = Path::new(name).display();
    Err(io::Error::new(error.kind(), format!("{program}: {error}")))
}
