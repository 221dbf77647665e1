//! The program: arguments to a command, its end to an exit code.

use std::process::ExitCode;

use syft_host::commands::Cli;
use syft_runtime::child;
use syft_runtime::sandbox;

/// What a child process of this program does in place of a command.
const JOBS: &[child::Job] = &[("compile", sandbox::compile_job)];

fn main() -> ExitCode {
    child::enter(JOBS).unwrap_or_else(|| Cli::read().run().into())
}
