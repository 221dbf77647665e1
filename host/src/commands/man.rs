//! `syft-host man`

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use serde_json::json;

use super::{Cli, Exit};
use crate::error::CommandError;
use crate::ui::Ui;

/// What the exit codes of all commands mean.
const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "The command did what it was asked to."),
    ("1", "An app answered with an error."),
    (
        "2",
        "It could not be done, or the command line was not understood.",
    ),
    ("3", "No answer came in time."),
];

/// Write the manual pages of all commands into a folder
///
/// For those who package this program: packages bring the pages along, for `man syft-host`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn man(ui: Ui, args: &ManArgs) -> Result<Exit, CommandError> {
    let named = |error: io::Error| CommandError::from(error).about(args.folder.display());
    fs::create_dir_all(&args.folder).map_err(named)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let n_pages = write_pages(&command, &args.folder).map_err(named)?;
    ui.json(&json!({"event": "written", "path": args.folder, "pages": n_pages}))?;
    ui.line(&format!("{n_pages} pages in {}", args.folder.display()))?;
    Ok(Exit::Success)
}

/// Writes the page of a command and those of all below it. Returns how many these are.
fn write_pages(command: &Command, folder: &Path) -> io::Result<usize> {
    let man = Man::new(command.clone())
        .source(concat!("syft-host ", env!("CARGO_PKG_VERSION")))
        .manual("syft-host");
    let mut page = Vec::new();
    man.render(&mut page)?;
    exit_status().to_writer(&mut page)?;
    fs::write(folder.join(man.get_filename()), page)?;
    let mut n_pages = 1;
    for inner in command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
    {
        n_pages += write_pages(inner, folder)?;
    }
    Ok(n_pages)
}

fn exit_status() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        roff.control("TP", []);
        roff.text([roman(*code)]);
        roff.text([roman(*meaning)]);
    }
    roff
}
