//! What apps do by the clock: each time once, whatever stops the host.

mod failing;
mod python;
mod running;
mod showing;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::apps::with_manifest;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::Host;
use crate::support::site::Site;
use crate::support::wait_for;

/// The times that the guest leaves to its manifest.
const EACH_SECOND: &str = "[schedules.tock]\nevery = '1s'\n";

fn scheduler(site: &Site, manifest: &str) -> PathBuf {
    with_manifest(site, &guest("scheduler"), manifest)
}

/// Serves the guest that counts the times of its schedules.
fn start(site: &Site, options: &[&str]) -> Host {
    let app = scheduler(site, EACH_SECOND);
    Host::start(site, &app, &[&["--name", "app"], options].concat())
}

/// Returns how often each time of a schedule took effect.
fn ran(host: &Host, schedule: &str) -> BTreeMap<String, i64> {
    let answer = call(&host.rpc, "ran", "");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let all: BTreeMap<String, i64> = serde_json::from_str(&answer.text()).unwrap();
    let prefix = format!("{schedule}/");
    let of_it = all
        .into_iter()
        .filter_map(|(key, count)| Some((key.strip_prefix(&prefix)?.to_owned(), count)));
    of_it.collect()
}

/// Waits until more times have come than these.
fn wait_for_more(host: &Host, schedule: &str, than: usize) -> BTreeMap<String, i64> {
    wait_for("more times", || {
        Some(ran(host, schedule)).filter(|ran| ran.len() > than)
    })
}
