//! `syft-host completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit};
use crate::error::CommandError;
use crate::ui::Ui;

/// Print the completions for a shell
///
/// Packages bring those of bash, zsh and fish along. Otherwise write them where your shell looks:
/// syft-host completions bash > ~/.local/share/bash-completion/completions/syft-host
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell that reads them
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(ui: Ui, args: &CompletionsArgs) -> Result<Exit, CommandError> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    ui.bytes(&script)?;
    Ok(Exit::Success)
}
