//! `syft-host list`

use clap::Args;

use super::{Exit, offer};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::Installer;
use crate::installed::Installed;
use crate::plain::plain;
use crate::ui::Ui;

/// List the installed apps
#[derive(Debug, Args)]
pub(super) struct ListArgs {}

pub(super) fn list(ui: Ui, overrides: &Overrides, _: &ListArgs) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let installer = Installer::open(&config).map_err(offer::explain)?;
    let names = installer.records().names()?;
    if names.is_empty() {
        ui.line("No app is installed. Install one with `syft-host install`.")?;
    }
    let mut exit = Exit::Success;
    for name in names {
        // One that cannot be read hides no other.
        match installer.installed(&name) {
            Ok(installed) => {
                ui.json(&offer::to_json("installed", &installed))?;
                for line in lines(&installed) {
                    ui.line(&line)?;
                }
            }
            Err(error) => {
                exit = Exit::Failure;
                ui.error(&offer::explain(error).about(&name));
            }
        }
    }
    Ok(exit)
}

fn lines(installed: &Installed) -> Vec<String> {
    let Installed {
        name,
        author,
        source,
        current,
        waiting,
        ..
    } = installed;
    let (version, sequence) = (&current.version, current.sequence);
    let mut lines = vec![
        format!("{name} {version} (release {sequence}) of {author}"),
        format!("  from {}", plain(source)),
    ];
    lines.extend(waiting.iter().map(|it| {
        format!(
            "  {} wants more: see `syft-host approve {name}`",
            it.version
        )
    }));
    lines
}
