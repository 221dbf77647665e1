//! The machines that run calls for this one, where the owner wants that.

use std::fs;
use std::path::Path;
use std::thread;

use syft_workers::{Probe, WorkersOptions, probe};

use syft_system::private::others_may_read;

use super::Finding;
use crate::error::CommandError;
use crate::settings::HostSettings;
use crate::workers_link::{explain, options};

const WORKERS: &str = "workers";

/// A round trip that takes longer than this makes calls slow that ask much.
const SLOW_MS: u128 = 50;

pub(super) fn examine() -> Vec<Finding> {
    // What is wrong with the file is told by another finding.
    let Ok(settings) = HostSettings::load() else {
        return Vec::new();
    };
    match options(&settings) {
        Ok(Some(options)) => {
            let mut findings: Vec<Finding> = key(&options.folder).into_iter().collect();
            findings.push(server(&options));
            findings
        }
        Ok(None) => Vec::new(),
        Err(error) => vec![Finding::of_error(WORKERS, &error)],
    }
}

/// Tells whether somebody else may read the keys.
fn key(folder: &Path) -> Option<Finding> {
    let entries = fs::read_dir(folder).ok()?;
    let open = entries.flatten().find(|entry| {
        let is_key = entry.path().extension().is_some_and(|kind| kind == "nk");
        is_key && others_may_read(&entry.path()).unwrap_or(false)
    })?;
    let path = open.path();
    let what = format!("others than you may read the key {}", path.display());
    let fix = format!(
        "`chmod 600 {}`; if somebody has read it, make it anew: `syft-host workers remove` and `add`",
        path.display()
    );
    Some(Finding::error(WORKERS, what, fix))
}

/// Connects once, as `serve` does.
fn server(options: &WorkersOptions) -> Finding {
    let url = &options.url;
    match probed(options) {
        Ok(Probe {
            server_version,
            round_trip,
        }) => {
            let ms = round_trip.as_millis();
            let what = format!("NATS {server_version} at {url} answers within {ms} ms");
            if ms > SLOW_MS {
                let fix = "have the server nearer: each look of a call at a file or its state takes as long";
                return Finding::warning(WORKERS, what, fix);
            }
            Finding::ok(WORKERS, what)
        }
        Err(error) => Finding::of_error(WORKERS, &error),
    }
}

/// Whoever examines is called by a task, in which nobody may wait: a thread does.
fn probed(options: &WorkersOptions) -> Result<Probe, CommandError> {
    let work = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let probe = probe(options);
        runtime
            .enable_all()
            .build()?
            .block_on(probe)
            .map_err(explain)
    };
    let ended = thread::scope(|scope| scope.spawn(work).join());
    ended.unwrap_or_else(|_| {
        Err(CommandError::new(
            "looking for the NATS server has panicked",
        ))
    })
}
