//! Serves one app: the desired release or, as long as that fails, the one before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use syft_manifest::clock::now;
use syft_manifest::{
    AccessGrants, Digest, Grants, HttpGrants, Limits, Manifest, MessageGrants, WantedSecret,
};
use syft_package::trust::{RevokedBy, TrustStore};
use syft_protocol::address::{AppName, Datasite};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{self, Instant};
use tracing::Instrument;

use super::desired_release::DesiredRelease;
use super::{AppReport, AppStatus, AppTrouble, ServedApp, SupervisorEvent, SupervisorOptions};
use crate::config::Config;
use crate::error::CommandError;
use crate::installed::{Components, InstalledRelease};
use crate::open_files::spare_files;
use crate::prepared_app::{AppSpec, PreparedApp, explain_suspended};
use crate::server_task::ServerTask;
use crate::settings::{AppRules, HostSettings};
use syft_runtime::program_cache::ProgramCache;
use syft_runtime::state::CACHE_BYTES;
use syft_server::server::ServeOptions;
use syft_server::shutdown::Shutdown;
use syft_server::suspension::{self, Suspended};

/// The time before what failed is tried again, which doubles up to the longest.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(300);

/// How often it is looked whether an app that is suspended was resumed.
const RESUMED_EVERY: Duration = Duration::from_secs(2);

/// Memory for pages of the states of all apps. It is outside of `--memory-total`, so a thousand apps
/// that are all called must not have as much each as one alone.
const STATE_CACHES: usize = 256 << 20;
const LEAST_CACHE: usize = 512 << 10;

/// Files that an app has open beside those of its calls.
const OWN_FILES: u64 = 24;

/// What the tasks of all apps share.
pub(super) struct AppTaskContext {
    config: Config,
    options: SupervisorOptions,
    components: Components,
    trust: Arc<TrustStore>,
    /// The number of apps that share the files that may be open.
    n_apps: AtomicUsize,
    cache: Arc<ProgramCache>,
    /// So many components are read at a time.
    reading: Semaphore,
}

impl AppTaskContext {
    pub(super) fn new(
        config: Config,
        options: SupervisorOptions,
        components: Components,
        trust: Arc<TrustStore>,
    ) -> Self {
        let installed = components.clone();
        let read = move |digest: &Digest, limit| Ok(installed.read(digest, limit)?);
        let cache = ProgramCache::new(Box::new(read), options.most_loaded);
        Self {
            config,
            options,
            components,
            trust,
            n_apps: AtomicUsize::new(1),
            cache: Arc::new(cache),
            reading: Semaphore::new(1),
        }
    }

    /// Returns what the owner says of apps.
    pub(super) fn settings(&self) -> Arc<HostSettings> {
        self.options.settings.current()
    }

    /// Reads again what the owner says.
    pub(super) fn reload_settings(&self) {
        self.options.settings.reload();
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
        release: &InstalledRelease,
        rules: &AppRules,
    ) -> Result<PreparedApp, CommandError> {
        let manifest = self.manifest(name, &release.sha256).await?;
        let mut grants = Grants {
            requested: manifest.files,
            approved: release.approved.files.clone(),
            denied: release.denied.clone(),
            http: HttpGrants {
                requested: manifest.http,
                approved: release.approved.http.clone(),
                denied: Vec::new(),
            },
            messages: MessageGrants {
                requested: manifest.messages,
                approved: release.approved.messages.clone(),
            },
            secrets: approved_secrets(&manifest.secrets, &release.approved.secrets),
            access: AccessGrants {
                requested: manifest.access,
                approved: release.approved.access.clone(),
            },
        };
        rules.deny(&mut grants);
        let limits = rules.limit(release.limits());
        let spec = AppSpec {
            name: name.clone(),
            author: author.to_owned(),
            limits: spare_files(limits, &grants, self.files_of_one()),
            grants,
            args: manifest.args,
            env: manifest.env,
            schedules: manifest.schedules,
            worker: manifest.worker,
        };
        let (config, memory) = (&self.config, &self.options.serve.memory);
        let digest = release.sha256.clone();
        PreparedApp::among(&self.cache, config, memory, spec, digest).await
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
        release: &InstalledRelease,
    ) -> Result<Option<RevokedBy>, CommandError> {
        let (trust, author, digests) = (Arc::clone(&self.trust), author.clone(), release.digests());
        let find = move || trust.is_revoked(&author, &digests);
        let revoked = tokio::task::spawn_blocking(find).await??;
        Ok(revoked.map(|(_, by)| by))
    }

    /// Returns how an app is served, one of so many.
    fn serve_options(&self) -> ServeOptions {
        let mut options = self.options.serve.clone();
        let share = STATE_CACHES / self.n_apps.load(Ordering::Relaxed);
        options.store.cache_bytes = share.clamp(LEAST_CACHE, CACHE_BYTES);
        options
    }

