//! SyftBox's client: whether it runs, and what it syncs.

use std::collections::BTreeSet;

use syft_package::catalog::CATALOG_FILE;
use syft_package::source::AppSource;
use syft_system::machine::processes;

use super::Finding;
use crate::config::Config;
use crate::installed::InstalledRecords;
use syft_server::subscriptions::Subscriptions;

const CLIENT: &str = "SyftBox";
const SYNC: &str = "sync";

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    if config.is_local {
        return Vec::new();
    }
    let mut findings = vec![client()];
    findings.extend(sync(config));
    findings
}

fn client() -> Finding {
    let Some(processes) = processes() else {
        let what =
            "whether its client runs is not known: this system does not say which programs run";
        return Finding::ok(CLIENT, what);
    };
    match of_client(&processes) {
        Some(pid) => Finding::ok(CLIENT, format!("its client runs as process {pid}")),
        None => Finding::warning(
            CLIENT,
            "no client runs here, so nothing is synced",
            "start it: `syftbox` (a client in a container is not seen from here)",
        ),
    }
}

/// Returns the process of a client, if one runs.
fn of_client(processes: &[(u32, String)]) -> Option<u32> {
    let mut processes = processes.iter();
    let found = processes.find(|(_, name)| name.to_lowercase().starts_with("syftbox"));
    found.map(|(pid, _)| *pid)
}

/// Tells of authors whose catalogs do not come here, and whether anything of others does.
fn sync(config: &Config) -> Vec<Finding> {
    let subscriptions = Subscriptions::find(&config.datasites, &config.email);
    let mut findings = Vec::new();
    for author in authors(config) {
        let names = [author.as_str(), "public", "syft-apps", CATALOG_FILE];
        let missing = subscriptions.missing(&names, "public/syft-apps/**");
        findings.extend(missing.map(|why| {
            let what = format!(
                "what {author} publishes is not synced, so its updates and revocations do not come"
            );
            Finding::warning(SYNC, what, why)
        }));
    }
    if findings.is_empty() {
        findings.push(match subscriptions.missing_of_others("**") {
            None => Finding::ok(
                SYNC,
                "the client syncs datasites of others, as far as it says",
            ),
            Some(why) => Finding::warning(
                SYNC,
                "the client syncs nothing of others, so none of them can be called or read",
                why,
            ),
        });
    }
    findings
}

/// Returns whose datasites updates come from.
fn authors(config: &Config) -> BTreeSet<String> {
    let mut authors = BTreeSet::new();
    if !config.installed.is_dir() {
        return authors;
    }
    let Ok(records) = InstalledRecords::open(&config.installed) else {
        return authors;
    };
    for name in records.names().unwrap_or_default() {
        let installed = records.get(&name).ok().flatten();
        let source = installed.and_then(|it| AppSource::parse(&it.source).ok());
        if let Some(AppSource::Datasite(url)) = source {
            authors.insert(url.author().to_string());
        }
    }
    authors
}
