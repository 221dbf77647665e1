//! The machines that run calls for this one, where the owner wants that.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use syft_workers::{Probe, WorkersOptions, probe};

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
        is_key && entry.metadata().is_ok_and(|file| file.mode() & 0o077 != 0)
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let probed = match runtime {
        Ok(runtime) => runtime.block_on(probe(options)),
        Err(error) => return Finding::of_error(WORKERS, &CommandError::from(error)),
    };
    let url = &options.url;
    match probed {
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
        Err(error) => Finding::of_error(WORKERS, &explain(error)),
    }
}
