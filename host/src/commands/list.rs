//! `syft-host list`

use clap::Args;
use serde_json::json;
use syft_manifest::clock::now;
use syft_manifest::sanitize::{plain, quoted};

use super::in_words::{ago, calls_in_words};
use super::{Exit, consent};
use crate::activity::{AppStatistics, CallStatistics};
use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::install::Installer;
use crate::installed::Installed;
use crate::supervisor::{AppStatus, HostStatus};
use crate::ui::Ui;
use syft_server::suspension::{self, Suspended};

/// List the installed apps, and how they are
#[derive(Debug, Args)]
pub(super) struct ListArgs {}

pub(super) fn list(ui: Ui, overrides: &Overrides, _: &ListArgs) -> Result<Exit, CommandError> {
    let config = Config::load(overrides)?;
    let installer = Installer::open(&config).map_err(consent::explain)?;
    let names = installer.records().names()?;
    let mut exit = Exit::Success;
    // What is installed is known without it.
    let status = HostStatus::read(&config.serving).unwrap_or_else(|error| {
        exit = Exit::Failure;
        ui.error(&CommandError::from(error).about("cannot tell what is served"));
        Some(HostStatus::default())
    });
    let counted = match super::status::ask(&config.serving) {
        Ok(activity) => activity.map(|activity| activity.apps).unwrap_or_default(),
        Err(error) => {
            exit = Exit::Failure;
            ui.error(&error);
            Vec::new()
        }
    };
    if names.is_empty() {
        ui.line("No app is installed. Install one with `syft-host install`.")?;
    } else if status.is_none() {
        ui.line("No host serves what is installed: start `syft-host serve`.")?;
    }
    for name in names {
        let status = status
            .as_ref()
            .and_then(|status| status.apps.get(name.as_str()));
        let counted = counted.iter().find(|app| app.app == name.as_str());
        // One that cannot be read hides no other.
        match installer.installed(&name) {
            Ok(installed) => {
                let suspended = suspension::suspended(&config.app_folder(&name))?;
                let mut json = consent::to_json("installed", &installed);
                json["status"] = json!(status);
                json["suspended"] = json!(suspended);
                json["statistics"] = json!(counted);
                ui.json(&json)?;
                for line in lines(&installed, status, counted, suspended.as_ref()) {
                    ui.line(&line)?;
                }
            }
            Err(error) => {
                exit = Exit::Failure;
                ui.error(&consent::explain(error).about(&name));
            }
        }
    }
    Ok(exit)
}

fn lines(
    installed: &Installed,
    status: Option<&AppStatus>,
    counted: Option<&AppStatistics>,
    suspended: Option<&Suspended>,
) -> Vec<String> {
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
    match suspended {
        Some(suspended) => lines.extend([
            format!("  {}", plain(&suspended.to_string())),
            format!("    its requests wait; serve it again with `syft-host resume {name}`"),
        ]),
        None => lines.extend(status.into_iter().flat_map(status_lines)),
    }
    lines.extend(counted.into_iter().flat_map(counted_lines));
    lines.extend(waiting.iter().map(|release| {
        format!(
            "  {} wants more: see `syft-host approve {name}`",
            release.version
        )
    }));
    lines
}

/// Returns what was counted since the host was started; nothing before the first call.
fn counted_lines(counted: &AppStatistics) -> Vec<String> {
    let CallStatistics {
        count,
        errors,
        last_error,
        ..
    } = &counted.calls;
    let calls = (*count > 0).then(|| format!("  {}", calls_in_words(*count, *errors)));
    let error = last_error.iter().flat_map(|error| {
        let age = now().saturating_duration_since(error.time());
        let title = format!("  last error {}, see `syft-host logs`:", ago(age));
        [title, quoted(&error.message)]
    });
    calls.into_iter().chain(error).collect()
}

fn status_lines(status: &AppStatus) -> Vec<String> {
    let AppStatus {
        serving, trouble, ..
    } = status;
    let Some(trouble) = trouble else {
        return match serving {
            Some(_) => vec!["  served".to_owned()],
            None => Vec::new(),
        };
    };
    let what = match serving {
        Some(_) => "  cannot be served, so the release before still is",
        None => "  cannot be served",
    };
    // An error may quote anybody, such as the author of the app.
    let error = trouble.error.lines().map(quoted);
    let hints = trouble
        .hints
        .iter()
        .map(|hint| format!("    {}", plain(hint)));
    std::iter::once(format!("{what}:"))
        .chain(error)
        .chain(hints)
        .collect()
}
