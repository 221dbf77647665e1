//! What is known of an app because it is installed.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use syft_manifest::Limits;
use syft_manifest::sanitize::plain;
use syft_protocol::address::AppName;

use super::super::consent;
use super::report::{Signed, block};
use crate::config::Config;
use crate::error::CommandError;
use crate::install::Installer;
use crate::installed::{Installed, InstalledRelease};
use crate::settings::AppRules;
use crate::supervisor::{AppStatus, HostStatus};
use crate::typos;
use crate::ui::Ui;

/// An installed app, with the component of the release that is served.
pub(super) struct InstalledApp {
    pub(super) path: PathBuf,
    pub(super) component: Vec<u8>,
    installed: Installed,
    /// What the owner denies it and lets it use, whatever was approved.
    rules: AppRules,
    is_host_running: bool,
    status: Option<AppStatus>,
}

impl InstalledApp {
    /// Finds the app that a text names, unless it is the path of a file.
    pub(super) fn find(
        ui: Ui,
        config: &Config,
        named: &Path,
    ) -> Result<Option<Self>, CommandError> {
        let name = named.to_str().and_then(|name| AppName::parse(name).ok());
        let Some(name) = name.filter(|_| !named.is_file()) else {
            return Ok(None);
        };
        let installer = Installer::open(config).map_err(consent::explain)?;
        let Some(installed) = installer.records().get(&name)? else {
            return Ok(None);
        };
        let (path, component) = installer.component(&installed).map_err(consent::explain)?;
        // How it is served is told as far as it is known.
        let status = HostStatus::read(&config.serving).ok().flatten();
        Ok(Some(Self {
            path,
            component,
            is_host_running: status.is_some(),
            status: status.and_then(|mut status| status.apps.remove(name.as_str())),
            rules: consent::rules(ui, &name),
            installed,
        }))
    }

    /// Returns who has signed it.
    pub(super) fn signed(&self) -> Signed {
        Signed::Known {
            key: self.installed.current.signer.clone(),
            author: self.installed.author.to_string(),
        }
    }

    /// Returns what it may use at most.
    pub(super) fn limits(&self) -> Limits {
        self.rules.limit(self.installed.current.limits())
    }

    pub(super) fn to_json(&self) -> Value {
        let mut json = consent::to_json("installed", &self.installed);
        json["status"] = json!(self.status);
        json["settings"] = self.rules.to_json(&self.installed.current.limits());
        json
    }

    pub(super) fn to_lines(&self) -> Vec<String> {
        let Installed {
            author,
            source,
            current,
            earlier,
            waiting,
            ..
        } = &self.installed;
        let mut lines = Vec::new();
        let about = [
            format!("{}, since {}", current.in_words(), current.since),
            format!("of {author}, from {}", plain(source)),
            self.served(),
        ];
        block(&mut lines, "Installed:", about.into_iter());
        let denied = current.denied.iter().map(ToString::to_string);
        block(&mut lines, "You deny it, whatever it asks for:", denied);
        let denied = self.rules.denied_in_words().into_iter();
        block(
            &mut lines,
            "Your config.toml denies it, whatever was approved:",
            denied,
        );
        let limited = self.rules.limited_in_words(&current.limits()).into_iter();
        block(&mut lines, "Your config.toml sets its limits:", limited);
        let back = earlier.iter().map(InstalledRelease::in_words);
        block(&mut lines, "`syft-host rollback` can go back to:", back);
        let waiting = waiting.iter().map(InstalledRelease::in_words);
        block(
            &mut lines,
            "Waits for `syft-host approve`, since it wants more:",
            waiting,
        );
        lines
    }

    fn served(&self) -> String {
        match &self.status {
            _ if !self.is_host_running => "not served: start `syft-host serve`".to_owned(),
            Some(AppStatus {
                trouble: Some(trouble),
                ..
            }) => {
                format!("not served as it is installed: {}", plain(&trouble.error))
            }
            Some(AppStatus {
                serving: Some(_), ..
            }) => "served".to_owned(),
            _ => "not served yet".to_owned(),
        }
    }
}

/// Adds what is installed by a name like that of a file that is not there.
pub(super) fn hint(config: &Config, named: &Path, error: CommandError) -> CommandError {
    let typed = named.to_str().filter(|typed| AppName::parse(typed).is_ok());
    let Some(typed) = typed.filter(|_| !named.exists()) else {
        return error;
    };
    let names = Installer::open(config).ok();
    let names = names.and_then(|installer| installer.records().names().ok());
    let names = names.unwrap_or_default();
    match typos::meant(typed, names.iter().map(AppName::as_str)) {
        Some(meant) => error.hint(format!("did you mean `syft-host inspect {meant}`?")),
        None => error.hint("no app of this name is installed either: see `syft-host list`"),
    }
}