    /// Has workers made ready for an app whose calls they may run, or forget it.
    fn offer(
        &self,
        app: &AppName,
        author: &str,
        digest: &Digest,
        limits: &Limits,
        is_for_them: bool,
    ) {
        let Some(workers) = &self.options.workers else {
            return;
        };
        if is_for_them {
            workers.offer_installed(app, author, digest, limits, &self.components);
        } else {
            workers.withdraw(app);
        }
    }

    /// Returns how many files one app may have open.
    fn files_of_one(&self) -> u64 {
        let n_apps = self.n_apps.load(Ordering::Relaxed) as u64;
        (self.options.open_files / n_apps).saturating_sub(OWN_FILES)
    }
}

/// The task of one app.
pub(super) struct AppTask {
    name: AppName,
    context: Arc<AppTaskContext>,
    /// What is to be served, if the app is installed.
    desired: watch::Receiver<Option<DesiredRelease>>,
    shutdown: Shutdown,
    reports: mpsc::UnboundedSender<AppReport>,
    running: Option<RunningServer>,
    trouble: Option<AppTrouble>,
    /// Attempts in a row that failed, and when there is the next.
    n_failed: u32,
    retry_at: Option<Instant>,
}

/// A release that is served.
struct RunningServer {
    release: InstalledRelease,
    rules: AppRules,
    task: ServerTask,
}

impl AppTask {
    pub(super) fn new(
        name: &AppName,
        context: Arc<AppTaskContext>,
        desired: watch::Receiver<Option<DesiredRelease>>,
        shutdown: Shutdown,
        reports: mpsc::UnboundedSender<AppReport>,
    ) -> Self {
        Self {
            name: name.clone(),
            context,
            desired,
            shutdown,
            reports,
            running: None,
            trouble: None,
            n_failed: 0,
            retry_at: None,
        }
    }

    /// Serves the desired release until the host has to stop.
    pub(super) async fn run(self) {
        // Of the highest level, so that whatever is logged says whose it is.
        let span = tracing::error_span!("serve", app = %self.name);
        self.run_all().instrument(span).await;
    }

