//! Keeps one app served: the release that is wanted or, as long as that cannot be, the one
//! before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use syft_protocol::address::{AppName, Datasite};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{self, Instant};
use tracing::Instrument;

use super::{AppStatus, Event, Report, Served, Trouble, Wanted};
use crate::capability::files::Grants;
use crate::clock::now;
use crate::config::Config;
use crate::digest::Digest;
use crate::error::CommandError;
use crate::installed::{Components, Release};
use crate::launch::{Manner, Plan, Prepared, explain_suspended, spare_files};
use crate::manifest::Manifest;
use crate::residents::Residents;
use crate::sandbox::Limits;
use crate::server::{Remains, Shutdown, Stop};
use crate::suspension::{self, Suspended};
use crate::trust::{By, TrustStore};

/// The time before what failed is tried again, which doubles up to the longest.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(300);

/// How often it is looked whether an app that is suspended was resumed.
const RESUMED_EVERY: Duration = Duration::from_secs(2);

/// Files that an app has open beside those of its calls.
const OWN_FILES: u64 = 24;

/// What keepers share.
pub(super) struct Shared {
    config: Config,
    manner: Manner,
    components: Components,
    trust: Arc<TrustStore>,
    /// Files that may be open, and among how many apps they are shared.
    open_files: u64,
    n_apps: AtomicUsize,
    residents: Arc<Residents>,
    /// So many components are read at a time.
    reading: Semaphore,
}

impl Shared {
    pub(super) fn new(
        config: Config,
        manner: Manner,
        components: Components,
        trust: Arc<TrustStore>,
        open_files: u64,
        most_loaded: usize,
    ) -> Self {
        let residents = Residents::new(components.clone(), most_loaded);
        Self {
            config,
            manner,
            components,
            trust,
            open_files,
            n_apps: AtomicUsize::new(1),
            residents: Arc::new(residents),
            reading: Semaphore::new(1),
        }
    }

    /// Takes note of how many apps there are.
    pub(super) fn count(&self, n_apps: usize) {
        self.n_apps.store(n_apps.max(1), Ordering::Relaxed);
    }

    /// Compiles the component of a release: the one that was kept when it was installed, if
    /// it has the same bytes still.
    async fn prepare(
        &self,
        name: &AppName,
        author: &str,
        release: &Release,
    ) -> Result<Prepared, CommandError> {
        let grants = Grants {
            requested: self.manifest(name, &release.sha256).await?.files,
            approved: release.approved.files.clone(),
            denied: release.denied.clone(),
        };
        let limits = release.approved.limits.over(Limits::default());
        let plan = Plan {
            name: name.clone(),
            limits: spare_files(limits, &grants, self.files_of_one()),
            grants,
        };
        let (config, memory) = (&self.config, &self.manner.memory);
        let digest = release.sha256.clone();
        Prepared::among(&self.residents, config, memory, plan, digest, author).await
    }

    /// Reads what a component says of itself.
    async fn manifest(&self, name: &AppName, digest: &Digest) -> Result<Manifest, CommandError> {
        let _turn = self.reading.acquire().await?;
        let limit = Limits::default().component_bytes;
        let (components, digest) = (self.components.clone(), digest.clone());
        let read = move || -> Result<Manifest, CommandError> {
            let component = components.read(&digest, limit)?;
            Ok(Manifest::from_component(&component)?.unwrap_or_default())
        };
        let hint = format!("install it again, or remove it: `syft-host remove {name}`");
        let manifest = tokio::task::spawn_blocking(read).await?;
        manifest.map_err(|error| error.hint(hint))
    }

    /// Tells by whom a release was revoked, if it was.
    async fn revoked(
        &self,
        author: &Datasite,
        release: &Release,
    ) -> Result<Option<By>, CommandError> {
        let (trust, author, digests) = (Arc::clone(&self.trust), author.clone(), release.digests());
        let find = move || trust.is_revoked(&author, &digests);
        let revoked = tokio::task::spawn_blocking(find).await??;
        Ok(revoked.map(|(_, by)| by))
    }

    /// Returns how many files one app may have open.
    fn files_of_one(&self) -> u64 {
        let n_apps = self.n_apps.load(Ordering::Relaxed) as u64;
        (self.open_files / n_apps).saturating_sub(OWN_FILES)
    }
}

/// The keeper of one app.
pub(super) struct Keeper {
    name: AppName,
    shared: Arc<Shared>,
    /// What is to be served, if the app is installed.
    wanted: watch::Receiver<Option<Wanted>>,
    shutdown: Shutdown,
    reports: mpsc::UnboundedSender<Report>,
    running: Option<Running>,
    trouble: Option<Trouble>,
    /// Attempts in a row that failed, and when there is the next.
    n_failed: u32,
    retry_at: Option<Instant>,
}

// Why: docs/decisions/49-releases-replace-each-other-through-the-tree.md
/// A server at work.
struct Running {
    release: Release,
    stop: Stop,
    server: JoinHandle<Remains>,
}

