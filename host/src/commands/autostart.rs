//! `syft-host autostart`

#[cfg(any(test, target_os = "macos", windows))]
mod login;
mod starter;
#[cfg(target_os = "linux")]
mod systemd;

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;
use syft_manifest::sanitize::{in_shell, is_plain};

use super::Exit;
use crate::config::{Config, Overrides, StartCommand};
use crate::error::CommandError;
use crate::ui::Ui;
use starter::{Comment, Starter, marked};

/// Start `syft-host serve` from systemd or SyftBox
///
/// Writes one file. A file of that name that this command did not write stays as it is.
#[derive(Debug, Args)]
pub(super) struct AutostartArgs {
    #[command(subcommand)]
    by: AutostartBy,

    /// Only show the file
    #[arg(long, global = true)]
    print: bool,

    /// Replace an existing file
    #[arg(long, global = true)]
    force: bool,
}

#[derive(Debug, Subcommand)]
enum AutostartBy {
    /// As a service of this user: ~/.config/systemd/user/syft-host.service
    #[cfg(target_os = "linux")]
    Systemd,
    /// As an agent of this user: ~/Library/LaunchAgents/org.openmined.syft-host.plist
    #[cfg(target_os = "macos")]
    Launchd,
    /// As a task of this user: a file for `schtasks /Create /XML`
    #[cfg(windows)]
    Task,
    /// As an app of the SyftBox client: apps/syft-host/run.sh in its data folder
    Syftbox,
}

pub(super) fn autostart(
    ui: Ui,
    overrides: &Overrides,
    args: &AutostartArgs,
) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let start = StartCommand::find(overrides)?;
    let file = match args.by {
        #[cfg(target_os = "linux")]
        AutostartBy::Systemd => systemd::unit(&start)?,
        #[cfg(target_os = "macos")]
        AutostartBy::Launchd => login::agent(&start, &crate::config::user_library()?)?,
        #[cfg(windows)]
        AutostartBy::Task => login::task(&start, &config.apps.with_file_name("task.xml"))?,
        AutostartBy::Syftbox => script(&config, &start)?,
    };
    if args.print {
        ui.bytes(file.text.as_bytes())?;
        return Ok(Exit::Success);
    }
    file.write(args.force)?;
    ui.json(&json!({"event": "written", "path": file.path}))?;
    ui.line(&format!("Written: {}", file.path.display()))?;
    for line in &file.next {
        ui.line(line)?;
    }
    Ok(Exit::Success)
}

fn script(config: &Config, start: &StartCommand) -> Result<Starter, CommandError> {
    if config.is_local {
        return Err(CommandError::new("no SyftBox is set up on this machine")
            .hint("set one up with `syftbox login`, or give --config, or --email and --data-dir"));
    }
    let mut text =
        "# SyftBox says by its own variables for whom, and kills what has not ended after 3 s.\n"
            .to_owned();
    for (name, value) in &start.environment {
        text.push_str(&format!("export {name}={}\n", in_shell(plain_text(value)?)));
    }
    let program = in_shell(plain_path(&start.program)?);
    text.push_str(&format!("exec {program} serve\n"));
    let data = config.datasites.parent().unwrap_or(&config.datasites);
    let folder = data.join("apps/syft-host");
    Ok(Starter {
        text: marked(Comment::Hash, "#!/bin/sh\n", &text),
        mode: 0o755,
        next: vec![
            "SyftBox starts it within seconds of its own start, and logs to".to_owned(),
            format!("  {}", folder.join("logs/app.log").display()),
        ],
        path: folder.join("run.sh"),
    })
}

fn plain_path(path: &Path) -> Result<&str, CommandError> {
    let text = path
        .to_str()
        .ok_or_else(|| CommandError::new(format!("{} is not in UTF-8", path.display())))?;
    plain_text(text)
}

/// Lines and the like would be something else in the file.
fn plain_text(text: &str) -> Result<&str, CommandError> {
    if text.chars().all(is_plain) {
        Ok(text)
    } else {
        Err(CommandError::new(format!(
            "`{}` cannot be written into such a file",
            text.escape_debug()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_line() {
        for text in ["a\nb", "a\rb", "\u{1b}"] {
            assert!(plain_text(text).is_err(), "{text:?}");
        }
    }
}
