//! The host that serves what is installed, and how the apps are.

use syft_protocol::address::AppName;

use super::Finding;
use crate::config::Config;
use crate::installed::InstalledRecords;
use crate::supervisor::HostStatus;
use syft_server::suspension;

const HOST: &str = "host";
const APPS: &str = "apps";

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let names = if config.installed.is_dir() {
        InstalledRecords::open(&config.installed).and_then(|records| {
            let names = records.names()?;
            // One that cannot be read is found here.
            for name in &names {
                records.get(name)?;
            }
            Ok(names)
        })
    } else {
        Ok(Vec::new())
    };
    let names = match names {
        Ok(names) => names,
        Err(error) => {
            let fix = "remove the app, and install it again: its data stays";
            return vec![
                host(config, 0),
                Finding::error(APPS, error.to_string(), fix),
            ];
        }
    };
    let mut findings = vec![host(config, names.len())];
    findings.extend(apps(config, &names));
    findings
}

fn host(config: &Config, n_installed: usize) -> Finding {
    match HostStatus::read(&config.serving) {
        Ok(Some(status)) => Finding::ok(
            HOST,
            format!("process {} serves what is installed", status.pid),
        ),
        Ok(None) if HostStatus::was_left(&config.serving) => Finding::warning(
            HOST,
            "the host that served what is installed was killed or has crashed",
            "start it again: `syft-host serve`; what was not answered is answered then",
        ),
        Ok(None) if n_installed > 0 => Finding::warning(
            HOST,
            format!("no host serves the apps that are installed: {n_installed}"),
            "start it: `syft-host serve`, or at each login: `syft-host autostart systemd`",
        ),
        Ok(None) => Finding::ok(HOST, "none runs, and no app is installed"),
        Err(error) => Finding::error(
            HOST,
            format!("cannot tell whether one runs: {error}"),
            format!("see {}", config.serving.display()),
        ),
    }
}

fn apps(config: &Config, names: &[AppName]) -> Vec<Finding> {
    let status = HostStatus::read(&config.serving).ok().flatten();
    let mut findings = Vec::new();
    for name in names {
        let status = status.as_ref();
        let status = status.and_then(|status| status.apps.get(name.as_str()));
        let trouble = status.and_then(|status| status.trouble.as_ref());
        match suspension::suspended(&config.app_folder(name)) {
            Ok(Some(suspended)) => findings.push(Finding::warning(
                APPS,
                format!("{name}: {suspended}"),
                format!("serve it again: `syft-host resume {name}`"),
            )),
            Err(error) => findings.push(Finding::error(
                APPS,
                format!("{name}: cannot tell whether it is suspended: {error}"),
                format!("see {}", config.app_folder(name).display()),
            )),
            Ok(None) => findings.extend(trouble.map(|trouble| Finding {
                fixes: trouble.hints.clone(),
                ..Finding::warning(
                    APPS,
                    format!("{name} is not served as it is installed: {}", trouble.error),
                    "",
                )
            })),
        }
    }
    if findings.is_empty() && !names.is_empty() {
        findings.push(Finding::ok(APPS, format!("installed: {}", names.len())));
    }
    findings
}