impl Running {
    /// Ends calls in progress, and waits until nothing of the app is open any more.
    async fn end(mut self, shutdown: &mut Shutdown) {
        self.stop.stop();
        let ended = tokio::select! {
            ended = &mut self.server => ended,
            () = shutdown.insisted() => {
                self.stop.stop();
                self.server.await
            }
        };
        match ended {
            Ok(remains) => tokio::select! {
                () = remains.gone() => {}
                () = shutdown.requested() => {}
            },
            Err(error) => tracing::error!("the server of the app: {error}"),
        }
    }
}

impl Keeper {
    pub(super) fn new(
        name: &AppName,
        shared: Arc<Shared>,
        wanted: watch::Receiver<Option<Wanted>>,
        shutdown: Shutdown,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        Self {
            name: name.clone(),
            shared,
            wanted,
            shutdown,
            reports,
            running: None,
            trouble: None,
            n_failed: 0,
            retry_at: None,
        }
    }

    /// Does what is wanted until the host is to stop.
    pub(super) async fn keep(self) {
        // Of the highest level, so that whatever is logged says whose it is.
        let span = tracing::error_span!("serve", app = %self.name);
        self.keep_all().instrument(span).await;
    }

    async fn keep_all(mut self) {
        let mut shutdown = self.shutdown.clone();
        loop {
            self.follow().await;
            tokio::select! {
                changed = self.wanted.changed() => match changed {
                    Ok(()) => self.n_failed = 0,
                    Err(_) => break,
                },
                () = fallen(self.running.as_mut()) => self.take_fall(),
                () = sleep_until(self.retry_at) => {}
                () = shutdown.requested() => break,
            }
        }
        self.end().await;
    }

    /// Ends what is served, and returns which release it was.
    async fn end(&mut self) -> Option<Release> {
        let running = self.running.take()?;
        let release = running.release.clone();
        running.end(&mut self.shutdown).await;
        Some(release)
    }

    /// Has that served which is wanted.
    async fn follow(&mut self) {
        self.retry_at = None;
        let wanted = self.wanted.borrow_and_update().clone();
        let Some(Wanted {
            author,
            release,
            revoked,
            ..
        }) = wanted
        else {
            return self.remove().await;
        };
        let serving = self.running.as_ref().map(|it| &it.release);
        let is_served = serving.is_some_and(|it| is_same(it, &release));
        if let Some(by) = revoked {
            if is_served {
                self.end().await;
            }
            let error = CommandError::new(format!("it may not be served: {by}"));
            return self.take_failure(release.sha256, &error);
        }
        if is_served {
            if self.trouble.take().is_some() {
                self.report(None);
            }
            return;
        }
        self.end_if_revoked(&author).await;
        let digest = release.sha256.clone();
        if let Some(suspended) = self.suspended() {
            self.end().await;
            return self.take_suspension(digest, &suspended);
        }
        if let Err(error) = self.serve(&author, release).await {
            // It may be by what was found out then.
            match self.suspended() {
                Some(suspended) => self.take_suspension(digest, &suspended),
                None => self.take_failure(digest, &error),
            }
        }
    }

    /// Returns why the app is suspended, if it is.
    fn suspended(&self) -> Option<Suspended> {
        let folder = self.shared.config.app_folder(&self.name);
        suspension::suspended(&folder).unwrap_or_else(|error| {
            // Unreadable is not absent.
            let why = format!("it cannot be read whether it is suspended: {error}");
            Some(Suspended { since: 0, why })
        })
    }

    /// The app is not served until its owner resumes it, which is looked for.
    fn take_suspension(&mut self, digest: Digest, suspended: &Suspended) {
        self.retry_at = Some(Instant::now() + RESUMED_EVERY);
        let trouble = trouble(Some(digest), &explain_suspended(suspended, &self.name));
        if self.trouble.as_ref() == Some(&trouble) {
            return;
        }
        tracing::error!("{}", trouble.error);
        self.trouble = Some(trouble.clone());
        self.report(Some(Event::Failed(self.name.clone(), trouble)));
    }

    async fn remove(&mut self) {
        let was_in_trouble = self.trouble.take().is_some();
        let was_there = self.end().await.is_some() || was_in_trouble;
        let stopped = was_there.then(|| Event::Stopped(self.name.clone()));
        self.send(None, stopped);
    }

    /// Ends an older release that is served still and was revoked.
    async fn end_if_revoked(&mut self, author: &Datasite) {
        let Some(running) = &self.running else {
            return;
        };
        let revoked = self.shared.revoked(author, &running.release).await;
        match revoked {
            Ok(None) => return,
            Ok(Some(by)) => tracing::warn!("the release before may not be served either: {by}"),
            Err(error) => tracing::error!("the release before is not served on: {error}"),
        }
        self.end().await;
    }