    async fn run_all(mut self) {
        let mut shutdown = self.shutdown.clone();
        loop {
            self.follow().await;
            tokio::select! {
                changed = self.desired.changed() => match changed {
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
    async fn end(&mut self) -> Option<(InstalledRelease, AppRules)> {
        let running = self.running.take()?;
        if let Some(workers) = &self.context.options.workers {
            workers.withdraw(&self.name);
        }
        let before = (running.release.clone(), running.rules.clone());
        running.task.end(&mut self.shutdown).await;
        Some(before)
    }

    /// Serves what is desired now.
    async fn follow(&mut self) {
        self.retry_at = None;
        let desired = self.desired.borrow_and_update().clone();
        let Some(DesiredRelease {
            author,
            release,
            revoked,
            rules,
            ..
        }) = desired
        else {
            return self.remove().await;
        };
        let is_it = |serving: &RunningServer| is_same(&serving.release, &release);
        let is_same_release = self.running.as_ref().is_some_and(is_it);
        let is_served = is_same_release
            && (self.running.as_ref()).is_some_and(|serving| serving.rules == rules);
        if let Some(by) = revoked {
            if is_same_release {
                self.end().await;
            }
            let error = CommandError::new(format!("it was revoked by {by}"));
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
        if let Err(error) = self.serve(&author, release, rules).await {
            // It may be by what was found out then.
            match self.suspended() {
                Some(suspended) => self.take_suspension(digest, &suspended),
                None => self.take_failure(digest, &error),
            }
        }
    }

    /// Returns why the app is suspended, if it is.
    fn suspended(&self) -> Option<Suspended> {
        let folder = self.context.config.app_folder(&self.name);
        suspension::suspended(&folder).unwrap_or_else(|error| {
            // A record that cannot be read may say that the app is suspended.
            let why = format!("cannot read whether it is suspended: {error}");
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
        self.report(Some(SupervisorEvent::Failed(self.name.clone(), trouble)));
    }

    async fn remove(&mut self) {
        let was_in_trouble = self.trouble.take().is_some();
        let was_there = self.end().await.is_some() || was_in_trouble;
        let stopped = was_there.then(|| SupervisorEvent::Stopped(self.name.clone()));
        self.send(None, stopped);
    }

    /// Ends an older release that is served still and was revoked.
    async fn end_if_revoked(&mut self, author: &Datasite) {
        let Some(running) = &self.running else {
            return;
        };
        let revoked = self.context.revoked(author, &running.release).await;
        match revoked {
            Ok(None) => return,
            Ok(Some(by)) => tracing::warn!("the release before was revoked too, by {by}"),
            Err(error) => tracing::error!("the release before is not served on: {error}"),
        }
        self.end().await;
    }

    /// Serves a release in the place of the one that is served, which stops once the new one is
    /// compiled. In between, requests wait in the tree. If another release is desired meanwhile,
    /// this one is given up.
    async fn serve(
        &mut self,
        author: &Datasite,
        release: InstalledRelease,
        rules: AppRules,
    ) -> Result<(), CommandError> {
        let mut desired = self.desired.clone();
        let prepared = tokio::select! {
            prepared = self.context.prepare(&self.name, author.as_str(), &release, &rules) => prepared?,
            _ = desired.changed() => return Ok(()),
            () = self.shutdown.requested() => return Ok(()),
        };
        let before = self.end().await;
        match self.start(author, prepared, release, rules).await {
            Ok(Some(served)) => {
                (self.trouble, self.n_failed) = (None, 0);
                let name = self.name.clone();
                let event = match before {
                    Some(_) => SupervisorEvent::Replaced(name, served),
                    None => SupervisorEvent::Started(name, served),
                };
                self.report(Some(event));
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                if let Some((before, rules)) = before {
                    self.go_back(author, before, rules).await;
                }
                Err(error)
            }
        }
    }

    /// Starts the server of an app, unless the host is to end at once.
    async fn start(
        &mut self,
        author: &Datasite,
        prepared: PreparedApp,
        release: InstalledRelease,
        rules: AppRules,
    ) -> Result<Option<ServedApp>, CommandError> {
        let interface = prepared.interface();
        let options = self.context.serve_options();
        let (is_for_workers, limits) = (
            options.placement.is_for_workers(&prepared.place()),
            prepared.limits().clone(),
        );
        let server = tokio::select! {
            server = prepared.start(&self.context.config, &options) => server?,
            () = self.shutdown.insisted() => return Ok(None),
        };
        let served = ServedApp {
            release: release.clone(),
            interface,
            path: server.tree().path().to_owned(),
        };
        let (context, digest) = (&self.context, &release.sha256);
        context.offer(&self.name, author.as_str(), digest, &limits, is_for_workers);
        let version = Some(release.version.to_string());
        let activity = &self.context.options.activity;
        activity.serving(&self.name, version, server.load_view());
        self.running = Some(RunningServer {
            release,
            rules,
            task: ServerTask::start(server),
        });
        Ok(Some(served))
    }

    /// Serves again what was served before.
    async fn go_back(&mut self, author: &Datasite, before: InstalledRelease, rules: AppRules) {
        let again = async {
            if let Some(by) = self.context.revoked(author, &before).await? {
                return Err(CommandError::new(format!("it was revoked by {by}")));
            }
            let prepared = self
                .context
                .prepare(&self.name, author.as_str(), &before, &rules);
            let prepared = prepared.await?;
            self.start(author, prepared, before, rules).await
        };
        if let Err(error) = again.await {
            tracing::error!("cannot serve the release before it either: {error}");
        }
    }

    /// The server has ended by itself.
    fn take_fall(&mut self) {
        if let Some(running) = self.running.take() {
            let error = CommandError::new("its server ended because of a fault of the host");
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
        self.report(Some(SupervisorEvent::Failed(self.name.clone(), trouble)));
    }

    fn report(&self, event: Option<SupervisorEvent>) {
        let status = AppStatus {
            serving: self
                .running
                .as_ref()
                .map(|running| running.release.sha256.clone()),
            trouble: self.trouble.clone(),
            since: now().micros(),
        };
        self.send(Some(status), event);
    }

    fn send(&self, status: Option<AppStatus>, event: Option<SupervisorEvent>) {
        let name = self.name.clone();
        let report = AppReport {
            name,
            status,
            event,
        };
        if self.reports.send(report).is_err() {
            tracing::debug!("a report came after the end");
        }
    }
}

fn trouble(sha256: Option<Digest>, error: &CommandError) -> AppTrouble {
    AppTrouble {
        sha256,
        error: error.to_string(),
        hints: error.hints().to_vec(),
    }
}

/// Returns the secrets that an app asks for and that were approved as it asks for them.
fn approved_secrets(requested: &[WantedSecret], approved: &[WantedSecret]) -> Vec<WantedSecret> {
    let both = requested.iter().filter(|secret| approved.contains(secret));
    both.cloned().collect()
}

/// Tells whether two releases are served in the same way.
fn is_same(one: &InstalledRelease, other: &InstalledRelease) -> bool {
    let rights = |release: &InstalledRelease| (release.approved.clone(), release.denied.clone());
    one.sha256 == other.sha256 && rights(one) == rights(other)
}

/// Returns the time until the next attempt after so many that failed.
fn delay(n_failed: u32) -> Duration {
    FIRST_DELAY
        .saturating_mul(1 << n_failed.min(16))
        .min(LONGEST_DELAY)
}

/// Waits until a server has ended, or for ever without one.
async fn fallen(running: Option<&mut RunningServer>) {
    match running {
        Some(running) => running.task.ended().await,
        None => std::future::pending().await,
    }
}

/// Waits until a time, or for ever without one.
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
