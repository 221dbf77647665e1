//! Looks at everything that serving and building apps depend on, and changes nothing.

mod client;
mod clock;
#[cfg(target_os = "linux")]
mod kernel;
mod machine;
mod places;
mod serving;
#[cfg(target_os = "linux")]
mod systemd;
mod toolchain;
mod workers;

use crate::config::{Config, Overrides};
use crate::error::CommandError;
use crate::settings::HostSettings;

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    /// As it should be.
    Ok,
    /// Something is slower, or does not work that not everybody needs.
    Warning,
    /// Apps cannot be served.
    Error,
}

/// What was found out about one thing.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) topic: &'static str,
    pub(crate) health: Health,
    /// What is so.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) fixes: Vec<String>,
}

impl Finding {
    fn ok(topic: &'static str, what: impl Into<String>) -> Self {
        Self {
            topic,
            health: Health::Ok,
            what: what.into(),
            fixes: Vec::new(),
        }
    }

    fn warning(topic: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            health: Health::Warning,
            fixes: vec![fix.into()],
            ..Self::ok(topic, what)
        }
    }

    fn error(topic: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            health: Health::Error,
            ..Self::warning(topic, what, fix)
        }
    }

    fn of_error(topic: &'static str, error: &CommandError) -> Self {
        Self {
            health: Health::Error,
            fixes: error.hints().to_vec(),
            ..Self::ok(topic, error.to_string())
        }
    }
}

/// Looks at all of it, in the order in which one would mend it.
pub(crate) fn examine(overrides: &Overrides) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Config::load(overrides) {
        Ok(config) => {
            findings.push(owner(&config));
            findings.push(settings());
            findings.extend(places::examine(&config));
            findings.extend(serving::examine(&config));
            findings.extend(service(overrides));
            findings.extend(client::examine(&config));
            findings.extend(workers::examine());
            findings.extend(clock::examine(Some(&config)));
        }
        Err(error) => {
            findings.push(Finding::of_error("owner", &error));
            findings.extend(service(overrides));
            findings.extend(clock::examine(None));
        }
    }
    #[cfg(target_os = "linux")]
    findings.extend(kernel::inotify());
    findings.extend(machine::examine());
    #[cfg(target_os = "linux")]
    findings.extend(kernel::features());
    findings.extend(toolchain::examine(overrides));
    findings
}

/// Tells what starts the host at login.
#[cfg(target_os = "linux")]
fn service(overrides: &Overrides) -> Vec<Finding> {
    systemd::examine(overrides)
}

/// Tells what starts the host at login.
#[cfg(not(target_os = "linux"))]
fn service(_: &Overrides) -> Vec<Finding> {
    Vec::new()
}

/// Tells how the owner wants apps to be served.
fn settings() -> Finding {
    let topic = "config file";
    let found = HostSettings::path().and_then(|path| Ok((HostSettings::load()?, path)));
    match found {
        Err(error) => Finding::of_error(topic, &error),
        Ok((_, path)) if !path.exists() => Finding::ok(
            topic,
            format!("no {}, so the defaults count", path.display()),
        ),
        Ok((_, path)) => Finding::ok(topic, path.display().to_string()),
    }
}

fn owner(config: &Config) -> Finding {
    let (email, datasites) = (&config.email, config.datasites.display());
    if config.is_local {
        let what = format!(
            "no SyftBox is set up, so apps are served to {email} in {datasites}, synced with nobody"
        );
        return Finding::warning("owner", what, "to be reached by others: `syftbox login`");
    }
    Finding::ok("owner", format!("{email}, in {datasites}"))
}