    /// Serves a release in the place of the one that is served. That is stopped once the new
    /// one is compiled; between the two, requests wait in the tree. Where something else is
    /// wanted meanwhile, it is given up.
    async fn serve(&mut self, author: &Datasite, release: Release) -> Result<(), CommandError> {
        let mut wanted = self.wanted.clone();
        let prepared = tokio::select! {
            prepared = self.shared.prepare(&self.name, author.as_str(), &release) => prepared?,
            _ = wanted.changed() => return Ok(()),
            () = self.shutdown.requested() => return Ok(()),
        };
        let before = self.end().await;
        match self.start(prepared, release).await {
            Ok(Some(served)) => {
                (self.trouble, self.n_failed) = (None, 0);
                let name = self.name.clone();
                let event = match before {
                    Some(_) => Event::Replaced(name, served),
                    None => Event::Started(name, served),
                };
                self.report(Some(event));
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                if let Some(before) = before {
                    self.go_back(author, before).await;
                }
                Err(error)
            }
        }
    }

    /// Starts the server of an app, unless the host is to end at once.
    async fn start(
        &mut self,
        prepared: Prepared,
        release: Release,
    ) -> Result<Option<Served>, CommandError> {
        let serves = prepared.serves();
        let server = tokio::select! {
            server = prepared.start(&self.shared.config, &self.shared.manner) => server?,
            () = self.shutdown.insisted() => return Ok(None),
        };
        let served = Served {
            release: release.clone(),
            serves,
            path: server.tree().path().to_owned(),
        };
        let (stop, shutdown) = Shutdown::new();
        let server = tokio::spawn(server.run(shutdown).in_current_span());
        self.running = Some(Running {
            release,
            stop,
            server,
        });
        Ok(Some(served))
    }

    /// Serves again what was served before.
    async fn go_back(&mut self, author: &Datasite, before: Release) {
        let again = async {
            if let Some(by) = self.shared.revoked(author, &before).await? {
                return Err(CommandError::new(format!("it may not be served: {by}")));
            }
            let prepared = self.shared.prepare(&self.name, author.as_str(), &before);
            let prepared = prepared.await?;
            self.start(prepared, before).await
        };
        if let Err(error) = again.await {
            tracing::error!("neither can the release before it be served: {error}");
        }
    }

    /// The server has ended, and nobody asked it to.
    fn take_fall(&mut self) {
        if let Some(running) = self.running.take() {
            let error = CommandError::new("its server has ended by a fault of the host's own");
            self.take_failure(running.release.sha256, &error);
        }
    }

    fn take_failure(&mut self, digest: Digest, error: &CommandError) {
        let delay = match self.running {
            // Each attempt interrupts what is served.
            Some(_) => LONGEST_DELAY,
            None => delay(self.n_failed),
        };
        self.n_failed += 1;
        self.retry_at = Some(Instant::now() + delay);
        let trouble = trouble(Some(digest), error);
        let (again_s, is_served) = (delay.as_secs(), self.running.is_some());
        tracing::error!(again_s, is_served, "cannot serve it: {error}");
        self.trouble = Some(trouble.clone());
        self.report(Some(Event::Failed(self.name.clone(), trouble)));
    }

    fn report(&self, event: Option<Event>) {
        let status = AppStatus {
            serving: self.running.as_ref().map(|it| it.release.sha256.clone()),
            trouble: self.trouble.clone(),
            since: now().micros(),
        };
        self.send(Some(status), event);
    }

    fn send(&self, status: Option<AppStatus>, event: Option<Event>) {
        let name = self.name.clone();
        let report = Report {
            name,
            status,
            event,
        };
        if self.reports.send(report).is_err() {
            tracing::debug!("a report came after the end");
        }
    }
}

fn trouble(sha256: Option<Digest>, error: &CommandError) -> Trouble {
    Trouble {
        sha256,
        error: error.to_string(),
        hints: error.hints().to_vec(),
    }
}

/// Tells whether two releases are served in the same way.
fn is_same(one: &Release, other: &Release) -> bool {
    let rights = |it: &Release| (it.approved.clone(), it.denied.clone());
    one.sha256 == other.sha256 && rights(one) == rights(other)
}

/// Returns the time until the next attempt after so many that failed.
fn delay(n_failed: u32) -> Duration {
    FIRST_DELAY
        .saturating_mul(1 << n_failed.min(16))
        .min(LONGEST_DELAY)
}

/// Waits until a server has ended; for ever where there is none.
async fn fallen(running: Option<&mut Running>) {
    match running {
        Some(running) => {
            if let Err(error) = (&mut running.server).await {
                tracing::error!("the server of the app: {error}");
            }
        }
        None => std::future::pending().await,
    }
}

/// Waits for a time; for ever where there is none.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_tried_less_and_less_often() {
        let seconds = [0, 1, 2, 8, 9, 40].map(|n_failed| delay(n_failed).as_secs());
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300]);
    }
}
