//! `syft-host autostart`

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use syft_manifest::Digest;
use syft_manifest::sanitize::{in_shell, is_plain};
use syft_system::rights;

use super::Exit;
use crate::config::{Config, Overrides, StartCommand, user_units};
use crate::error::CommandError;
use crate::settings::HostSettings;
use crate::ui::Ui;

/// Line of a file that says by its digest that the rest of it is as it was written here.
const MARK: &str = "# Written by `syft-host autostart`, which replaces it unless it was changed: ";

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
    Systemd,
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
        AutostartBy::Systemd => unit(&start)?,
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

/// A file by which the host is started.
struct Starter {
    path: PathBuf,
    text: String,
    mode: u32,
    /// What to do then.
    next: Vec<String>,
}

impl Starter {
    fn write(&self, force: bool) -> Result<(), CommandError> {
        let named = |error: io::Error| {
            CommandError::from(error).about(format!("write {}", self.path.display()))
        };
        match fs::read(&self.path) {
            Ok(there) if !force && there != self.text.as_bytes() && !is_ours(&there) => {
                let message = format!(
                    "{} is there already, and not as `syft-host autostart` writes it",
                    self.path.display()
                );
                return Err(CommandError::new(message)
                    .hint("see what would be written with --print, or replace it with --force"));
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(named(error)),
            _ => {}
        }
        self.replace().map_err(named)
    }

    fn replace(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(&self.path);
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(self.text.as_bytes())?;
        rights::set_mode(file.as_file(), self.mode)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

/// Puts the mark between the parts of a file.
fn marked(before: &str, after: &str) -> String {
    let digest = Digest::of(format!("{before}{after}").as_bytes());
    format!("{before}{MARK}{digest}\n{after}")
}

/// Tells whether a file is as it was written here.
fn is_ours(file: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(file) else {
        return false;
    };
    let is_mark = |line: &&str| line.starts_with(MARK);
    let Some(mark) = text.split_inclusive('\n').find(is_mark) else {
        return false;
    };
    let rest: String = text
        .split_inclusive('\n')
        .filter(|line| !is_mark(line))
        .collect();
    mark.trim_end().strip_prefix(MARK) == Some(Digest::of(rest.as_bytes()).as_str())
}

/// What of systemd's hardening is possible in a service of a user. What needs a namespace of
/// its own (PrivateTmp, ProtectSystem) is left out: many systems give users none, and the
/// service would not start. Guests have their own sandbox.
const UNIT: &str = "\
Restart=on-failure
RestartSec=5
# It is ready after a minute, even where apps are still compiled.
TimeoutStartSec=300
# Calls in progress are finished.
TimeoutStopSec=90
NoNewPrivileges=yes
LockPersonality=yes
# What apps may not take from the rest of the machine. Where memory runs out, a compiler goes
# first, and the host goes on. Without swap a call never reads what another one left.
MemoryMax=75%
MemorySwapMax=0
OOMPolicy=continue
TasksMax=4096
# Updates may come from registries.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Compiled apps are loaded as code, so MemoryDenyWriteExecute is not possible.

[Install]
WantedBy=default.target
";

fn unit(start: &StartCommand) -> Result<Starter, CommandError> {
    let mut text = String::from(
        "\n[Unit]\nDescription=SyftBox apps in sandboxes\n\
         # An app that crashes the host is found out and suspended before so many starts.\n\
         StartLimitIntervalSec=15min\nStartLimitBurst=40\n\n\
         [Service]\nType=notify\nExecStart=",
    );
    text.push_str(&in_unit(plain_path(&start.program)?));
    text.push_str(" serve");
    for argument in &start.arguments {
        text.push(' ');
        // A `$` would stand for a variable there.
        text.push_str(&in_unit(plain_text(argument)?).replace('$', "$$"));
    }
    text.push_str("\nExecReload=/bin/kill -HUP $MAINPID\n");
    for (name, value) in &start.environment {
        let said = format!("{name}={}", plain_text(value)?);
        text.push_str(&format!("Environment={}\n", in_unit(&said)));
    }
    text.push_str(UNIT);
    Ok(Starter {
        path: user_units()?.join("syft-host.service"),
        text: marked("", &text),
        mode: 0o644,
        next: vec![
            "Start it now and at each login:".to_owned(),
            "  systemctl --user daemon-reload".to_owned(),
            "  systemctl --user enable --now syft-host".to_owned(),
            "Without a login, too: loginctl enable-linger".to_owned(),
            format!("Its options: {}", HostSettings::path()?.display()),
            "  syft-host config init      # writes one with all of them, none in force".to_owned(),
            "  systemctl --user reload syft-host".to_owned(),
        ],
    })
}

/// Quotes a text as systemd reads it.
fn in_unit(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('%', "%%"))
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
        text: marked("#!/bin/sh\n", &text),
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
    fn knows_what_it_wrote_from_what_somebody_changed() {
        for (before, after) in [("", "a\nb\n"), ("#!/bin/sh\n", "exec x\n")] {
            let text = marked(before, after);
            assert!(text.starts_with(before) && is_ours(text.as_bytes()));
            assert!(!is_ours(text.replace(after, "other\n").as_bytes()));
            assert!(!is_ours(format!("{text}more\n").as_bytes()));
        }
        assert!(!is_ours(b"") && !is_ours(b"exec x\n") && !is_ours(b"\xff"));
    }

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        assert_eq!(in_unit(r#"a"b\c %h"#), r#""a\"b\\c %%h""#);
        for text in ["a\nb", "a\rb", "\u{1b}"] {
            assert!(plain_text(text).is_err(), "{text:?}");
        }
    }
}
