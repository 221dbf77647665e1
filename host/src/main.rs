//! The program: arguments to a command, its end to an exit code.

use std::process::ExitCode;

use clap::Parser;
use syft_host::commands::Cli;

fn main() -> ExitCode {
    Cli::parse().run().into()
}
