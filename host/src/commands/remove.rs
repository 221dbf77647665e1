//! `syft-host remove`

use clap::Args;
use serde_json::{Value, json};
use syft_manifest::units::show_mib;
use syft_protocol::address::AppName;

use super::{Exit, consent};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::{Installer, Leftovers};
use crate::ui::Ui;

/// Remove an installed app
///
/// It is served no longer, no longer told to callers, and its compiled code is deleted. What it
/// kept, its secrets, its logs and its folder in the datasite can stay for the case that it is
/// installed again, or be deleted: on a terminal you are asked, elsewhere they stay.
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Name of the app
    app: String,

    /// Keep what it kept, its secrets, logs and folder in the datasite, without asking
    #[arg(long, conflicts_with = "delete_data")]
    keep_data: bool,

    /// Delete them, without asking: its folder in the datasite everywhere where it is synced
    #[arg(long, alias = "data")]
    delete_data: bool,
}

/// What becomes of what an app kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    Keep,
    Delete,
}

pub(super) async fn remove(
    ui: Ui,
    overrides: &Overrides,
    args: &RemoveArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let installer = Installer::open(&config).map_err(consent::explain)?;
    let name = AppName::parse(&args.app)?;
    let is_installed = installer.records().names()?.contains(&name);
    let left = installer.leftovers(&name)?;
    // A folder in the datasite alone may be that of a program that was never an app of this host.
    let is_kept = left.private.is_some() || left.logs.is_some();
    let is_known = is_installed || (args.delete_data && is_kept);
    if !is_known {
        return Err(not_installed(&installer, &name, is_kept));
    }
    let data = args.choose(ui, &name, &left)?;
    installer.remove(&name).map_err(consent::explain)?;
    left.unadvertise()?;
    let lines = lines(&left);
    ui.json(&json!({
        "event": "removed",
        "name": name.as_str(),
        "data": data == Data::Delete,
        "left": if data == Data::Keep { to_json(&left) } else { json!([]) },
    }))?;
    if data == Data::Delete {
        let _waiting = ui.wait(&format!("waiting until {name} is served no longer"));
        left.delete().await?;
        ui.line(&format!("Removed {name}, and all that it kept."))?;
        return Ok(Exit::Success);
    }
    ui.line(&format!("Removed {name}."))?;
    if !lines.is_empty() {
        ui.line("This stays:")?;
        for line in lines {
            ui.line(&line)?;
        }
        ui.line(&format!(
            "`syft-host remove {name} --delete-data` deletes it."
        ))?;
    }
    Ok(Exit::Success)
}

impl RemoveArgs {
    /// Returns what is to become of what an app kept, as the owner says, who is asked on a terminal.
    fn choose(&self, ui: Ui, name: &AppName, left: &Leftovers) -> Result<Data, CommandError> {
        if self.delete_data {
            return Ok(Data::Delete);
        }
        if self.keep_data || left.is_empty() || ui.is_json() || !ui.can_ask() {
            return Ok(Data::Keep);
        }
        ui.status(&format!("There is this of {name}:"));
        for line in lines(left) {
            ui.status(&line);
        }
        let question = format!("Remove {name} and [k]eep this, [d]elete it too, or [c]ancel:");
        loop {
            match ui.ask(&question)?.as_str() {
                "k" | "keep" => return Ok(Data::Keep),
                "d" | "delete" => return Ok(Data::Delete),
                "c" | "cancel" | "n" | "no" | "" => {
                    return Err(CommandError::declined(format!("{name} is not removed.")));
                }
                _ => ui.status("Please answer k, d or c."),
            }
        }
    }
}

fn not_installed(installer: &Installer<'_>, name: &AppName, has_data: bool) -> CommandError {
    let error = consent::explain(installer.not_installed(name));
    if has_data {
        error.hint(format!(
            "what it kept is still there; `syft-host remove {name} --delete-data` deletes it"
        ))
    } else {
        error
    }
}

/// Returns what there is of an app, for people.
fn lines(left: &Leftovers) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(private) = &left.private {
        let bytes = show_mib(left.private_bytes);
        lines.push(format!(
            "  what it kept between calls, {bytes}: {}",
            private.display()
        ));
    }
    if !left.secrets.is_empty() {
        lines.push(format!("  its secrets: {}", left.secrets.join(", ")));
    }
    if let Some((folder, bytes)) = &left.logs {
        let bytes = show_mib(*bytes);
        lines.push(format!("  its logs, {bytes}: {}", folder.display()));
    }
    if let Some((folder, contents)) = &left.shared {
        let more = if contents.is_more { "more than " } else { "" };
        let (n_files, bytes) = (contents.n_files, show_mib(contents.bytes));
        let path = folder.path().display();
        lines.push(format!(
            "  its folder in the datasite, which is synced, {more}{n_files} files, {bytes}: {path}"
        ));
    }
    lines
}

fn to_json(left: &Leftovers) -> Value {
    let private = left.private.iter().map(|folder| {
        json!({"kind": "private", "path": folder.to_path_buf(), "bytes": left.private_bytes, "secrets": left.secrets})
    });
    let shared = left.shared.iter().map(|(folder, contents)| {
        json!({"kind": "shared", "path": folder.path(), "bytes": contents.bytes, "files": contents.n_files})
    });
    let logs = left
        .logs
        .iter()
        .map(|(folder, bytes)| json!({"kind": "logs", "path": folder, "bytes": bytes}));
    private.chain(logs).chain(shared).collect()
}
