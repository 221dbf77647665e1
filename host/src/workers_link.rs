//! Calls on other machines: connects the host with what carries them, and says how that goes.

use std::path::PathBuf;
use std::sync::Arc;

use syft_manifest::sanitize::plain;
use syft_manifest::{Digest, Limits};
use syft_protocol::address::AppName;
use syft_runtime::remote::{Pool, PoolStats, WorkerStats};
use syft_workers::{AppOffer, Workers, WorkersError, WorkersOptions};

use crate::activity::{WorkerStatistics, WorkersStatistics};
use crate::config::Config;
use crate::error::CommandError;
use crate::installed::Components;
use crate::settings::HostSettings;

/// What gives calls to other machines. It is cheap to clone.
#[derive(Clone)]
pub struct WorkersLink {
    workers: Arc<Workers>,
    server: Arc<str>,
}

/// Returns how other machines are reached, where the owner wants that.
///
/// # Errors
/// The user has no home.
pub(crate) fn options(settings: &HostSettings) -> Result<Option<WorkersOptions>, CommandError> {
    let Some(url) = settings.text("serve.workers") else {
        return Ok(None);
    };
    let folder = match settings.text("serve.workers-folder") {
        Some(folder) => PathBuf::from(folder),
        None => Config::workers_folder()?,
    };
    Ok(Some(WorkersOptions {
        url: url.to_owned(),
        folder,
        ca_file: settings.text("serve.workers-ca").map(PathBuf::from),
    }))
}

/// Returns why they are not, with what to do about it.
pub(crate) fn explain(error: WorkersError) -> CommandError {
    let hints = error.hints();
    CommandError::from(error)
        .about("cannot give calls to workers")
        .with_hints(hints)
}

impl WorkersLink {
    /// Begins to give calls to other machines. A server that is not there yet is waited for, and
    /// nobody else waits with it.
    ///
    /// # Errors
    /// The owner has to mend something: the address, the key, the certificates.
    pub async fn start(options: WorkersOptions) -> Result<Self, CommandError> {
        let server = Arc::from(options.url.as_str());
        let workers = Workers::start(options).await.map_err(explain)?;
        Ok(Self {
            workers: Arc::new(workers),
            server,
        })
    }

    /// Returns where calls are given out.
    pub fn pool(&self) -> Pool {
        self.workers.pool()
    }

    /// Has workers made ready for an app that is installed.
    pub(crate) fn offer_installed(
        &self,
        app: &AppName,
        author: &str,
        component: &Digest,
        limits: &Limits,
        components: &Components,
    ) {
        let (installed, digest) = (components.clone(), component.clone());
        let most = limits.component_bytes;
        let bytes = std::fs::metadata(components.path(component));
        self.workers.offer(AppOffer {
            name: app.to_string(),
            component: component.clone(),
            bytes: bytes.map_or(0, |file| file.len()),
            author: author.to_owned(),
            limits: limits.clone(),
            read: Arc::new(move || Ok(installed.read(&digest, most)?)),
        });
    }

    /// Has workers made ready for an app that is run.
    pub(crate) fn offer(&self, app: &AppName, component: Vec<u8>, limits: &Limits) {
        self.workers.offer(AppOffer {
            name: app.to_string(),
            component: Digest::of(&component),
            bytes: component.len() as u64,
            author: String::new(),
            limits: limits.clone(),
            read: Arc::new(move || Ok(component.clone())),
        });
    }

    /// Has workers forget an app.
    pub(crate) fn withdraw(&self, app: &AppName) {
        self.workers.withdraw(app.as_str());
    }

    /// Returns how the workers are.
    pub fn statistics(&self) -> WorkersStatistics {
        statistics(&self.server, self.workers.pool().stats())
    }
}

fn statistics(server: &str, stats: PoolStats) -> WorkersStatistics {
    let mut workers: Vec<WorkerStatistics> = stats.workers.into_iter().map(of_worker).collect();
    workers.sort_by(|one, other| one.name.cmp(&other.name));
    WorkersStatistics {
        server: plain(server),
        is_connected: stats.is_connected,
        queued: stats.queued,
        running: stats.running,
        finished: stats.finished,
        redelivered: stats.redelivered,
        lost: stats.lost,
        refused: stats.refused,
        workers,
    }
}

fn of_worker(worker: WorkerStats) -> WorkerStatistics {
    let heard_ago = worker.last_heard.elapsed().as_millis();
    WorkerStatistics {
        name: plain(&worker.name),
        labels: worker.labels.iter().map(|label| plain(label)).collect(),
        concurrency: worker.concurrency,
        running: worker.running,
        heard_ms_ago: u64::try_from(heard_ago).unwrap_or(u64::MAX),
        finished: worker.finished,
        lost: worker.lost,
    }
}
