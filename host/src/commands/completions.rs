//! `syft-host completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit};
use crate::error::CommandError;
use crate::ui::Ui;

/// In bash the names of our commands' states are spelt in two ways if the name of the program has a
/// hyphen, and nothing is completed after a command: <https://github.com/clap-rs/clap/issues/6421>.
const MISSPELT: &str = "syft__subcmd__host__";
const SPELT: &str = "syft__host__";

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
    let script = String::from_utf8(script)?;
    ui.bytes(script.replace(MISSPELT, SPELT).as_bytes())?;
    Ok(Exit::Success)
}
