//! `syft-host update`

use clap::Args;
use serde_json::json;
use syft_manifest::sanitize::{plain, plain_lines};
use syft_protocol::address::AppName;

use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::{Installer, Update};
use crate::installed::more_often;
use crate::ui::Ui;

/// Take newer releases of installed apps
///
/// Each comes from where the app came from. One that wants more than was approved waits for
/// `syft-host approve`, and the one before goes on. A release that is older, revoked, signed by
/// another key or otherwise not in order is refused, and then it ends with 2.
#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// Names of apps [default: all that are installed]
    apps: Vec<String>,

    /// Only tell what there is
    #[arg(long)]
    check: bool,
}

pub(super) async fn update(
    ui: Ui,
    overrides: &Overrides,
    args: &UpdateArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let installer = Installer::open(&config).map_err(consent::explain)?;
    let names = match args.apps.as_slice() {
        [] => installer.records().names()?,
        apps => apps
            .iter()
            .map(|app| AppName::parse(app))
            .collect::<Result<_, _>>()?,
    };
    if names.is_empty() {
        ui.line("No app is installed.")?;
    }
    let mut exit = Exit::Success;
    for name in names {
        let waiting = ui.wait(&format!("looking for a newer release of {name}"));
        let updated = update_one(&installer, &name, args.check).await;
        drop(waiting);
        match updated {
            Ok(update) => tell(ui, &name, update, args.check)?,
            Err(error) => {
                exit = Exit::Failure;
                refuse(ui, &name, &error)?;
            }
        }
    }
    Ok(exit)
}

async fn update_one(
    installer: &Installer<'_>,
    name: &AppName,
    only_look: bool,
) -> Result<Update, CommandError> {
    let wrong = |error| consent::explain(error).about(format!("{name} is not updated"));
    let installed = installer.installed(name).map_err(wrong)?;
    let update = installer.update(&installed, only_look).await;
    update.map_err(|error| {
        let from = plain(&installed.source);
        consent::explain(error).about(format!("{name} is not updated from {from}"))
    })
}

fn tell(ui: Ui, name: &AppName, update: Update, only_look: bool) -> Result<(), CommandError> {
    match update {
        Update::None => {
            ui.json(&json!({"event": "up-to-date", "name": name.as_str()}))?;
            ui.line(&format!("{name}: nothing new"))?;
        }
        Update::Skipped => {
            ui.json(&json!({"event": "skipped", "name": name.as_str()}))?;
            ui.line(&format!(
                "{name}: nothing but the release that you did not want"
            ))?;
        }
        Update::Waits(installed, added_permissions) => {
            consent::tell_waits(ui, &installed, &added_permissions)?
        }
        Update::Taken(installed) => {
            let event = if only_look { "available" } else { "updated" };
            ui.json(&consent::to_json(event, &installed))?;
            let version = &installed.current.version;
            let before = installed
                .previous()
                .map(|release| release.version.to_string());
            let before = before.unwrap_or_default();
            ui.line(&if only_look {
                format!("{name}: {version} could take the place of {before}")
            } else {
                format!("{name}: {version} takes the place of {before}")
            })?;
            let before = installed.previous().map(|release| &release.approved);
            let more = before.map(|before| more_often(before, &installed.current.approved));
            for line in consent::block("It acts more often", &more.unwrap_or_default()) {
                ui.line(&line)?;
            }
        }
    }
    Ok(())
}

fn refuse(ui: Ui, name: &AppName, error: &CommandError) -> Result<(), CommandError> {
    ui.json(&json!({
        "event": "refused",
        "name": name.as_str(),
        "why": plain_lines(&error.to_string()),
    }))?;
    ui.error(error);
    Ok(())
}
